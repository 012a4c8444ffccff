"""What couriers read about their own work: planned shifts, their week, payouts, ratings."""

from datetime import date
from typing import Any

from sqlalchemy import text

from app.core.delivery.ratings import MEAN_OF_MAX, mean_tenths
from app.core.delivery.states import FAULT_OF, Fault
from app.kernel.actor import Actor
from app.kernel.transaction import read
from app.web.paging import page, read_cursor

_SLOTS = text(
    """
    SELECT s.slot_id, s.state, coalesce(s.courier_id = k.courier_id, false) AS is_mine, s.starts_at, s.ends_at
    FROM couriers AS k JOIN shift_slots AS s ON s.community_id = k.community_id
    WHERE k.courier_id = :courier_id AND s.ends_at > business_now()
      AND (s.state IN ('open', 'passed') OR s.courier_id = k.courier_id)
    ORDER BY s.starts_at, s.slot_id LIMIT :limit
    """
)
_SHIFT = text(
    """
    SELECT k.courier_id, h.shift_id IS NOT NULL AS is_on, h.on_break_since IS NOT NULL AS is_on_break, h.ends_at
    FROM couriers AS k LEFT JOIN courier_shifts AS h ON h.courier_id = k.courier_id AND h.ended_at IS NULL
    WHERE k.courier_id = :courier_id
    """
)
_UNPAID = [reason.value for reason, fault in FAULT_OF.items() if fault is Fault.COURIER]
"""After these the way is not paid; what was carried back, or disposed of for another reason, is."""
_WEEK = text(
    """
    WITH days AS (
        SELECT CAST(d AS date) AS day, d AT TIME ZONE 'Asia/Shanghai' AS begins,
            (d + interval '1 day') AT TIME ZONE 'Asia/Shanghai' AS ends
        FROM (SELECT date_trunc('week', coalesce(CAST(CAST(:on AS date) AS timestamp),
                business_now() AT TIME ZONE 'Asia/Shanghai')) AS monday) AS w,
            generate_series(w.monday, w.monday + interval '6 days', interval '1 day') AS d
    )
    SELECT y.day,
        (SELECT coalesce(floor(extract(epoch FROM sum(least(coalesce(h.ended_at, business_now()), y.ends)
                - greatest(h.started_at, y.begins))) / 60), 0)::bigint
         FROM courier_shifts AS h WHERE h.courier_id = :courier_id AND h.started_at < y.ends
            AND coalesce(h.ended_at, business_now()) > y.begins) AS minutes_on_shift,
        (SELECT count(*) FROM trips AS t WHERE t.courier_id = :courier_id AND t.state = 'done'
            AND t.ended_at >= y.begins AND t.ended_at < y.ends) AS trips_done,
        w.orders_delivered, w.orders_by_promise, w.pay_fen,
        (SELECT coalesce(sum(p.amount_fen), 0)::bigint FROM tips AS p WHERE p.courier_id = :courier_id
            AND p.given_at >= y.begins AND p.given_at < y.ends) AS tips_fen
    FROM days AS y
    CROSS JOIN LATERAL (
        SELECT count(*) FILTER (WHERE d.case_id IS NULL AND d.state = 'delivered') AS orders_delivered,
            count(*) FILTER (WHERE d.case_id IS NULL AND d.state = 'delivered'
                AND o.delivered_at <= o.promised_at) AS orders_by_promise,
            coalesce(sum(d.pay_fen), 0)::bigint AS pay_fen
        FROM trips AS t JOIN deliveries AS d ON d.trip_id = t.trip_id AND (d.state IN ('delivered', 'returned')
            OR (d.state = 'disposed' AND d.failure_reason <> ALL (CAST(:unpaid AS text[]))))
        JOIN orders AS o ON o.order_id = d.order_id
        WHERE t.courier_id = :courier_id AND d.ended_at >= y.begins AND d.ended_at < y.ends
    ) AS w
    ORDER BY y.day
    """
)
_PAYOUTS = text(
    """
    WITH days AS (
        SELECT CAST(business_now() AT TIME ZONE 'Asia/Shanghai' AS date) - 60 AS after
    ), items AS (
        SELECT i.party_kind, i.order_id, i.amount_fen, i.settled_on, i.eligible_on
        FROM settlement_items AS i WHERE i.party_id = :courier_id AND i.settled_on IS NULL
        UNION ALL
        SELECT i.party_kind, i.order_id, i.amount_fen, i.settled_on, i.eligible_on
        FROM days, statements AS s JOIN settlement_items AS i ON i.statement_id = s.statement_id
        WHERE s.party_kind = 'courier' AND s.party_id = :courier_id AND s.period_to >= days.after
    )
    SELECT coalesce(i.settled_on, i.eligible_on) AS day, i.settled_on IS NOT NULL AS is_settled,
        coalesce(sum(i.amount_fen) FILTER (WHERE i.party_kind = 'courier'), 0)::bigint AS earned_fen,
        coalesce(sum(i.amount_fen) FILTER (WHERE i.party_kind = 'courier_tip'), 0)::bigint AS tips_fen,
        count(DISTINCT i.order_id) AS order_count
    FROM items AS i, days
    WHERE i.party_kind IN ('courier', 'courier_tip') AND i.eligible_on > days.after
    GROUP BY 1, 2 ORDER BY 1 DESC, 2 LIMIT 100
    """
)
_RATINGS = text(
    """
    SELECT rating_id, stars, marks, state, CAST(rated_at AT TIME ZONE 'Asia/Shanghai' AS date) AS day, decision
    FROM courier_ratings WHERE courier_id = :courier_id AND rating_id < :before
    ORDER BY rating_id DESC LIMIT :limit
    """
)
_COUNTED = text(
    """
    SELECT stars FROM courier_ratings WHERE courier_id = :courier_id AND state IN ('counted', 'upheld')
    ORDER BY rating_id DESC LIMIT :limit
    """
)


def shift(actor: Actor) -> dict[str, Any]:
    """Return whether one is on shift, and until when."""
    return dict(read(_SHIFT, {"courier_id": actor.account_id}).one()._mapping)


def slots(actor: Actor, *, limit: int) -> dict[str, Any]:
    """Return planned shifts of one's community: one's own and those to be had, soonest first."""
    rows = read(_SLOTS, {"courier_id": actor.account_id, "limit": limit}).fetchall()
    return {"items": [dict(row._mapping) for row in rows]}


def week(actor: Actor, *, on: date | None) -> dict[str, Any]:
    """Return one's figures from Monday to Sunday of the week that holds ``on``, days of Shanghai."""
    rows = read(_WEEK, {"courier_id": actor.account_id, "on": on, "unpaid": _UNPAID}).fetchall()
    return {"days": [dict(row._mapping) for row in rows]}


def payouts(actor: Actor) -> dict[str, Any]:
    """Return what became available or will, by day, newest first."""
    rows = read(_PAYOUTS, {"courier_id": actor.account_id}).fetchall()
    return {"items": [dict(row._mapping) for row in rows]}


def ratings(actor: Actor, *, limit: int, cursor: str | None) -> dict[str, Any]:
    """Return a page of one's ratings, and the mean of those that count."""
    asked = {"courier_id": actor.account_id}
    rows = read(_RATINGS, {**asked, "before": read_cursor(cursor), "limit": limit + 1}).fetchall()
    counted = read(_COUNTED, {**asked, "limit": MEAN_OF_MAX}).fetchall()
    shown = page([dict(row._mapping) for row in rows], limit=limit, key="rating_id")
    return {**shown, "mean_tenths": mean_tenths([row.stars for row in counted])}
