"""Pure rules of payments at a counter: how long a code lives, and how much needs no confirmation."""

from datetime import timedelta

CODE_LIFETIME = timedelta(minutes=1)
"""Of a code that a resident shows (付款码), wall time."""
COUNTER_FEN_MAX = 500_000
"""The largest payment at a counter, fen."""
SMALL_FEN = 20_000
"""Up to here a payment takes no payment PIN (小额免密), but never from a device in its first day.

It then counts as confirmed by one factor, of which the law lets 1,000 yuan pass in a day (人民银行公告〔2015〕43号,
article 24 (3)).
"""
SHOP_CODE = "linli:counter:"
"""What the text of a shop's own code (收款码) begins with; the shop's id follows. It is no secret."""
