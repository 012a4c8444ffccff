"""How long a courier may work (疲劳管理): in a row, and in a day. Data with its source.

人社厅发〔2023〕50号, the guidance on rest in new forms of employment, has platforms set limits and give no work beyond
them, without naming figures. Eight hours are those of the Labor Law, article 36; the rest and the ten hours of a day
are our own. At the limit a shift takes no new trip; what is in hand is finished.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta


@dataclass(frozen=True, slots=True, kw_only=True)
class FatigueLimit:
    """A limit with where it comes from."""

    longest: timedelta
    source: str


IN_A_ROW = FatigueLimit(longest=timedelta(hours=8), source="人社厅发〔2023〕50号; 劳动法第三十六条")
A_DAY = FatigueLimit(longest=timedelta(hours=10), source="人社厅发〔2023〕50号; our own rule")
REST_MIN = timedelta(minutes=30)
"""Off shift, or on a break with nothing in hand, for so long, the hours in a row begin anew."""


def rested_since(now: datetime, *, on_break_since: datetime, freed_at: datetime | None, active_trips: int) -> datetime:
    """Return since when one who is on a break rests: who still carries works on.

    :param freed_at: when the last trip of the shift was done, if one was. :param active_trips: what is in hand.
    """
    if active_trips:
        return now
    return on_break_since if freed_at is None else max(on_break_since, freed_at)


def in_a_row_since(now: datetime, *, rested_since: datetime | None, before: datetime | None) -> datetime:
    """Return since when one works in a row.

    :param rested_since: when the last shift or stretch of work ended, if there was one.
    :param before: since when one worked in a row then.
    """
    if rested_since is None or before is None or now - rested_since >= REST_MIN:
        return now
    return before


def shift_ends_at(now: datetime, *, row_since: datetime, worked_today: timedelta, wished: datetime | None) -> datetime:
    """Return from when on a shift takes no new trip: the first of both limits and what the courier wished.

    :param row_since: see :func:`in_a_row_since`. :param worked_today: on shift since midnight in Shanghai.
    """
    limits = [row_since + IN_A_ROW.longest, now + A_DAY.longest - worked_today]
    return min([*limits, wished] if wished is not None else limits)
