"""Limits of transfers (转账). Our own rules, beside the law's caps of payments from balances, which count them too.

A payee waits for a day: whoever takes over a phone cannot send the money away before its owner notices. Adding a payee
never says whether the number has an account; a day has few additions, so that numbers cannot be tried out.
"""

from datetime import timedelta

COOLING = timedelta(hours=24)
"""How long a new payee gets nothing, business time."""
TRANSFER_FEN_MAX = 500_000
"""One transfer."""
DAY_FEN_MAX = 500_000
"""All transfers of a person on one day of Shanghai: 5,000 yuan."""
PAYEES_MAX = 100
PAYEES_DAY_MAX = 10
"""How many payees a person may add within 24 hours, removed ones included."""
