"""Pure rules of settlement: when the next statement comes, where income goes, who bears a refund."""

from dataclasses import dataclass
from datetime import date, timedelta

from app.core.settlement.models import Cycle
from app.kernel.money import rate_fen

DEPOSIT_STAYS = timedelta(days=30)
"""How long after a merchant's last order its deposit stays, when it leaves."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """What a merchant's statements leave in the deposit: ``deposit_bp`` of income until ``deposit_target_fen``."""

    deposit_target_fen: int = 0
    deposit_bp: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """What stands in a party's accounts, fen, each ``>= 0``; ``available`` without what is on hold."""

    available_fen: int
    deposit_fen: int = 0
    debt_fen: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Moves:
    """What a statement moves, fen: out of pending ``income``, and into (below zero: out of) the other accounts."""

    income_fen: int
    available_fen: int
    deposit_fen: int
    debt_repaid_fen: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Bearing:
    """Out of what a merchant bears its part of a refund, fen; the platform lends ``debt`` until there is income."""

    fee_back_fen: int
    pending_fen: int
    available_fen: int
    debt_fen: int


def next_day(cycle: Cycle, after: date) -> date:
    """Return the first day behind ``after`` on which a statement of ``cycle`` is made."""
    if cycle is Cycle.WEEKLY:
        return after + timedelta(days=7 - after.weekday())
    if cycle is Cycle.MONTHLY:
        return (after.replace(day=1) + timedelta(days=32)).replace(day=1)
    return after + timedelta(days=1)


def moves_of(income_fen: int, standing: Standing, terms: Terms) -> Moves:
    """Distribute a statement's income: a debt is repaid first, then the deposit is built, the rest becomes available.

    A debt that income does not cover is repaid from what is available, then from the deposit; what is left is a debt
    still. Nothing is made or lost: ``income = available + deposit + debt repaid``.

    :param income_fen: what leaves pending, ``>= 0``.
    """
    assert income_fen >= 0, "what was refunded before settlement never stood in income"
    by_income = min(income_fen, standing.debt_fen)
    by_available = min(standing.available_fen, standing.debt_fen - by_income)
    by_deposit = min(standing.deposit_fen, standing.debt_fen - by_income - by_available)
    left = income_fen - by_income
    room = max(0, terms.deposit_target_fen - standing.deposit_fen + by_deposit)
    built = min(room, rate_fen(left, terms.deposit_bp))
    return Moves(
        income_fen=income_fen,
        available_fen=left - built - by_available,
        deposit_fen=built - by_deposit,
        debt_repaid_fen=by_income + by_available + by_deposit,
    )


def fee_back_of(*, gross_fen: int, fee_fen: int, refunded_fen: int, amount_fen: int) -> int:
    """Return the commission that goes back with a refund of ``amount_fen``, after ``refunded_fen`` went before.

    Pro rata, counted over all refunds of the order together, so that many small ones give back what one large one does
    and a full refund gives back the whole commission.
    """
    assert 0 < amount_fen <= gross_fen - refunded_fen, "a refund is of what is left"

    def back(total_fen: int) -> int:
        return (fee_fen * total_fen * 2 + gross_fen) // (2 * gross_fen)

    return back(refunded_fen + amount_fen) - back(refunded_fen)


def bearing_of(amount_fen: int, *, fee_back_fen: int, is_settled: bool, available_fen: int) -> Bearing:
    """Say out of what a refund of a completed order is paid.

    Before its settlement the order's own money is still pending. After it, what is available pays; what that does not
    cover is a debt, which the next statement repays, out of its income first and then out of the deposit.
    """
    borne_fen = amount_fen - fee_back_fen
    if not is_settled:
        return Bearing(fee_back_fen=fee_back_fen, pending_fen=borne_fen, available_fen=0, debt_fen=0)
    by_available = min(borne_fen, available_fen)
    return Bearing(
        fee_back_fen=fee_back_fen, pending_fen=0, available_fen=by_available, debt_fen=borne_fen - by_available
    )
