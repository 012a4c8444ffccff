"""When a shop can be asked to deliver."""

from datetime import datetime
from itertools import islice
from typing import Any
from uuid import UUID

from marshmallow import fields
from sqlalchemy import text

from app.core.catalog.errors import ShopNotFound
from app.core.catalog.models import ShopState
from app.core.catalog.slots import Slot, SlotRule, slots_of
from app.core.orders.errors import DeliverySlotGone, SlotOfNoShop
from app.kernel.actor import Actor
from app.kernel.transaction import read
from app.kernel.wire import Row
from app.web.door import Door
from app.web.fields import Body, Flag, Id, Instant, Int, Many
from app.web.policy import Relation, policy

SLOTS_MAX = 500
MINUTES_OF_DAY = 24 * 60
YEARS = range(2000, 9999)
"""Beyond them an instant is none in every zone."""

_READ = text(
    """
    SELECT s.state, s.hours, s.paused_until, s.preparation_minutes, y.slot_minutes, y.capacity, y.lead_minutes,
        y.days_ahead, business_now() AS now, (
        SELECT json_object_agg(extract(epoch FROM q.starts_at)::bigint, q.taken) FROM slot_counters AS q
        WHERE q.shop_id = s.shop_id AND q.starts_at > business_now()) AS taken
    FROM shops AS s LEFT JOIN slot_rules AS y ON y.shop_id = s.shop_id
    WHERE s.shop_id = :shop_id AND s.state IN ('open', 'resting')
    """
)


class DeliverySlotOut(Body):
    """From when until when, and whether there is a place left."""

    starts_at = Instant(required=True)
    ends_at = Instant(required=True)
    is_full = Flag(required=True)


class DeliverySlotsOut(Body):
    """Slots that can be wished for now, earliest first; none where a shop takes no orders for later."""

    slot_minutes = Int(low=0, high=MINUTES_OF_DAY, required=True)
    items = Many(fields.Nested(DeliverySlotOut), high=SLOTS_MAX, required=True)


class SlotWishIn(Body):
    """Which shop is to deliver in the slot that begins when."""

    shop_id = Id(required=True)
    starts_at = Instant(required=True)


def wished_slots(wishes: list[dict[str, Any]]) -> dict[UUID, datetime]:
    """Return shop → when its slot begins.

    :raises SlotOfNoShop: a shop is named twice. :raises DeliverySlotGone: no calendar of a shop goes so far.
    """
    for wish in wishes:
        if wish["starts_at"].year not in YEARS:
            raise DeliverySlotGone(shop_id=wish["shop_id"], slot_starts_at=wish["starts_at"])
    slots = {wish["shop_id"]: wish["starts_at"] for wish in wishes}
    if len(slots) < len(wishes):
        raise SlotOfNoShop(pointer="/slots")
    return slots


def add_slots(door: Door) -> None:
    """Add the route to ``door``."""

    @door.get("/shops/<uuid:shop_id>/delivery-slots", answer=DeliverySlotsOut)
    @policy("shop.read", Relation.SIDE)
    def list_delivery_slots(_actor: Actor, *, shop_id: UUID) -> dict[str, Any]:
        """List when a shop can be asked to deliver; a place is taken by placing a checkout, not before."""
        row = read(_READ, {"shop_id": shop_id}).one_or_none()
        if row is None:
            raise ShopNotFound
        return {"slot_minutes": row.slot_minutes or 0, "items": [_shown(slot, row) for slot in _slots(row)]}


def _slots(row: Row) -> list[Slot]:
    if row.slot_minutes is None or row.state != ShopState.OPEN:
        return []
    rule = SlotRule(
        slot_minutes=row.slot_minutes,
        capacity=row.capacity,
        lead_minutes=max(row.lead_minutes, row.preparation_minutes),
        days_ahead=row.days_ahead,
    )
    offered = slots_of(row.hours, rule, row.now)
    return list(islice((s for s in offered if row.paused_until is None or s.starts_at >= row.paused_until), SLOTS_MAX))


def _shown(slot: Slot, row: Row) -> dict[str, Any]:
    taken = (row.taken or {}).get(str(int(slot.starts_at.timestamp())), 0)
    return {"starts_at": slot.starts_at, "ends_at": slot.ends_at, "is_full": taken >= row.capacity}
