"""Life bills (生活缴费): billers, the accounts that people have with them, bills, and paying them."""
