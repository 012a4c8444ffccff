"""Privacy: erasure and the rotation of keys."""
