"""Services at home by appointment (家政): providers, their times, bookings, and what becomes of an appointment."""
