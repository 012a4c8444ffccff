"""Days on which a store is closed, said ahead by its manager."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from app.core.communities.errors import StoreNotFound
from app.core.shelf.errors import ClosureInvalid
from app.kernel.actor import Actor
from app.kernel.ids import new_id
from app.kernel.transaction import Claim, closing, opening, transaction

CLOSURE_MAX = timedelta(days=60)
SAID_LATE_MAX = timedelta(days=1)
"""A store that could not open this morning may still say so."""

_STORE = opening(
    """
    SELECT m.organization_id AS store_id, business_now() AS now FROM memberships AS m
    WHERE m.organization_kind = 'store' AND m.account_id = :account_id AND m.role = ANY (CAST(:roles AS text[]))
      AND m.organization_id = :store_id FOR SHARE OF m
    """
)
_CLOSE = closing(
    """
    made AS (
        INSERT INTO store_closures (closure_id, store_id, from_at, until_at, set_by_id, set_at)
        VALUES (:closure_id, :store_id, :from_at, :until_at, :set_by_id, business_now())
    )"""
)


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreCloses:
    """When a store is closed."""

    closure_id: UUID
    store_id: UUID
    from_at: datetime
    until_at: datetime


def close_store(actor: Actor, claim: Claim, *, store_id: UUID, from_at: datetime, until_at: datetime) -> StoreCloses:
    """Say when a store is closed. What waits on its shelf waits for a day after it.

    :raises StoreNotFound: none of the actor's.
    :raises ClosureInvalid: it ends before it begins, is past, began more than a day ago, or is too long.
    """
    with transaction(claim) as tx:
        row = tx.open_one(_STORE, {**actor.as_member, "store_id": store_id})
        if row is None:
            raise StoreNotFound
        if not from_at < until_at <= from_at + CLOSURE_MAX or until_at <= row.now:
            raise ClosureInvalid(pointer="/until_at", days_max=CLOSURE_MAX.days)
        if from_at < row.now - SAID_LATE_MAX:
            raise ClosureInvalid(pointer="/from_at", days_max=CLOSURE_MAX.days)
        closes = StoreCloses(closure_id=new_id(), store_id=store_id, from_at=from_at, until_at=until_at)
        tx.keep(closes)
        params = {"closure_id": closes.closure_id, "store_id": store_id, "from_at": from_at, "until_at": until_at}
        tx.close(_CLOSE, {**params, "set_by_id": actor.account_id})
    return closes
