"""What residents buy: the cart across shops, the checkout, one order per shop (订单), each with its own machine."""
