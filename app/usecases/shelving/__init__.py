"""Parcels on a store's shelf, and the days on which it is closed."""
