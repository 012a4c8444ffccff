"""The operator's door (平台): orders, parties, the books."""
