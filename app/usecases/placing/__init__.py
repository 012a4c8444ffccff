"""Placing: streets and communities are taken in from lists; communities are outlined, merged and split."""
