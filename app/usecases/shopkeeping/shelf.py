"""What a merchant changes about a shop: rest and open, pause, hours; an offer's name, price, shelf state and stock."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

import orjson

from app.core.catalog.errors import HoursInvalid, OfferNotFound, ShopNotFound, SkuNotFound
from app.core.catalog.models import OfferKind, OfferState, ShopState
from app.core.catalog.rules import Hours, are_hours_sound
from app.kernel.actor import Actor
from app.kernel.errors import Conflict
from app.kernel.ids import new_id
from app.kernel.transaction import Claim, Opening, Transaction, closing, opening, transaction

_MEMBER = """
    JOIN memberships AS m ON m.organization_id = s.merchant_id AND m.organization_kind = 'merchant'
    WHERE m.account_id = :account_id AND m.role = ANY (CAST(:roles AS text[]))
"""
_LOCK_SHOP = opening(
    f"SELECT s.shop_id, s.state, s.vertical FROM shops AS s {_MEMBER} AND s.shop_id = :shop_id FOR UPDATE OF s"
)
_LOCK_OFFER = opening(
    f"""
    SELECT f.offer_id, f.shop_id, f.state FROM offers AS f JOIN shops AS s ON s.shop_id = f.shop_id
    {_MEMBER} AND f.offer_id = :offer_id AND f.shop_id = :shop_id AND f.state <> 'removed' FOR UPDATE OF f
    """
)
_LOCK_SKU = opening(
    f"""
    SELECT k.sku_id, k.offer_id FROM skus AS k JOIN shops AS s ON s.shop_id = k.shop_id
    {_MEMBER} AND k.sku_id = :sku_id AND k.shop_id = :shop_id FOR UPDATE OF k
    """
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
_ADD_OFFER = closing(
    """
    made AS (
        INSERT INTO offers (offer_id, shop_id, kind, name, category, position)
        SELECT :offer_id, :shop_id, :kind, :name, :category, coalesce(max(position), 0) + 1
        FROM offers WHERE shop_id = :shop_id
    ),
    made_sku AS (
        INSERT INTO skus (sku_id, offer_id, shop_id, option, price_fen, packing_fen, barcode)
        VALUES (:sku_id, :offer_id, :shop_id, :option, :price_fen, :packing_fen, CAST(:barcode AS text))
    ),
    made_stock AS (
        INSERT INTO stock (sku_id, received, on_hand)
        SELECT :sku_id, CAST(:on_hand AS bigint), CAST(:on_hand AS bigint) WHERE CAST(:on_hand AS bigint) IS NOT NULL
    )"""
)
_CHANGE_OFFER = closing(
    """
    changed AS (
        UPDATE offers SET state = coalesce(CAST(:state AS text), state), name = coalesce(CAST(:name AS text), name)
        WHERE offer_id = :offer_id
    )"""
)
_CHANGE_SKU = closing(
    """
    priced AS (UPDATE skus SET price_fen = coalesce(CAST(:price_fen AS bigint), price_fen) WHERE sku_id = :sku_id),
    stocked AS (
        INSERT INTO stock (sku_id, received, on_hand)
        SELECT :sku_id, CAST(:on_hand AS bigint), CAST(:on_hand AS bigint) WHERE CAST(:on_hand AS bigint) IS NOT NULL
        ON CONFLICT (sku_id) DO UPDATE
        SET on_hand = excluded.on_hand, received = excluded.on_hand + stock.reserved + stock.sold
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


@dataclass(frozen=True, slots=True, kw_only=True)
class OfferChanged:
    """What a change of the shelf answers."""

    offer_id: UUID
    sku_id: UUID | None = None


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
        row = _lock(tx, _LOCK_SHOP, {"shop_id": shop_id, **actor.as_member}, ShopNotFound)
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


def add_offer(
    actor: Actor,
    claim: Claim,
    *,
    shop_id: UUID,
    kind: OfferKind,
    name: str,
    category: str,
    option: str,
    price_fen: int,
    packing_fen: int,
    barcode: str | None,
    on_hand: int | None,
) -> OfferChanged:
    """Put a new offer with one SKU on the shelf.

    :param price_fen: ``> 0``. :param on_hand: pieces counted, or None for unlimited.
    """
    with transaction(claim) as tx:
        _lock(tx, _LOCK_SHOP, {"shop_id": shop_id, **actor.as_member}, ShopNotFound)
        made = OfferChanged(offer_id=new_id(), sku_id=new_id())
        tx.keep(made)
        tx.close(
            _ADD_OFFER,
            {
                "offer_id": made.offer_id,
                "sku_id": made.sku_id,
                "shop_id": shop_id,
                "kind": kind.value,
                "name": name,
                "category": category,
                "option": option,
                "price_fen": price_fen,
                "packing_fen": packing_fen,
                "barcode": barcode,
                "on_hand": on_hand,
            },
        )
    return made


def change_offer(
    actor: Actor, claim: Claim, *, shop_id: UUID, offer_id: UUID, state: OfferState | None, name: str | None
) -> OfferChanged:
    """Rename an offer, pause it, put it back on sale, or remove it for good. Orders keep what they copied."""
    with transaction(claim) as tx:
        params: dict[str, object] = {"shop_id": shop_id, "offer_id": offer_id, **actor.as_member}
        _lock(tx, _LOCK_OFFER, params, OfferNotFound)
        changed = OfferChanged(offer_id=offer_id)
        tx.keep(changed)
        tx.close(_CHANGE_OFFER, {"offer_id": offer_id, "state": None if state is None else state.value, "name": name})
    return changed


def change_sku(
    actor: Actor, claim: Claim, *, shop_id: UUID, sku_id: UUID, price_fen: int | None, on_hand: int | None
) -> OfferChanged:
    """Change the price of a SKU, or the pieces counted on the shelf; what orders have reserved is not among them."""
    with transaction(claim) as tx:
        params: dict[str, object] = {"shop_id": shop_id, "sku_id": sku_id, **actor.as_member}
        row = _lock(tx, _LOCK_SKU, params, SkuNotFound)
        changed = OfferChanged(offer_id=row.offer_id, sku_id=sku_id)
        tx.keep(changed)
        tx.close(_CHANGE_SKU, {"sku_id": sku_id, "price_fen": price_fen, "on_hand": on_hand})
    return changed


def _lock(tx: Transaction, statement: Opening, params: dict[str, object], absent: type[Exception]) -> Any:
    row = tx.open_one(statement, params)
    if row is None:
        raise absent
    return row
