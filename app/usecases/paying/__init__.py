"""Payments in and refunds out: by the e-account in one step, by WeChat Pay with all that can go wrong there."""
