"""At what rate commission is taken: in force when something is bought, and as frozen on an order's line."""

from app.core.catalog.commission import SHOP_RATE
from app.core.orders.rules import Rate, promotion_left_fen
from app.kernel.wire import Row

RATE_OF_LINE = "l.commission_rule, l.commission_bp, l.commission_least_fen, l.commission_cap_fen"
"""Columns of ``order_lines AS l`` that :func:`rate_of_line` reads."""
SOLD_OF_LINE = "l.refundable_fen, l.goods_fen + l.packing_fen - l.discount_fen AS paid_fen, l.platform_off_fen"
"""Columns of ``order_lines AS l`` that :func:`promotion_of_line` reads."""
RATE_IN_FORCE = "s.commission_bp, u.rule_id, u.rate_bp, u.least_fen, u.cap_fen"
"""Columns of ``shops AS s`` and its rule ``u`` that :func:`rate_in_force` reads."""


def rate_of_line(row: Row) -> Rate:
    """Return the rate of a line's row, which has :data:`RATE_OF_LINE`."""
    return Rate(
        rule=row.commission_rule,
        bp=row.commission_bp,
        least_fen=row.commission_least_fen,
        cap_fen=row.commission_cap_fen,
    )


def promotion_of_line(row: Row, *, less_fen: int = 0) -> int:
    """Return what the platform adds for what a line still costs, or will when ``less_fen`` of it is refunded, fen.

    The row has :data:`SOLD_OF_LINE`. The commission is on this and what the resident pays together.
    """
    return promotion_left_fen(row.platform_off_fen, left_fen=row.refundable_fen - less_fen, paid_fen=row.paid_fen)


def rate_in_force(row: Row) -> Rate:
    """Return the rule in force, or the shop's own rate where there is none; the row has :data:`RATE_IN_FORCE`."""
    if row.rule_id is None:
        return Rate(rule=SHOP_RATE, bp=row.commission_bp)
    return Rate(rule=str(row.rule_id), bp=row.rate_bp, least_fen=row.least_fen, cap_fen=row.cap_fen)
