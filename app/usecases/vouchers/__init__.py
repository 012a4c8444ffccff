"""Vouchers: bought, issued, redeemed in the shop, refunded and run out."""
