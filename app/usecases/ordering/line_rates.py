"""At what rate the commission of an order's line was frozen."""

from app.core.orders.rules import Rate
from app.kernel.wire import Row

RATE_OF_LINE = "l.commission_rule, l.commission_bp, l.commission_least_fen, l.commission_cap_fen"
"""Columns of ``order_lines AS l`` that :func:`rate_of_line` reads."""


def rate_of_line(row: Row) -> Rate:
    """Return the rate of a line's row, which has :data:`RATE_OF_LINE`."""
    return Rate(
        rule=row.commission_rule,
        bp=row.commission_bp,
        least_fen=row.commission_least_fen,
        cap_fen=row.commission_cap_fen,
    )
