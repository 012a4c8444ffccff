"""The resident's door (用户端): browse, cart, orders, payments, account."""
