"""The operator's desk (运营台): what waits and for how long, switches, announcements, exports."""
