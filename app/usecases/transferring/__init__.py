"""Transferring (转账): payees, and money sent to them."""
