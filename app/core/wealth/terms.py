"""Term products (理财产品): amounts, interest and dates; subscriptions and how they move.

Amounts are fen, rates basis points a year, days those of Asia/Shanghai.
"""

from collections.abc import Sequence
from datetime import date
from enum import StrEnum

from app.core.wealth.errors import (
    CalendarUnknown,
    TermAmountInvalid,
    TermCapExceeded,
    TermNotOpen,
    TermQuotaRemainder,
    TermSoldOut,
)
from app.kernel.actor import Role
from app.kernel.machines import Table
from app.kernel.money import BASIS_POINTS

BUCKETS = 16
"""Rows that share a product's quota, so that many may take from it at once."""
YEAR_DAYS = 365
CONFIRM_MINUTES = 10


class TermState(StrEnum):
    """How far a subscription is."""

    HELD = "held"
    EXPIRED = "expired"
    CONFIRMED = "confirmed"
    MATURED = "matured"
    EXITED = "exited"


class TermAction(StrEnum):
    """What moves a subscription."""

    CONFIRM = "confirm"
    EXPIRE = "expire"
    MATURE = "mature"
    EXIT = "exit"


_RESIDENT, _SYSTEM = frozenset({Role.RESIDENT}), frozenset({Role.SYSTEM})

TERM_SUBSCRIPTION_TRANSITIONS: Table[TermState, TermAction] = {
    (TermState.HELD, TermAction.CONFIRM): (TermState.CONFIRMED, _RESIDENT),
    (TermState.HELD, TermAction.EXPIRE): (TermState.EXPIRED, _SYSTEM),
    (TermState.CONFIRMED, TermAction.MATURE): (TermState.MATURED, _SYSTEM),
    (TermState.CONFIRMED, TermAction.EXIT): (TermState.EXITED, _RESIDENT),
}
"""A subscription to a term product: money is held, then confirmed by the person, then paid back with interest."""


def interest_fen(amount_fen: int, rate_bp: int, days: int) -> int:
    """Return the simple interest of ``days`` at ``rate_bp`` a year of 365 days, half-up to the fen."""
    whole = YEAR_DAYS * BASIS_POINTS
    return (amount_fen * rate_bp * days * 2 + whole) // (2 * whole)


def pays_on(matures_on: date, trading_days: Sequence[date]) -> date:
    """Return the first trading day from ``matures_on`` on; a holiday moves the payment, and earns nothing.

    :raises CalendarUnknown: the known calendar ends before it.
    """
    found = next((day for day in trading_days if day >= matures_on), None)
    if found is None:
        raise CalendarUnknown
    return found


def require_amount(amount_fen: int, *, minimum_fen: int, step_fen: int, cap_fen: int, held_fen: int) -> None:
    """Refuse what the product does not take from this person.

    :raises TermAmountInvalid: below the minimum, or off the step. :raises TermCapExceeded: with what they have of it.
    """
    if amount_fen < minimum_fen or (amount_fen - minimum_fen) % step_fen:
        raise TermAmountInvalid(pointer="/amount_fen", minimum_fen=minimum_fen, step_fen=step_fen)
    if held_fen + amount_fen > cap_fen:
        raise TermCapExceeded(cap_fen=cap_fen, left_fen=max(0, cap_fen - held_fen))


def require_open(*, opens_in_s: float, closes_in_s: float) -> None:
    """Refuse before the opening instant, by the database's clock to the microsecond, and after the end.

    :raises TermNotOpen: parameter ``opens_in_s``, 0 when it is over.
    """
    if opens_in_s > 0 or closes_in_s <= 0:
        raise TermNotOpen(opens_in_s=max(0, round(opens_in_s + 0.5)))


def require_quota(left_fen: int, amount_fen: int, *, minimum_fen: int) -> None:
    """Refuse what is no longer there; a remainder that the product would still sell is offered.

    :raises TermQuotaRemainder: parameter ``left_fen``. :raises TermSoldOut: nothing that could be sold is left.
    """
    if left_fen >= amount_fen:
        return
    if left_fen >= minimum_fen:
        raise TermQuotaRemainder(left_fen=left_fen)
    raise TermSoldOut
