"""What both sides of a counter read of the catalog: categories, and what prices were."""

from datetime import timedelta
from typing import Any
from uuid import UUID

from marshmallow import fields
from sqlalchemy import text

from app.core.catalog.errors import SkuNotFound
from app.core.catalog.models import Vertical
from app.kernel.actor import Actor
from app.kernel.transaction import read
from app.web.door import Door
from app.web.fields import Body, Choice, Fen, Flag, Instant, Int, Many, Query, Text
from app.web.policy import Relation, policy
from app.web.replies import in_json
from app.web.views import COUNT_MAX, LIST_MAX

CHANGES_MAX = 500
_CATEGORIES = text(
    """
    SELECT code, parent_code, vertical, name_zh, name_en, attributes, is_sensitive, is_age_restricted,
        is_return_excluded
    FROM categories WHERE CAST(:vertical AS text) IS NULL OR vertical = :vertical ORDER BY position, code LIMIT 1000
    """
)
_PRICES = f"""
    SELECT k.price_fen AS now_fen, business_now() AS now, coalesce((
        SELECT json_agg(json_build_object('changed_at', {in_json("c.changed_at")}, 'price_fen', c.price_fen)
            ORDER BY c.changed_at)
        FROM (SELECT p.changed_at, p.price_fen FROM price_changes AS p
              WHERE p.sku_id = k.sku_id AND p.changed_at >= coalesce((
                  SELECT max(b.changed_at) FROM price_changes AS b
                  WHERE b.sku_id = k.sku_id AND b.changed_at <= business_now() - CAST(:since AS interval)),
                  '-infinity')
              ORDER BY p.changed_at DESC LIMIT 500) AS c), '[]') AS changes
    FROM skus AS k JOIN offers AS f ON f.offer_id = k.offer_id JOIN shops AS s ON s.shop_id = k.shop_id {{whose}}
    WHERE k.sku_id = :sku_id AND f.state {{states}}
"""
_PUBLIC_PRICES = text(_PRICES.format(whose="", states="= 'on_sale'"))
_OWN_PRICES = text(
    _PRICES.format(
        whose="""JOIN memberships AS m ON m.organization_id = s.merchant_id AND m.organization_kind = 'merchant'
            AND m.account_id = :account_id AND m.role = ANY (CAST(:roles AS text[]))""",
        states="<> 'removed'",
    )
)


class AttributeOut(Body):
    """What a category asks an offer to say; ``choices`` for one of the kind ``choice``."""

    key = Text(high=50, required=True)
    zh = Text(high=50, required=True)
    en = Text(high=50, required=True)
    kind = Text(high=20, required=True)
    choices = Many(fields.String(), high=50)
    is_required = Flag()


class CategoryOut(Body):
    """A category. Sensitive: offers are looked at first. Codes of the second level begin with their parent's."""

    code = Text(high=100, required=True)
    parent_code = Text(high=100, required=True, allow_none=True)
    vertical = Choice(Vertical, required=True)
    name_zh = Text(high=50, required=True)
    name_en = Text(high=50, required=True)
    attributes = Many(fields.Nested(AttributeOut), high=50, required=True)
    is_sensitive = Flag(required=True)
    is_age_restricted = Flag(required=True)
    is_return_excluded = Flag(required=True)


class CategoriesOut(Body):
    """All categories asked for, each first level before its second."""

    items = Many(fields.Nested(CategoryOut), high=LIST_MAX, required=True)


class CategoriesQuery(Query):
    """Of one vertical, or all."""

    vertical = Choice(Vertical, load_default=None)


class PricesQuery(Query):
    """How far back."""

    days = Int(low=1, high=730, load_default=90)


class PriceOut(Body):
    """From when a price was."""

    changed_at = Instant(required=True)
    price_fen = Fen(required=True)


class PricesOut(Body):
    """What a SKU cost, oldest first: a chart's steps, the first one in force when the time begins."""

    price_fen = Fen(required=True)
    lowest_fen = Fen(required=True)
    highest_fen = Fen(required=True)
    changes_count = Int(low=0, high=COUNT_MAX, required=True)
    items = Many(fields.Nested(PriceOut), high=CHANGES_MAX, required=True)


def add_categories(door: Door) -> None:
    """Give a door the list of categories."""

    @door.get("/categories", query=CategoriesQuery, answer=CategoriesOut)
    @policy("offer.read", Relation.SIDE)
    def list_categories(_actor: Actor, *, query: dict[str, Any]) -> dict[str, Any]:
        """List the categories of the catalog, two levels in each vertical."""
        return {"items": [dict(row._mapping) for row in read(_CATEGORIES, query)]}


def add_prices(door: Door, relation: Relation) -> None:
    """Give a door the price history of a SKU: of all on sale, or of one's own."""
    is_own = relation is Relation.OWN_SHOP

    @door.get("/skus/<uuid:sku_id>/prices", query=PricesQuery, answer=PricesOut)
    @policy("offer.read", relation)
    def list_prices(actor: Actor, *, sku_id: UUID, query: dict[str, Any]) -> dict[str, Any]:
        """Read what a SKU cost over time."""
        params = {"sku_id": sku_id, "since": timedelta(days=query["days"]), **(actor.as_member if is_own else {})}
        row = read(_OWN_PRICES if is_own else _PUBLIC_PRICES, params).one_or_none()
        if row is None:
            raise SkuNotFound
        prices = [row.now_fen, *(change["price_fen"] for change in row.changes)]
        return {
            "price_fen": row.now_fen,
            "lowest_fen": min(prices),
            "highest_fen": max(prices),
            "changes_count": len(row.changes),
            "items": row.changes,
        }
