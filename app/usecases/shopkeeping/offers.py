"""A merchant puts an offer on the shelf, and changes what it says."""

from typing import Any
from uuid import UUID

import orjson

from app.core.catalog.categories import read_attributes
from app.core.catalog.errors import CategoryNotFound, HoursInvalid, OfferNotFound, ShopNotFound
from app.core.catalog.models import OfferKind, OfferState
from app.core.catalog.review import is_paused_after, state_after
from app.core.catalog.rules import Hours, are_hours_sound
from app.kernel.actor import Actor
from app.kernel.ids import new_id
from app.kernel.transaction import Claim, closing, opening, transaction
from app.kernel.wire import Row
from app.usecases.shopkeeping.shelf import MEMBER, lock
from app.usecases.shopkeeping.skus import MAKE_SKU, OfferChanged, sku_params

_CATEGORY = """
    s.reviewed_until > business_now() AS is_new_shop, g.code AS found_code, g.attributes AS asked,
    g.is_sensitive, g.is_age_restricted, g.is_return_excluded
"""
_OF_CATEGORY = "LEFT JOIN categories AS g ON g.vertical = s.vertical AND g.code = "
_LOCK_SHOP = opening(
    f"""
    SELECT s.shop_id, s.state, {_CATEGORY} FROM shops AS s {_OF_CATEGORY} CAST(:category_code AS text)
    {MEMBER} AND s.shop_id = :shop_id
    FOR UPDATE OF s
    """
)
_LOCK_OFFER = opening(
    f"""
    SELECT f.offer_id, f.state, f.is_paused_after_review, f.name, f.category_code, {_CATEGORY}
    FROM offers AS f JOIN shops AS s ON s.shop_id = f.shop_id
    {_OF_CATEGORY} coalesce(CAST(:category_code AS text), f.category_code)
    {MEMBER} AND f.offer_id = :offer_id AND f.shop_id = :shop_id AND f.state <> 'removed' FOR UPDATE OF f
    """
)
_ADD_OFFER = closing(
    f"""
    made AS (
        INSERT INTO offers (offer_id, shop_id, kind, name, category, position, state, category_code, brand, description,
            attributes, sale_hours, preparation_minutes, is_age_restricted, is_return_excluded)
        SELECT :offer_id, :shop_id, :kind, :name, :category, coalesce(max(position), 0) + 1, :state,
            CAST(:category_code AS text), :brand, :description, CAST(:attributes AS jsonb), CAST(:sale_hours AS jsonb),
            :preparation_minutes, :is_age_restricted, :is_return_excluded
        FROM offers WHERE shop_id = :shop_id
    ),
    {MAKE_SKU}"""
)
_CHANGE_OFFER = closing(
    """
    changed AS (
        UPDATE offers SET state = coalesce(CAST(:state AS text), state),
            is_paused_after_review = :is_paused_after_review, name = coalesce(CAST(:name AS text), name),
            category = coalesce(CAST(:category AS text), category),
            category_code = coalesce(CAST(:category_code AS text), category_code),
            brand = coalesce(CAST(:brand AS text), brand),
            description = coalesce(CAST(:description AS text), description),
            attributes = coalesce(CAST(:attributes AS jsonb), attributes),
            sale_hours = CASE WHEN CAST(:sale_hours AS jsonb) = '{}' THEN NULL
                              ELSE coalesce(CAST(:sale_hours AS jsonb), sale_hours) END,
            preparation_minutes = coalesce(CAST(:preparation_minutes AS bigint), preparation_minutes),
            is_age_restricted = coalesce(CAST(:is_age_restricted AS boolean), is_age_restricted),
            is_return_excluded = coalesce(CAST(:is_return_excluded AS boolean), is_return_excluded)
        WHERE offer_id = :offer_id
    )"""
)


def add_offer(
    actor: Actor,
    claim: Claim,
    *,
    shop_id: UUID,
    kind: OfferKind,
    name: str,
    category: str,
    category_code: str | None = None,
    brand: str = "",
    description: str = "",
    attributes: dict[str, Any] | None = None,
    sale_hours: Hours | None = None,
    preparation_minutes: int = 0,
    is_age_restricted: bool = False,
    is_return_excluded: bool = False,
    **terms: Any,
) -> OfferChanged:
    """Put a new offer with one SKU on the shelf.

    :param category: the title of its group on the shop's shelf; ``category_code`` is the platform's category, which
        may add ``is_age_restricted`` and ``is_return_excluded``.
    :param sale_hours: when it is sold, None or empty for as long as the shop is open.
    :param terms: of its SKU; see :func:`app.usecases.shopkeeping.skus.sku_params`.
    :raises CategoryNotFound: no such category in the shop's vertical. :raises HoursInvalid: hours out of order.
    """
    _refuse_hours(sale_hours)
    with transaction(claim) as tx:
        found = {"shop_id": shop_id, "category_code": category_code, **actor.as_member}
        row = lock(tx, _LOCK_SHOP, found, ShopNotFound)
        asked = _category(row, category_code)
        state = OfferState.IN_REVIEW if _is_reviewed(row) else OfferState.ON_SALE
        made = OfferChanged(offer_id=new_id(), sku_id=new_id(), state=state.value)
        tx.keep(made)
        tx.close(
            _ADD_OFFER,
            {
                **sku_params(
                    sku_id=made.sku_id or new_id(),
                    offer_id=made.offer_id,
                    shop_id=shop_id,
                    name=name,
                    brand=brand,
                    category_code=category_code,
                    **terms,
                ),
                "kind": kind.value,
                "name": name,
                "category": category,
                "state": made.state,
                "description": description,
                "attributes": orjson.dumps(read_attributes(asked, attributes or {})).decode(),
                "sale_hours": orjson.dumps(sale_hours).decode() if sale_hours else None,
                "preparation_minutes": preparation_minutes,
                "is_age_restricted": is_age_restricted or bool(row.is_age_restricted),
                "is_return_excluded": is_return_excluded or bool(row.is_return_excluded),
            },
        )
    return made


def change_offer(
    actor: Actor,
    claim: Claim,
    *,
    shop_id: UUID,
    offer_id: UUID,
    state: OfferState | None = None,
    category_code: str | None = None,
    attributes: dict[str, Any] | None = None,
    sale_hours: Hours | None = None,
    is_age_restricted: bool | None = None,
    is_return_excluded: bool | None = None,
    **said: Any,
) -> OfferChanged:
    """Change what an offer says, pause it, put it back on sale, or remove it for good; what is None stays.

    Orders keep what they copied. What the platform looks at waits for that when it is said anew.

    :param sale_hours: empty for as long as the shop is open.
    :param said: ``name``, ``category``, ``brand``, ``description``, ``preparation_minutes``.
    """
    _refuse_hours(sale_hours)
    with transaction(claim) as tx:
        params: dict[str, object] = {"shop_id": shop_id, "offer_id": offer_id, "category_code": category_code}
        row = lock(tx, _LOCK_OFFER, {**params, **actor.as_member}, OfferNotFound)
        asked = _category(row, category_code)
        if attributes is not None:
            attributes = read_attributes(asked, attributes)
        words = ("name", "brand", "description")
        is_said_anew = (
            category_code is not None or attributes is not None or any(said.get(name) is not None for name in words)
        )
        current = OfferState(row.state)
        after = state_after(current, state, is_reviewed=_is_reviewed(row), is_said_anew=is_said_anew)
        changed = OfferChanged(offer_id=offer_id, state=after.value)
        tx.keep(changed)
        tx.close(
            _CHANGE_OFFER,
            {
                **dict.fromkeys(("name", "category", "brand", "description", "preparation_minutes")),
                **said,
                "offer_id": offer_id,
                "state": after.value,
                "is_paused_after_review": is_paused_after(current, state, was_paused_after=row.is_paused_after_review),
                "category_code": category_code,
                "attributes": None if attributes is None else orjson.dumps(attributes).decode(),
                "sale_hours": None if sale_hours is None else orjson.dumps(sale_hours).decode(),
                "is_age_restricted": True if row.is_age_restricted else is_age_restricted,
                "is_return_excluded": True if row.is_return_excluded else is_return_excluded,
            },
        )
    return changed


def _refuse_hours(sale_hours: Hours | None) -> None:
    if sale_hours is not None and not are_hours_sound(sale_hours):
        raise HoursInvalid(pointer="/sale_hours")


def _is_reviewed(row: Row) -> bool:
    return bool(row.is_new_shop or row.is_sensitive)


def _category(row: Row, category_code: str | None) -> list[dict[str, Any]]:
    """Return what the category asks for; nothing without one.

    :raises CategoryNotFound: the shop's vertical has none of this code.
    """
    if category_code is not None and row.found_code is None:
        raise CategoryNotFound(pointer="/category_code")
    asked: list[dict[str, Any]] = row.asked or []
    return asked
