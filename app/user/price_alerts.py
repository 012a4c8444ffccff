"""Routes of price alerts: a product is watched for an address, and what was told is listed."""

from typing import Any
from uuid import UUID

from marshmallow import fields
from sqlalchemy import text

from app.core.catalog.alerts import ALERTS_MAX
from app.kernel.actor import Actor
from app.kernel.transaction import read
from app.usecases.finding.price_alerts import PriceAlert, end_price_alert, set_price_alert
from app.web.door import Door
from app.web.fields import Body, Fen, Id, Instant, Many, Text
from app.web.paging import LIMIT_MAX, PageQuery, page, read_cursor
from app.web.policy import Relation, policy

_ALERTS = text(
    """
    SELECT a.standard_product_id, p.name, a.address_id, a.target_fen, a.last_fen, a.set_at, a.expires_at
    FROM price_alerts AS a JOIN standard_products AS p ON p.standard_product_id = a.standard_product_id
    WHERE a.account_id = :account_id AND a.expires_at > business_now()
    ORDER BY a.set_at DESC, a.standard_product_id LIMIT :limit
    """
)
_NOTICES = text(
    """
    SELECT n.notice_id, n.standard_product_id, p.name, n.shop_id, s.name AS shop_name, n.sku_id, k.offer_id,
        n.price_fen, n.was_fen, n.noticed_at
    FROM price_notices AS n JOIN standard_products AS p ON p.standard_product_id = n.standard_product_id
    JOIN shops AS s ON s.shop_id = n.shop_id JOIN skus AS k ON k.sku_id = n.sku_id
    WHERE n.account_id = :account_id AND n.notice_id < :before ORDER BY n.notice_id DESC LIMIT :limit
    """
)


class PriceAlertIn(Body):
    """For which address, and from which price on; without a target any fall is told."""

    address_id = Id(required=True)
    target_fen = Fen(low=1, allow_none=True, load_default=None)


class PriceAlertOut(Body):
    """A product that is watched; ``last_fen`` is the lowest price seen last, null while no shop delivers it there."""

    standard_product_id = Id(required=True)
    address_id = Id(required=True)
    target_fen = Fen(allow_none=True, required=True)
    last_fen = Fen(allow_none=True, required=True)
    set_at = Instant(required=True)
    expires_at = Instant(required=True)


class NamedPriceAlertOut(PriceAlertOut):
    """The same with the product's name."""

    name = Text(high=200, required=True)


class PriceAlertsOut(Body):
    """The last set first."""

    items = Many(fields.Nested(NamedPriceAlertOut), high=ALERTS_MAX, required=True)


class PriceNoticeOut(Body):
    """What became cheaper, where, and what the lowest price was before; null where no shop had it."""

    notice_id = Id(required=True)
    standard_product_id = Id(required=True)
    name = Text(high=200, required=True)
    shop_id = Id(required=True)
    shop_name = Text(high=200, required=True)
    offer_id = Id(required=True)
    sku_id = Id(required=True)
    price_fen = Fen(required=True)
    was_fen = Fen(allow_none=True, required=True)
    noticed_at = Instant(required=True)


class PriceNoticesOut(Body):
    """The newest first."""

    items = Many(fields.Nested(PriceNoticeOut), high=LIMIT_MAX, required=True)
    next_cursor = Text(high=64, required=True, allow_none=True)


def add_price_alerts(door: Door) -> None:
    """Add the routes to ``door``."""

    @door.put("/standard-products/<uuid:standard_product_id>/price-alert", body=PriceAlertIn, answer=PriceAlertOut)
    @policy("search.write", Relation.OWN)
    def put_price_alert(actor: Actor, *, standard_product_id: UUID, body: dict[str, Any]) -> PriceAlert:
        """Watch a product for an address, for 180 days: a lower price is told, once a day while it swings."""
        return set_price_alert(actor, product_id=standard_product_id, **body)

    @door.delete("/standard-products/<uuid:standard_product_id>/price-alert", status=204)
    @policy("search.write", Relation.OWN)
    def delete_price_alert(actor: Actor, *, standard_product_id: UUID) -> None:
        """Watch a product no more."""
        end_price_alert(actor, product_id=standard_product_id)

    @door.get("/price-alerts", answer=PriceAlertsOut)
    @policy("search.read", Relation.OWN)
    def list_price_alerts(actor: Actor) -> dict[str, Any]:
        """List the products that one watches."""
        rows = read(_ALERTS, {"account_id": actor.account_id, "limit": ALERTS_MAX})
        return {"items": [dict(row._mapping) for row in rows]}

    @door.get("/price-notices", query=PageQuery, answer=PriceNoticesOut)
    @policy("search.read", Relation.OWN)
    def list_price_notices(actor: Actor, *, query: dict[str, Any]) -> dict[str, Any]:
        """List what became cheaper, newest first."""
        asked = {"account_id": actor.account_id, "before": read_cursor(query["cursor"]), "limit": query["limit"] + 1}
        return page([dict(row._mapping) for row in read(_NOTICES, asked)], limit=query["limit"], key="notice_id")
