"""How a shop takes orders for later."""

from typing import Any
from uuid import UUID

from sqlalchemy import text

from app.core.catalog.errors import ShopNotFound
from app.core.catalog.slots import (
    CAPACITY_MAX,
    DAYS_AHEAD_MAX,
    LEAD_MINUTES_MAX,
    SLOT_MINUTES_MAX,
    SLOT_MINUTES_MIN,
    SlotRule,
)
from app.kernel.actor import Actor
from app.kernel.transaction import Claim, read
from app.usecases.shopkeeping.shelf import MEMBER
from app.usecases.shopkeeping.slot_rule import SlotRuleSet, end_slots, set_slot_rule
from app.web.door import Door
from app.web.fields import Body, Id, Int
from app.web.policy import Relation, policy

_READ = text(
    f"""
    SELECT o.shop_id, y.slot_minutes, y.capacity, y.lead_minutes, y.days_ahead
    FROM (SELECT s.shop_id FROM shops AS s {MEMBER} AND s.shop_id = :shop_id) AS o
    LEFT JOIN slot_rules AS y ON y.shop_id = o.shop_id
    """
)


class SlotRuleIn(Body):
    """How long a slot is, how many orders it takes, how soon and how far ahead it can be had."""

    slot_minutes = Int(low=SLOT_MINUTES_MIN, high=SLOT_MINUTES_MAX, required=True)
    capacity = Int(low=1, high=CAPACITY_MAX, required=True)
    lead_minutes = Int(low=0, high=LEAD_MINUTES_MAX, required=True)
    days_ahead = Int(low=0, high=DAYS_AHEAD_MAX, required=True)


class SlotRuleOut(SlotRuleIn):
    """How the shop takes orders for later."""

    shop_id = Id(required=True)


class SlotRuleStandsOut(Body):
    """How the shop takes orders for later; all null where it takes none."""

    shop_id = Id(required=True)
    slot_minutes = Int(low=SLOT_MINUTES_MIN, high=SLOT_MINUTES_MAX, required=True, allow_none=True)
    capacity = Int(low=1, high=CAPACITY_MAX, required=True, allow_none=True)
    lead_minutes = Int(low=0, high=LEAD_MINUTES_MAX, required=True, allow_none=True)
    days_ahead = Int(low=0, high=DAYS_AHEAD_MAX, required=True, allow_none=True)


def add_slot_rule(door: Door) -> None:
    """Add the routes to ``door``."""

    @door.get("/shops/<uuid:shop_id>/slot-rule", answer=SlotRuleStandsOut)
    @policy("shop.read", Relation.OWN_SHOP)
    def read_slot_rule(actor: Actor, *, shop_id: UUID) -> dict[str, Any]:
        """Read how a shop takes orders for later."""
        row = read(_READ, {"shop_id": shop_id, **actor.as_member}).one_or_none()
        if row is None:
            raise ShopNotFound
        return dict(row._mapping)

    @door.put("/shops/<uuid:shop_id>/slot-rule", body=SlotRuleIn, answer=SlotRuleOut, once=True)
    @policy("shop.write", Relation.OWN_SHOP)
    def put_slot_rule(actor: Actor, *, claim: Claim, shop_id: UUID, body: dict[str, Any]) -> SlotRuleSet:
        """Take orders for slots of the shop's hours; what was placed before stays."""
        return set_slot_rule(actor, claim, shop_id=shop_id, rule=SlotRule(**body))

    @door.delete("/shops/<uuid:shop_id>/slot-rule")
    @policy("shop.write", Relation.OWN_SHOP)
    def delete_slot_rule(actor: Actor, *, shop_id: UUID) -> None:
        """Take no orders for later any more; what was placed before stays."""
        end_slots(actor, shop_id=shop_id)
