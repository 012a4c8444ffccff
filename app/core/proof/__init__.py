"""Photos that prove something about an order: what a resident complains of, what a courier took or left."""
