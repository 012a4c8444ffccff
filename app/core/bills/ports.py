"""The port to billers (缴费机构): what Linli asks of them, and the three answers it can get.

A call of :meth:`Biller.pay` ends in one of these ways:

an :class:`Outcome`
    A definite yes, a definite no, or the biller's own word that it is not decided (``processing``).
:class:`BillerOutcomeUnknown`
    It may have happened. It is asked about with :meth:`Biller.look`, and sent again under the **same** key, never under
    a fresh one.
:class:`BillerUnavailable`
    Nothing left this machine this time. That says nothing of earlier sendings under the key.

Nothing here is called inside a transaction: intent, key and money are committed first.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import Protocol

from app.core.bills.errors import BillerOutcomeUnknown, BillerUnavailable

__all__ = ["AccountAtBiller", "Biller", "BillerOutcomeUnknown", "BillerUnavailable", "OpenBill", "Outcome", "Said"]


class Said(StrEnum):
    """What a biller says of a payment."""

    SUCCEEDED = "succeeded"
    REFUSED = "refused"
    PROCESSING = "processing"


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenBill:
    """A bill with something left to pay.

    :ivar month: its first day. :ivar paid_fen: what the biller has got of it, from whomever.
    :ivar lock: names the amount to the biller while it is locked.
    """

    bill_no: str
    month: date
    due_on: date
    amount_fen: int
    paid_fen: int
    lock: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountAtBiller:
    """An account as its biller sees it.

    :ivar balance_fen: what is left of prepaid money; None where bills are sent instead.
    :ivar lock_s: how long the biller keeps the amounts.
    """

    balance_fen: int | None
    lock_s: int
    bills: Sequence[OpenBill]


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What became of a payment. With a yes: the biller's number for it, and the day that it booked it on."""

    said: Said
    key: str
    amount_fen: int
    reference: str | None = None
    booked_on: date | None = None
    refusal: str | None = None


class Biller(Protocol):
    """Speaks to billers."""

    def ask(self, biller: str, number: str) -> AccountAtBiller | None:
        """Return an account with its open bills; None: there is no such account.

        :raises BillerUnavailable: ask later.
        """
        ...

    def pay(
        self, *, key: str, biller: str, number: str, bill_no: str | None, lock: str | None, amount_fen: int
    ) -> Outcome:
        """Pay a bill, or top a prepaid account up when ``bill_no`` is None. A repeat under the key is the same payment.

        :raises BillerOutcomeUnknown, BillerUnavailable: see above.
        """
        ...

    def look(self, key: str) -> Outcome | None:
        """Return what became of a payment; None: the biller has not got it, or not yet.

        :raises BillerUnavailable: ask later.
        """
        ...

    def daily_file(self, biller: str, day: date) -> Iterator[str]:
        """Yield the lines of what the biller booked on a day.

        :raises BillerUnavailable: it is not there, or broke off.
        """
        ...
