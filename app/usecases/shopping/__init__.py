"""The resident chooses: cart and quote."""
