"""Disputes of payments (支付争议): heard of, answered, and borne."""
