"""Payments in two parts (组合支付): what each order has from each source, and what a refund gives back to each.

The part from the e-account is on hold before the code is made; both are taken together, or neither. Each order's shares
are frozen when it is paid. A refund follows them in whole fen: after any refunds of an order, in any steps, what went
back outside is its share of what went back, rounded down, and all of its part when everything did.
"""

from collections.abc import Sequence

from app.kernel.money import split_fen


def outside_shares(totals_fen: Sequence[int], account_part_fen: int) -> list[int]:
    """Return what each order has from outside, when ``account_part_fen`` of all of them is from the e-account.

    :param totals_fen: of the orders, each ``> 0``, shape ``(n,)``.
    :param account_part_fen: split over them by largest remainder; less than their sum.
    :returns: fen per order, shape ``(n,)``; with the shares of the e-account they are the totals.
    """
    parts = split_fen(account_part_fen, totals_fen)
    return [total - part for total, part in zip(totals_fen, parts, strict=True)]


def outside_of_refund(*, total_fen: int, outside_fen: int, refunded_fen: int, amount_fen: int) -> int:
    """Return how much of a refund goes back outside; the rest is the e-account's.

    :param total_fen: of the order. :param outside_fen: what it had from outside.
    :param refunded_fen: what went back before. :param amount_fen: of the refund, with those at most ``total_fen``.
    """
    assert 0 <= outside_fen <= total_fen, "a share is of the whole"
    assert 0 <= refunded_fen <= refunded_fen + amount_fen <= total_fen, "a refund is of what is left"
    return (refunded_fen + amount_fen) * outside_fen // total_fen - refunded_fen * outside_fen // total_fen
