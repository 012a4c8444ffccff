"""Placing: streets and communities are taken in from lists."""
