"""The directory grows by lists, and its listings are claimed by the merchants that they name."""
