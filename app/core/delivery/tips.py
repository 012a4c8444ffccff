"""Limits of a tip (打赏). Our own rules: small enough to need no second thought, since it cannot be taken back."""

from datetime import timedelta

TIP_FEN_MIN = 100
TIP_FEN_MAX = 5_000
TIP_WINDOW = timedelta(days=7)
"""How long after delivery one may tip or rate."""
