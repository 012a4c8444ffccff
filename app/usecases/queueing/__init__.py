"""Tickets and appointments at the desk of a store: taken, called, served."""
