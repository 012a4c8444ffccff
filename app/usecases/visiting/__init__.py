"""Visiting (走访): a store plans where its service van stands."""
