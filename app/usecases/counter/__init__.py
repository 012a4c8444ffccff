"""Paying at a shop's counter, and giving it back."""
