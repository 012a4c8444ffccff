"""Two pairs of eyes (双人复核): one asks, another decides, and what is approved happens in the same transaction."""
