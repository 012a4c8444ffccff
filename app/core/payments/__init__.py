"""Money that comes in from outside and goes back there (支付): payments, attempts, refunds, the gateway's port."""
