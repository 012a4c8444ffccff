"""Appointments: providers and their times, booking, what both sides do on the day, and what time does."""
