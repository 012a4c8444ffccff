"""A shop in the pocket (随身店铺): opening, offers, prices, stock."""
