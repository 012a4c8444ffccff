"""What a merchant changes about a shop: rest and open, pause, hours."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

import orjson

from app.core.catalog.errors import HoursInvalid, ShopNotFound
from app.core.catalog.models import ShopState
from app.core.catalog.rules import Hours, are_hours_sound
from app.kernel.actor import Actor
from app.kernel.errors import Conflict
from app.kernel.transaction import Claim, Opening, Transaction, closing, opening, transaction

MEMBER = """
    JOIN memberships AS m ON m.organization_id = s.merchant_id AND m.organization_kind = 'merchant'
    WHERE m.account_id = :account_id AND m.role = ANY (CAST(:roles AS text[]))
"""
_LOCK_SHOP = opening(
    f"SELECT s.shop_id, s.state, s.vertical FROM shops AS s {MEMBER} AND s.shop_id = :shop_id FOR UPDATE OF s"
)
_OPENING = closing(
    """
    changed AS (
        UPDATE shops SET state = :state, hours = coalesce(CAST(:hours AS jsonb), hours),
            paused_until = CASE WHEN CAST(:pause AS interval) IS NULL THEN NULL
                                ELSE business_now() + CAST(:pause AS interval) END
        WHERE shop_id = :shop_id RETURNING shop_id
    )"""
)


class ShopNotYours(Conflict):
    """A shop that the platform suspended, or that is not yet open, is opened by the platform; parameter ``state``."""

    code = "shop_not_yours_to_open"
    title = "The platform decides about this shop"


@dataclass(frozen=True, slots=True, kw_only=True)
class ShopChanged:
    """What a change of opening answers."""

    shop_id: UUID
    state: str


def change_opening(
    actor: Actor, claim: Claim, *, shop_id: UUID, is_open: bool, pause_minutes: int | None, hours: Hours | None
) -> ShopChanged:
    """Open the shop or let it rest (休息), pause it for some minutes (忙碌), change its weekly hours.

    :param pause_minutes: from now; None ends a pause.
    :raises HoursInvalid: spans overlap or end before they begin.
    :raises ShopNotYours: only open and resting shops are the merchant's to switch.
    """
    if hours is not None and not are_hours_sound(hours):
        raise HoursInvalid(pointer="/hours")
    with transaction(claim) as tx:
        row = lock(tx, _LOCK_SHOP, {"shop_id": shop_id, **actor.as_member}, ShopNotFound)
        if row.state not in {ShopState.OPEN, ShopState.RESTING}:
            raise ShopNotYours(state=row.state)
        state = ShopState.OPEN if is_open else ShopState.RESTING
        changed = ShopChanged(shop_id=shop_id, state=state.value)
        tx.keep(changed)
        tx.close(
            _OPENING,
            {
                "shop_id": shop_id,
                "state": state.value,
                "hours": None if hours is None else orjson.dumps(hours).decode(),
                "pause": None if pause_minutes is None else timedelta(minutes=pause_minutes),
            },
        )
    return changed


def lock(tx: Transaction, statement: Opening, params: dict[str, object], absent: type[Exception]) -> Any:
    """Return the row that ``statement`` locks; ``absent`` is raised when there is none of the actor's."""
    row = tx.open_one(statement, params)
    if row is None:
        raise absent
    return row
