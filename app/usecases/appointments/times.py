"""Which providers can come when, and how one of them is booked: the database keeps them from being booked twice."""

from datetime import date, datetime, timedelta
from uuid import UUID

from sqlalchemy import text

from app.core.appointments.errors import SlotGone
from app.core.appointments.rules import DAYS_AHEAD_MAX, Calendar, ServiceTerms, free_starts, instant_of, minute_of
from app.kernel.clock import SHANGHAI, as_text
from app.kernel.transaction import Transaction

LANE = 2**33
"""Minutes in a provider's lane: more than there will be for ten thousand years."""

_CALENDARS = text(
    """
    SELECT p.provider_id, p.lane, p.hours -> CAST(:weekday AS text) AS spans,
        EXISTS (SELECT 1 FROM provider_days_off AS f WHERE f.provider_id = p.provider_id AND f.day = :day) AS is_off,
        (SELECT json_agg(json_build_array(b.from_minute, b.to_minute)) FROM provider_bookings AS b
         WHERE b.provider_id = p.provider_id AND b.to_minute > :from_minute AND b.from_minute < :to_minute
           AND b.order_id <> :but_order_id) AS busy
    FROM service_providers AS p
    JOIN provider_skills AS k ON k.provider_id = p.provider_id AND k.offer_id = :offer_id
    JOIN provider_areas AS a ON a.provider_id = p.provider_id AND a.community_id = :community_id
    WHERE p.shop_id = :shop_id AND p.is_active ORDER BY p.lane LIMIT 200
    """
)
_BOOK = text(
    f"""
    INSERT INTO provider_bookings (order_id, provider_id, from_minute, to_minute, span)
    SELECT :order_id, p.provider_id, :from_minute, :to_minute,
        int8range(p.lane * {LANE} + CAST(:from_minute AS bigint), p.lane * {LANE} + CAST(:to_minute AS bigint))
    FROM service_providers AS p WHERE p.provider_id = :provider_id
    ON CONFLICT DO NOTHING RETURNING provider_id
    """
)
FREE = text("DELETE FROM provider_bookings WHERE order_id = :order_id")
_NOBODY = UUID(int=0)
_DAY_MINUTES = 24 * 60


def calendars(
    tx: Transaction, *, shop_id: UUID, offer_id: UUID, community_id: UUID, day: date, but_order_id: UUID = _NOBODY
) -> dict[UUID, Calendar]:
    """Return who of a shop does a service in a community, with their day; what ``but_order_id`` takes is free."""
    midnight = minute_of(datetime.combine(day, datetime.min.time(), tzinfo=SHANGHAI))
    rows = tx.execute(
        _CALENDARS,
        {
            "shop_id": shop_id,
            "offer_id": offer_id,
            "community_id": community_id,
            "weekday": str(day.isoweekday()),
            "day": day,
            "from_minute": midnight - _DAY_MINUTES,
            "to_minute": midnight + 2 * _DAY_MINUTES,
            "but_order_id": but_order_id,
        },
    )
    return {
        row.provider_id: Calendar(
            spans=row.spans or [], busy=[(taken[0], taken[1]) for taken in row.busy or []], is_off=row.is_off
        )
        for row in rows
    }


def book(
    tx: Transaction,
    *,
    order_id: UUID,
    shop_id: UUID,
    offer_id: UUID,
    community_id: UUID,
    starts_at: datetime,
    terms: ServiceTerms,
    now: datetime,
    not_provider_id: UUID | None = None,
    first_provider_id: UUID | None = None,
) -> UUID:
    """Book a provider who is free at ``starts_at`` and return them: who has least to do that day comes first.

    Somebody else may book the same minutes in the same moment; the constraint lets one of the two through, and the
    other takes the next provider.

    :param not_provider_id: who shall not come. :param first_provider_id: who comes if they can.
    :raises SlotGone: nobody is free then.
    """
    if starts_at - now > timedelta(days=DAYS_AHEAD_MAX + 1):
        raise SlotGone(starts_at=as_text(starts_at), pointer="/starts_at")
    start = minute_of(starts_at)
    day = starts_at.astimezone(SHANGHAI).date()
    found = calendars(tx, shop_id=shop_id, offer_id=offer_id, community_id=community_id, day=day, but_order_id=order_id)
    able = [
        provider_id
        for provider_id, calendar in found.items()
        if provider_id != not_provider_id
        and instant_of(start) == starts_at
        and start in free_starts(calendar, day, terms, now=now)
    ]
    able.sort(key=lambda provider_id: (provider_id != first_provider_id, len(found[provider_id].busy)))
    tx.execute(FREE, {"order_id": order_id})
    for provider_id in able:
        taken = {
            "order_id": order_id,
            "provider_id": provider_id,
            "from_minute": start,
            "to_minute": start + terms.duration_minutes + terms.buffer_minutes,
        }
        if tx.execute(_BOOK, taken).first() is not None:
            return provider_id
    raise SlotGone(starts_at=as_text(starts_at), pointer="/starts_at")
