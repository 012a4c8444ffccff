"""To which store residents, shops and couriers belong, and the figures of stores that follow from it."""
