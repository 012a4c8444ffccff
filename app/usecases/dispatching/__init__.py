"""Dispatch (派单): trips offered to couriers with consent, taken back from the silent, and the modes of communities."""
