"""Price alerts (降价提醒): set and ended by residents; the worker looks at products whose prices moved.

What moved is queued by the database itself, in the transaction that moved it, and only for products that somebody
watches: an import of ten thousand prices tells whom it concerns and costs the others a look at an index. A price that
moves in the same instant as an alert is set sees no alert, nor does the alert see the price: so each alert is looked at
once more, when whatever was under way has ended.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import orjson
from sqlalchemy import text

from app.core.accounts.errors import AddressNotFound
from app.core.catalog.alerts import ALERTS_MAX, KEPT, Watched, is_news
from app.core.catalog.errors import PriceAlertNotFound, ProductNotFound, TooManyPriceAlerts
from app.core.events import PriceFell
from app.core.search.statements import delivers_to
from app.kernel.actor import Actor
from app.kernel.geo import box_around, map_cells
from app.kernel.ids import new_id
from app.kernel.transaction import Transaction, transaction
from app.kernel.wire import Row
from app.usecases.shopping.comparing import REACH_M_MAX, ZOOM

BATCH = 200
"""Alerts that one transaction looks at."""

_LOCK = text("SELECT business_now() AS now FROM accounts WHERE account_id = :account_id FOR NO KEY UPDATE")
_ASKED = text(
    """
    SELECT d.lat, d.lng, EXISTS (
            SELECT 1 FROM standard_products AS p WHERE p.standard_product_id = :product_id) AS is_known,
        (SELECT count(*) FROM price_alerts AS a WHERE a.account_id = :account_id
            AND a.standard_product_id <> :product_id) AS others
    FROM (SELECT 1) AS one
    LEFT JOIN addresses AS d ON d.address_id = :address_id AND d.account_id = :account_id AND d.removed_at IS NULL
    """
)
_SET = text(
    """
    INSERT INTO price_alerts (account_id, standard_product_id, address_id, target_fen, last_fen, set_at, expires_at)
    VALUES (:account_id, :product_id, :address_id, :target_fen, :last_fen, :now, :expires_at)
    ON CONFLICT (account_id, standard_product_id) DO UPDATE SET address_id = excluded.address_id,
        target_fen = excluded.target_fen, last_fen = excluded.last_fen, set_at = excluded.set_at,
        expires_at = excluded.expires_at
    """
)
_END = text("DELETE FROM price_alerts WHERE account_id = :account_id AND standard_product_id = :product_id")
_LOOK_LATER = text("INSERT INTO moved_prices (standard_product_id, account_id) VALUES (:product_id, :account_id)")
_NUMBER = text(
    """
    UPDATE moved_prices SET behind = CAST(CAST(pg_current_xact_id() AS text) AS bigint)
    WHERE account_id IS NOT NULL AND behind IS NULL
    """
)
"""Who saw no alert has a lower number than ours: it was given before the alert was there, ours is given after."""
_TAKE = text(
    """
    DELETE FROM moved_prices WHERE move_id IN (
        SELECT move_id FROM moved_prices
        WHERE account_id IS NULL OR behind <= CAST(CAST(pg_snapshot_xmin(pg_current_snapshot()) AS text) AS bigint)
        ORDER BY move_id LIMIT 1 FOR UPDATE SKIP LOCKED)
    RETURNING standard_product_id, after, account_id
    """
)
_LATER = text("INSERT INTO moved_prices (standard_product_id, after) VALUES (:product_id, :after)")
_WATCHING = text(
    """
    SELECT a.account_id, a.target_fen, a.last_fen, a.told_fen, a.told_at, d.lat, d.lng, business_now() AS now
    FROM price_alerts AS a
    LEFT JOIN addresses AS d ON d.address_id = a.address_id AND d.removed_at IS NULL AND a.expires_at > business_now()
    WHERE a.standard_product_id = :product_id AND a.account_id > :after
        AND (CAST(:account_id AS uuid) IS NULL OR a.account_id = :account_id)
    ORDER BY a.account_id LIMIT :limit FOR NO KEY UPDATE OF a
    """
)
_LOWEST = text(
    f"""
    SELECT p.number, low.price_fen, low.sku_id, low.shop_id
    FROM jsonb_to_recordset(CAST(:places AS jsonb))
        AS p (number bigint, lat double precision, lng double precision, cells bigint[])
    CROSS JOIN LATERAL (
        SELECT k.price_fen, k.sku_id, k.shop_id FROM skus AS k
        JOIN offers AS f ON f.offer_id = k.offer_id AND f.state = 'on_sale'
        JOIN searched_shops AS z ON z.shop_id = k.shop_id AND z.state IN ('open', 'resting')
        WHERE k.standard_product_id = :product_id AND k.removed_at IS NULL AND k.cell = ANY (p.cells)
            AND {delivers_to("p.lat", "p.lng")}
        ORDER BY k.price_fen, k.sku_id LIMIT 1
    ) AS low
    """
)
"""What a product costs least, for each of some places; without a row where no shop delivers it."""
_SEEN = text(
    """
    UPDATE price_alerts AS a SET last_fen = s.price_fen, told_fen = coalesce(s.told_fen, a.told_fen),
        told_at = CASE WHEN s.told_fen IS NULL THEN a.told_at ELSE CAST(:now AS timestamptz) END
    FROM unnest(CAST(:account_ids AS uuid[]), CAST(:prices AS bigint[]), CAST(:told AS bigint[]))
        AS s (account_id, price_fen, told_fen)
    WHERE a.account_id = s.account_id AND a.standard_product_id = :product_id
    """
)
_TELL = text(
    """
    INSERT INTO price_notices (notice_id, account_id, standard_product_id, shop_id, sku_id, price_fen, was_fen,
        noticed_at)
    VALUES (:notice_id, :account_id, :product_id, :shop_id, :sku_id, :price_fen, :was_fen, :now)
    """
)


@dataclass(frozen=True, slots=True, kw_only=True)
class PriceAlert:
    """An alert as it was set; ``last_fen`` is the lowest price at that moment."""

    standard_product_id: UUID
    address_id: UUID
    target_fen: int | None
    last_fen: int | None
    set_at: datetime
    expires_at: datetime


def set_price_alert(actor: Actor, *, product_id: UUID, address_id: UUID, target_fen: int | None) -> PriceAlert:
    """Watch a product for one of one's addresses, in the place of what was set for it before.

    :param target_fen: tell only of prices up to this; None tells of any that is lower than the last.
    :raises AddressNotFound, ProductNotFound: there is none, or not of this person.
    :raises TooManyPriceAlerts: the person watches :data:`ALERTS_MAX` others.
    """
    with transaction() as tx:
        now = tx.execute(_LOCK, {"account_id": actor.account_id}).scalar_one()
        key = {"account_id": actor.account_id, "product_id": product_id}
        asked = tx.execute(_ASKED, {**key, "address_id": address_id}).one()
        if asked.lat is None:
            raise AddressNotFound(pointer="/address_id")
        if not asked.is_known:
            raise ProductNotFound
        if asked.others >= ALERTS_MAX:
            raise TooManyPriceAlerts(alerts_max=ALERTS_MAX)
        found = _lowest(tx, product_id, [(asked.lat, asked.lng)]).get(0)
        alert = PriceAlert(
            standard_product_id=product_id,
            address_id=address_id,
            target_fen=target_fen,
            last_fen=None if found is None else found.price_fen,
            set_at=now,
            expires_at=now + KEPT,
        )
        params = {"target_fen": target_fen, "last_fen": alert.last_fen, "now": now, "expires_at": alert.expires_at}
        tx.execute(_SET, {**key, **params, "address_id": address_id})
        tx.execute(_LOOK_LATER, key)
    return alert


def end_price_alert(actor: Actor, *, product_id: UUID) -> None:
    """Watch a product no more.

    :raises PriceAlertNotFound: the person does not watch it.
    """
    with transaction() as tx:
        if tx.execute(_END, {"account_id": actor.account_id, "product_id": product_id}).rowcount == 0:
            raise PriceAlertNotFound


def look_at_moved_prices() -> int:
    """Tell whom it concerns that a product became cheaper, for up to :data:`BATCH` alerts; return 0 when none moved.

    Locks the product's alerts by their owners; who sets or ends theirs meanwhile waits for it.
    """
    with transaction() as tx:
        tx.execute(_NUMBER)
        moved = tx.execute(_TAKE).one_or_none()
        if moved is None:
            return 0
        product_id = moved.standard_product_id
        asked = {"product_id": product_id, "account_id": moved.account_id, "after": moved.after, "limit": BATCH}
        alerts = tx.execute(_WATCHING, asked).fetchall()
        if len(alerts) == BATCH:
            tx.execute(_LATER, {"product_id": product_id, "after": alerts[-1].account_id})
        standing = [alert for alert in alerts if alert.lat is not None]
        if standing:
            _tell(tx, product_id, standing)
    return 1


def _tell(tx: Transaction, product_id: UUID, alerts: Sequence[Row]) -> None:
    found = _lowest(tx, product_id, [(alert.lat, alert.lng) for alert in alerts])
    now = alerts[0].now
    prices: list[int | None] = []
    told: list[int | None] = []
    for number, alert in enumerate(alerts):
        low = found.get(number)
        price_fen = low.price_fen if low else None
        watched = Watched(
            last_fen=alert.last_fen, target_fen=alert.target_fen, told_fen=alert.told_fen, told_at=alert.told_at
        )
        prices.append(price_fen)
        told.append(price_fen if is_news(watched, price_fen, now=now) else None)
        if low is not None and told[-1] is not None:
            notice: dict[str, Any] = {"notice_id": new_id(), "account_id": alert.account_id, "was_fen": alert.last_fen}
            said = {"shop_id": low.shop_id, "sku_id": low.sku_id, "price_fen": low.price_fen}
            tx.execute(_TELL, {**notice, **said, "product_id": product_id, "now": now})
            tx.record(PriceFell(account_id=alert.account_id, notice_id=notice["notice_id"]))
    owners = [alert.account_id for alert in alerts]
    tx.execute(_SEEN, {"product_id": product_id, "account_ids": owners, "prices": prices, "told": told, "now": now})


def _lowest(tx: Transaction, product_id: UUID, places: Sequence[tuple[float, float]]) -> dict[int, Row]:
    asked = [
        {"number": number, "lat": lat, "lng": lng, "cells": map_cells(box_around(lat, lng, REACH_M_MAX), ZOOM)}
        for number, (lat, lng) in enumerate(places)
    ]
    rows = tx.execute(_LOWEST, {"product_id": product_id, "places": orjson.dumps(asked).decode()})
    return {int(row.number): row for row in rows}
