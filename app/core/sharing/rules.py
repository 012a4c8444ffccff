"""Pure rules of shared carts."""

from datetime import timedelta

LIFETIME = timedelta(hours=2)
MEMBERS_MAX = 20
"""With the owner."""
SHARED_LINES_MAX = 200
"""Lines of all members together, so that they fit into one cart."""
LINK_CHARS = 32
"""Hexadecimal: 128 bits that nobody guesses."""
