"""Pure rules of shops: is it open, how far does it deliver, for how much."""

from collections.abc import Mapping, Sequence
from datetime import datetime, time
from typing import Any

from app.kernel.clock import SHANGHAI

Hours = Mapping[str, Sequence[Sequence[str]]]


def is_open_at(hours: Hours, paused_until: datetime | None, moment: datetime) -> bool:
    """Say whether a shop takes orders at ``moment``.

    :param hours: ISO weekday ``"1".."7"`` → spans ``["08:00", "22:00"]`` in Shanghai time; ``"24:00"`` ends the day.
        A span belongs to the day it begins on and does not cross midnight.
    :param paused_until: the shop's own "busy" pause, an instant, or None.
    """
    if paused_until is not None and moment < paused_until:
        return False
    local = moment.astimezone(SHANGHAI)
    minute = local.hour * 60 + local.minute
    return any(_minutes(start) <= minute < _minutes(end) for start, end in hours.get(str(local.isoweekday()), ()))


def are_hours_sound(hours: Hours) -> bool:
    """Say whether spans are on known weekdays, each ends after it begins, and none overlap."""
    for weekday, spans in hours.items():
        if weekday not in {"1", "2", "3", "4", "5", "6", "7"}:
            return False
        last_end = -1
        for start, end in spans:
            if _minutes(start) < last_end or _minutes(end) <= _minutes(start):
                return False
            last_end = _minutes(end)
    return True


def _minutes(clock: str) -> int:
    """Return minutes since midnight of ``"HH:MM"``; ``"24:00"`` is 1440."""
    if clock == "24:00":
        return 24 * 60
    moment = time.fromisoformat(clock)
    return moment.hour * 60 + moment.minute


def delivery_fee_fen(fee_tiers: Sequence[Mapping[str, Any]], distance_m: int) -> int:
    """Return the fee of the first tier that reaches ``distance_m``; beyond all tiers, the last tier's."""
    assert fee_tiers, "a shop that delivers has a fee"
    for tier in fee_tiers:
        if distance_m <= tier["up_to_m"]:
            return int(tier["fee_fen"])
    return int(fee_tiers[-1]["fee_fen"])
