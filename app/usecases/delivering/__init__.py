"""The last mile: shifts, trips, and what happens at the shop's counter and at the door."""
