"""Days of a fund (交易日): the cut-off, when an order is confirmed, when it begins and ends to earn. Pure.

Days are those of Asia/Shanghai. A trading day is a day from Monday to Friday that is no public holiday; a working
Saturday that makes up for a holiday is none. The table of trading days ends with the last known year: past it an order
is refused, never guessed.

Source: 货币市场基金监督管理办法 (证监会、人民银行令第120号): shares bought earn from the next trading day on, shares
redeemed earn through the day of redemption.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta

from app.core.wealth.errors import CalendarUnknown
from app.kernel.clock import SHANGHAI

CUT_OFF = time(15, 0)
"""An order at this time of a trading day, or later, is the next trading day's."""
DAY = timedelta(days=1)
DAYS_AHEAD = 3
"""How many trading days an opening statement reads, from today on."""


@dataclass(frozen=True, slots=True)
class TradeDates:
    """The day whose order it is (T), and the trading day after it (T+1)."""

    trade_on: date
    confirm_on: date


def today(now: datetime) -> date:
    """Return the day of ``now`` in Shanghai."""
    return now.astimezone(SHANGHAI).date()


def trade_dates(now: datetime, trading_days: Sequence[date]) -> TradeDates:
    """Return T and T+1 of an order placed ``now``.

    :param trading_days: the trading days from today on, ascending; the first few are enough.
    :raises CalendarUnknown: the known calendar ends before T+1.
    """
    local = now.astimezone(SHANGHAI)
    first = local.date() if local.time() < CUT_OFF else local.date() + DAY
    ahead = [day for day in trading_days if day >= first]
    if len(ahead) < 2:  # noqa: PLR2004 - T and T+1
        raise CalendarUnknown
    return TradeDates(ahead[0], ahead[1])


def is_before_cut_off(now: datetime, trade_on: date) -> bool:
    """Whether an order of ``trade_on`` may still be canceled."""
    return now < datetime.combine(trade_on, CUT_OFF, tzinfo=SHANGHAI)
