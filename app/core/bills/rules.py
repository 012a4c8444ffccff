"""What of a bill may be paid, when people are reminded, when it is paid by itself. Pure."""

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta

from app.core.bills.errors import BillAmountRefused
from app.kernel.clock import SHANGHAI

LOCK_MAX = timedelta(minutes=10)
"""The longest that an amount stays locked after it was asked for."""
REMIND_DAYS = 3
"""A reminder comes so many days before a bill is due, at nine in the morning."""
PAY_DAYS = 3
"""An automatic payment is tried from so many days before a bill is due on, once a day."""
LATE_DAYS_MAX = 30
"""…and until so many days after; older ones are for a person to look at."""
BINDINGS_MAX = 20
BILLS_MAX = 60
"""Open bills of one account that are taken from a biller."""
_REMIND_TIME = time(9, 0)
_LOOK_TIME = time(7, 0)
LOOK_AGAIN = timedelta(minutes=30)
"""When a biller that did not answer in the morning is asked again."""


@dataclass(frozen=True, slots=True)
class Payable:
    """The amounts that a quote stands for, fen: one of ``low_fen`` to ``high_fen``."""

    low_fen: int
    high_fen: int

    def require(self, amount_fen: int) -> None:
        """Refuse any other amount.

        :raises BillAmountRefused: it is not between the two.
        """
        if not self.low_fen <= amount_fen <= self.high_fen:
            raise BillAmountRefused(pointer="/amount_fen", amount_min_fen=self.low_fen, amount_max_fen=self.high_fen)


def payable(left_fen: int, *, is_part_allowed: bool, minimum_fen: int) -> Payable:
    """Return what may be paid of a bill that has ``left_fen`` left: all, or a part where the biller allows."""
    return Payable(min(left_fen, max(1, minimum_fen)) if is_part_allowed else left_fen, left_fen)


def remind_at(due_on: date) -> datetime:
    """Return when people are reminded of a bill."""
    return datetime.combine(due_on - timedelta(days=REMIND_DAYS), _REMIND_TIME, tzinfo=SHANGHAI)


def next_look(now: datetime, spread: int) -> datetime:
    """Return when a biller is asked again by itself: tomorrow from seven on, spread over an hour by ``spread``."""
    day = now.astimezone(SHANGHAI).date() + timedelta(days=1)
    return datetime.combine(day, _LOOK_TIME, tzinfo=SHANGHAI) + timedelta(seconds=spread % 3_600)
