"""Payments in and refunds out: from the e-account in one step, by WeChat Pay with everything that can go wrong there."""
