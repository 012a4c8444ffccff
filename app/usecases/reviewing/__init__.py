"""Buyers review, shops reply, the platform folds."""
