"""A shop says how it takes orders for later, or that it takes none. What was placed for a slot stays as it is."""

from dataclasses import asdict, dataclass
from uuid import UUID

from app.core.catalog.errors import ShopNotFound
from app.core.catalog.slots import SlotRule
from app.kernel.actor import Actor
from app.kernel.transaction import Claim, closing, opening, transaction
from app.usecases.shopkeeping.shelf import MEMBER, lock

_LOCK = opening(f"SELECT s.shop_id FROM shops AS s {MEMBER} AND s.shop_id = :shop_id FOR NO KEY UPDATE OF s")
_SET = closing(
    """
    said AS (
        INSERT INTO slot_rules (shop_id, slot_minutes, capacity, lead_minutes, days_ahead)
        VALUES (:shop_id, :slot_minutes, :capacity, :lead_minutes, :days_ahead)
        ON CONFLICT (shop_id) DO UPDATE SET slot_minutes = excluded.slot_minutes, capacity = excluded.capacity,
            lead_minutes = excluded.lead_minutes, days_ahead = excluded.days_ahead
    )"""
)
_END = closing("ended AS (DELETE FROM slot_rules WHERE shop_id = :shop_id)")


@dataclass(frozen=True, slots=True, kw_only=True)
class SlotRuleSet:
    """How the shop takes orders for later from now on."""

    shop_id: UUID
    slot_minutes: int
    capacity: int
    lead_minutes: int
    days_ahead: int


def set_slot_rule(actor: Actor, claim: Claim, *, shop_id: UUID, rule: SlotRule) -> SlotRuleSet:
    """Take orders for later by ``rule``.

    :raises ShopNotFound: there is none of the actor's.
    """
    with transaction(claim) as tx:
        lock(tx, _LOCK, {"shop_id": shop_id, **actor.as_member}, ShopNotFound)
        said = SlotRuleSet(shop_id=shop_id, **asdict(rule))
        tx.keep(said)
        tx.close(_SET, asdict(said))
    return said


def end_slots(actor: Actor, *, shop_id: UUID) -> None:
    """Take no orders for later any more.

    :raises ShopNotFound: there is none of the actor's.
    """
    with transaction() as tx:
        lock(tx, _LOCK, {"shop_id": shop_id, **actor.as_member}, ShopNotFound)
        tx.close(_END, {"shop_id": shop_id})
