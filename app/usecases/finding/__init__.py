"""The resident finds: readings of names, what is remembered of searches, paid placement."""
