"""Orders, from placement to their end: what residents, merchants, stores and time do to them."""
