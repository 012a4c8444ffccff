"""What staff of a store do outside of it: visits of its service van to communities."""
