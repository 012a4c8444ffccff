"""Carts that several fill and one pays (拼单)."""
