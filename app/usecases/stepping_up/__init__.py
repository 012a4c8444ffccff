"""Setting a payment PIN, and buying grants with it."""
