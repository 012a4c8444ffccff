"""Payments in and refunds out: by the e-account in one step, by WeChat Pay and card with all that can go wrong there."""
