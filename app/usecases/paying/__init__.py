"""Payments in and refunds out: by the e-account in one step, from outside with all that can go wrong there."""
