"""What staff of a store do for the communities: visits of its service van, visits to shops, samples to try."""
