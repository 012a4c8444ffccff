"""Facts about how somebody deals with money, read only."""
