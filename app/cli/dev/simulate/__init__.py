"""``dev.py simulate``: orders replayed through the HTTP API on a virtual clock, then the books proven."""
