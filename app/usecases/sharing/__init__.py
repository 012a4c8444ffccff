"""Shared carts: opened, joined, filled, locked, taken."""
