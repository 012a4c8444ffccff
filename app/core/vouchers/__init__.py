"""Vouchers (券): bought ahead, redeemed in the shop by code, once or many times, refunded before use."""
