"""The courier's door (管家端): shifts, trips, hand-over, earnings."""
