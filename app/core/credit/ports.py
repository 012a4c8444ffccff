"""The port to facts of credit (信用事实): read only, of one person. No score, no loan and no decision is made here."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Protocol
from uuid import UUID

MONTHS_MAX = 36


@dataclass(frozen=True, slots=True, kw_only=True)
class MonthFlow:
    """What came to the e-account and left it in a month, by its first day, fen; moves to one's own savings aside."""

    month: date
    in_fen: int
    out_fen: int


@dataclass(frozen=True, slots=True, kw_only=True)
class CreditFacts:
    """What is known.

    :ivar account_age_days: whole days since the account began. :ivar verification_level: 0 to 3.
    :ivar flows: oldest month first, the present one last, months without a move too.
    :ivar bill_count: bills that were paid. :ivar bill_on_time_count: of them, by the day that they were due.
    :ivar order_count: orders that were completed.
    """

    account_age_days: int
    verification_level: int
    flows: Sequence[MonthFlow]
    bill_count: int
    bill_on_time_count: int
    order_count: int


class CreditSource(Protocol):
    """Whoever needs the facts takes this, and nothing that could change them."""

    def __call__(self, account_id: UUID, *, months: int) -> CreditFacts | None:
        """Return the facts of an account over the last ``months``, 1 to :data:`MONTHS_MAX`; None: there is none."""
        ...
