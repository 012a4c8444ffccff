"""Visiting (走访): where a store's service van stands, what its staff find in shops, which samples it shows."""
