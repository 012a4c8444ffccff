"""When a shop that is closed opens next, as far as its hours and its own pause say. Pure."""

from datetime import datetime, time, timedelta

from app.core.catalog.models import ShopState
from app.core.catalog.rules import Hours, is_open_at, spans_of
from app.kernel.clock import SHANGHAI

DAYS = 15
"""Two weeks from the end of the pause, and the same weekday again: longer than any holiday."""


def next_opening(
    state: str,
    hours: Hours,
    paused_until: datetime | None,
    moment: datetime,
    *,
    sale_hours: Hours | None = None,
) -> datetime | None:
    """Return the first moment after ``moment`` at which the shop takes orders; None when its hours name none.

    A shop that rests opens when somebody says so, which nobody can know.

    :param sale_hours: of an offer, whose first moment is asked for; None for as long as the shop is open.
    """
    if state != ShopState.OPEN:
        return None
    since = moment if paused_until is None else max(moment, paused_until)
    begins = [since]
    for ahead in range(DAYS):
        day = since.astimezone(SHANGHAI).date() + timedelta(days=ahead)
        for start, _ in (*spans_of(hours, day), *spans_of(sale_hours or {}, day)):
            begins.append(datetime.combine(day, time.fromisoformat(start), tzinfo=SHANGHAI))
    after = sorted(begin for begin in begins if begin > moment)
    return next(
        (
            begin
            for begin in after
            if is_open_at(hours, paused_until, begin) and (sale_hours is None or is_open_at(sale_hours, None, begin))
        ),
        None,
    )
