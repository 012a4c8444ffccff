"""What a standard product cost near an address, day by day: data of a chart, from the price history of its SKUs."""

from typing import Any
from uuid import UUID

from marshmallow import fields
from sqlalchemy import text

from app.core.accounts.errors import AddressNotFound
from app.core.catalog.errors import ProductNotFound
from app.core.search.statements import delivers_to
from app.kernel.actor import Actor
from app.kernel.geo import box_around, map_cells
from app.kernel.transaction import read
from app.usecases.shopping.comparing import REACH_M_MAX, ZOOM
from app.web.door import Door
from app.web.fields import Body, Day, Fen, Id, Int, Many, Query
from app.web.policy import Relation, policy

DAYS_MAX = 366
SKUS_MAX = 1_000
_PLACE = text(
    """
    SELECT a.lat, a.lng, EXISTS (
        SELECT 1 FROM standard_products AS p WHERE p.standard_product_id = :product_id) AS is_known
    FROM (SELECT 1) AS one
    LEFT JOIN addresses AS a ON a.address_id = :address_id AND a.account_id = :account_id AND a.removed_at IS NULL
    """
)
_DAYS = text(
    f"""
    WITH clock AS MATERIALIZED (SELECT business_now() AS now),
    sold AS MATERIALIZED (
        SELECT k.sku_id, k.shop_id, k.removed_at FROM skus AS k
        JOIN offers AS f ON f.offer_id = k.offer_id AND f.state = 'on_sale'
        JOIN searched_shops AS z ON z.shop_id = k.shop_id AND z.state IN ('open', 'resting')
        WHERE k.standard_product_id = :product_id AND k.cell = ANY (CAST(:cells AS bigint[]))
            AND {delivers_to(":lat", ":lng")}
        ORDER BY k.sku_id LIMIT {SKUS_MAX}
    ),
    held AS MATERIALIZED (
        SELECT s.shop_id, c.price_fen, c.changed_at, least(s.removed_at,
            lead(c.changed_at) OVER (PARTITION BY c.sku_id ORDER BY c.changed_at)) AS until
        FROM sold AS s JOIN price_changes AS c ON c.sku_id = s.sku_id
    ),
    days AS (
        SELECT CAST(d.day AS date) AS day,
            least(t.now, (d.day + interval '1 day') AT TIME ZONE 'Asia/Shanghai' - interval '1 microsecond') AS ends_at
        FROM clock AS t CROSS JOIN LATERAL generate_series(
            date_trunc('day', t.now AT TIME ZONE 'Asia/Shanghai') - (CAST(:days AS integer) - 1) * interval '1 day',
            date_trunc('day', t.now AT TIME ZONE 'Asia/Shanghai'), interval '1 day') AS d (day)
    )
    SELECT d.day, min(h.price_fen) AS lowest_fen,
        percentile_disc(0.5) WITHIN GROUP (ORDER BY h.price_fen) AS median_fen, count(DISTINCT h.shop_id) AS shop_count
    FROM days AS d JOIN held AS h ON h.changed_at <= d.ends_at AND (h.until IS NULL OR h.until > d.ends_at)
    GROUP BY d.day ORDER BY d.day
    """
)


class ProductPricesQuery(Query):
    """Near which address, and how many days back, today included."""

    address_id = Id(required=True)
    days = Int(low=1, high=DAYS_MAX, load_default=90)


class ProductDayOut(Body):
    """The lowest price and the middle one as a day ended, today's as they are, over ``shop_count`` shops."""

    day = Day(required=True)
    lowest_fen = Fen(required=True)
    median_fen = Fen(required=True)
    shop_count = Int(low=1, high=SKUS_MAX, required=True)


class ProductPricesOut(Body):
    """Days, the oldest first; a day on which no shop had a price is left out."""

    items = Many(fields.Nested(ProductDayOut), high=DAYS_MAX, required=True)


def add_product_prices(door: Door) -> None:
    """Add the route to ``door``."""

    @door.get("/standard-products/<uuid:standard_product_id>/prices", query=ProductPricesQuery, answer=ProductPricesOut)
    @policy("offer.read", Relation.OWN)
    def list_product_prices(actor: Actor, *, standard_product_id: UUID, query: dict[str, Any]) -> dict[str, Any]:
        """Read what a standard product cost day by day at the shops that deliver to an address today."""
        asked = {"product_id": standard_product_id, "address_id": query["address_id"], "account_id": actor.account_id}
        place = read(_PLACE, asked).one()
        if place.lat is None:
            raise AddressNotFound(pointer="/address_id")
        if not place.is_known:
            raise ProductNotFound
        cells = map_cells(box_around(place.lat, place.lng, REACH_M_MAX), ZOOM)
        params = {
            "product_id": standard_product_id,
            "lat": place.lat,
            "lng": place.lng,
            "cells": cells,
            "days": query["days"],
        }
        return {"items": [dict(row._mapping) for row in read(_DAYS, params)]}
