"""Licensing (证照审核): a merchant hands papers in, the platform or the store's clerk looks at them, time ends them."""
