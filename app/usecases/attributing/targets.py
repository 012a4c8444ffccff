"""What the platform wants of a store in a month."""

from dataclasses import dataclass
from datetime import date
from uuid import UUID

from app.core.communities.errors import StoreNotFound
from app.core.figures.errors import SpanInvalid
from app.kernel.actor import Actor
from app.kernel.transaction import Claim, closing, opening, transaction

_STORE = opening("SELECT store_id FROM stores WHERE store_id = :store_id FOR KEY SHARE")
_SET = closing(
    """
    made AS (
        INSERT INTO store_targets (store_id, month, figure, target, set_by_id, set_at)
        VALUES (:store_id, :month, :figure, :target, :set_by_id, business_now())
        ON CONFLICT (store_id, month, figure) DO UPDATE
            SET target = excluded.target, set_by_id = excluded.set_by_id, set_at = excluded.set_at
    )"""
)


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetSet:
    """What is wanted."""

    store_id: UUID
    month: date
    figure: str
    target: int


def set_target(actor: Actor, claim: Claim, *, store_id: UUID, month: date, figure: str, target: int) -> TargetSet:
    """Set a store's target of a figure for a month, named by its first day.

    :raises StoreNotFound: there is none. :raises SpanInvalid: the day is not the first of a month.
    """
    with transaction(claim) as tx:
        if tx.open_one(_STORE, {"store_id": store_id}) is None:
            raise StoreNotFound
        if month.day != 1:
            raise SpanInvalid(pointer="/month", days_max=1)
        made = TargetSet(store_id=store_id, month=month, figure=figure, target=target)
        tx.describe(details={"figure": figure, "target": target, "month": month.isoformat()})
        tx.keep(made)
        params = {"store_id": store_id, "month": month, "figure": figure, "target": target}
        tx.close(_SET, {**params, "set_by_id": actor.account_id})
    return made
