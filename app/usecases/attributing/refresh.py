"""Figures made anew where something happened: a day at a time, for all stores, by one statement each.

What happened is read from three marks: published events (gapless), journals of the books (those that were in flight are
waited for), and addresses and shops born since. A day costs what it holds, not what there is.
"""

from datetime import date
from uuid import UUID

from sqlalchemy import text

from app.core.figures.catalog import NAMES
from app.core.ledger.horizon import HORIZON
from app.core.visiting.rules import ATTRIBUTED_DAYS
from app.kernel.clock import SHANGHAI, wall_now_s
from app.kernel.transaction import Transaction, transaction
from app.kernel.wire import Row

DAYS_MAX = 31
"""How many days are made anew at one time; the rest waits for the next."""
OVERLAP_S = 600
_LOCK = 7_146_177

_TAKE_LOCK = text("SELECT pg_try_advisory_xact_lock(:key)")
_NOW = text(
    f"""
    SELECT business_now() AS now, k.position, coalesce(k.journal_id, 0) AS journal_id, k.seen_journal_id, k.awaited_xid,
        k.born_from, k.day, coalesce((SELECT max(position) FROM live_events), 0) AS last_position, {HORIZON}
    FROM (SELECT) AS one LEFT JOIN figure_marks AS k ON true
    """
)
_DAY_OF = "CAST({} AT TIME ZONE 'Asia/Shanghai' AS date)"
_ATTRIBUTE = text(
    f"""
    WITH residents AS (
        INSERT INTO attributions (party_kind, party_id, store_id, rule, began_on)
        SELECT DISTINCT ON (d.account_id) 'resident', d.account_id, c.store_id, 'community',
            {_DAY_OF.format("a.created_at")}
        FROM addresses AS d JOIN communities AS c ON c.community_id = d.community_id
        JOIN accounts AS a ON a.account_id = d.account_id
        WHERE d.address_id >= :born_from ORDER BY d.account_id, d.address_id
        ON CONFLICT DO NOTHING RETURNING began_on
    ),
    shops AS (
        INSERT INTO attributions (party_kind, party_id, store_id, rule, began_on)
        SELECT 'shop', s.shop_id, c.store_id, 'community', {_DAY_OF.format("s.created_at")}
        FROM shops AS s JOIN communities AS c ON c.community_id = s.community_id WHERE s.shop_id >= :born_from
        ON CONFLICT DO NOTHING RETURNING began_on
    ),
    couriers AS (
        INSERT INTO attributions (party_kind, party_id, store_id, rule, began_on)
        SELECT 'courier', r.courier_id, c.store_id, 'community', {_DAY_OF.format("a.created_at")}
        FROM couriers AS r JOIN communities AS c ON c.community_id = r.community_id
        JOIN accounts AS a ON a.account_id = r.courier_id
        WHERE NOT EXISTS (SELECT 1 FROM attributions AS t
            WHERE t.party_kind = 'courier' AND t.party_id = r.courier_id)
        ON CONFLICT DO NOTHING RETURNING began_on
    )
    INSERT INTO figure_dirt (day)
    SELECT began_on FROM residents UNION SELECT began_on FROM shops UNION SELECT began_on FROM couriers
    ON CONFLICT DO NOTHING
    """
)
_NOTE_DIRT = text(
    f"""
    INSERT INTO figure_dirt (day)
    SELECT {_DAY_OF.format("o.placed_at")} FROM orders AS o WHERE o.order_id IN (
        SELECT CAST(e.body ->> 'order_id' AS uuid) FROM live_events AS e
        WHERE e.position > :position AND e.body ? 'order_id')
    UNION SELECT j.effective_on FROM ledger.last_journal AS j WHERE j.journal_id > :journal_from
    UNION SELECT CAST(d AS date)
        FROM generate_series(CAST(:marked AS timestamp), CAST(:today AS timestamp), '1 day') AS d
    UNION SELECT CAST(:today AS date)
    ON CONFLICT DO NOTHING
    """
)
_DIRTY = text("SELECT day FROM figure_dirt ORDER BY day DESC LIMIT :limit")
_CLEAN = text("DELETE FROM figure_dirt WHERE day = :day")
_MARK = text(
    """
    INSERT INTO figure_marks (is_only, position, journal_id, seen_journal_id, awaited_xid, born_from, day, refreshed_at)
    VALUES (true, :position, :journal_id, :seen_journal_id, :awaited_xid, :born_from, :today, clock_timestamp())
    ON CONFLICT (is_only) DO UPDATE SET position = excluded.position, journal_id = excluded.journal_id,
        seen_journal_id = excluded.seen_journal_id, awaited_xid = excluded.awaited_xid,
        born_from = excluded.born_from, day = excluded.day, refreshed_at = excluded.refreshed_at
    """
)
_SETS = ", ".join(f"{name} = excluded.{name}" for name in (*NAMES, "refreshed_at"))
MAKE_DAY = text(
    f"""
    WITH span AS MATERIALIZED (
        SELECT CAST(:day AS timestamp) AT TIME ZONE 'Asia/Shanghai' AS from_at,
            (CAST(:day AS timestamp) + interval '1 day') AT TIME ZONE 'Asia/Shanghai' AS until_at
    ),
    born AS (
        SELECT store_id, count(*) FILTER (WHERE party_kind = 'resident') AS residents_new,
            count(*) FILTER (WHERE party_kind = 'shop') AS shops_new,
            count(*) FILTER (WHERE party_kind = 'courier') AS couriers_new,
            count(*) FILTER (WHERE rule = 'help') AS helped_new
        FROM attributions WHERE began_on = :day GROUP BY store_id
    ),
    bought AS (
        SELECT o.store_id, count(DISTINCT o.shop_id) AS shops_active, count(DISTINCT t.courier_id) AS couriers_active,
            count(DISTINCT o.account_id) AS residents_active, count(*) AS orders_paid,
            sum(o.total_fen)::bigint AS orders_paid_fen, sum(o.refunded_fen)::bigint AS orders_refunded_fen,
            count(*) FILTER (WHERE o.state = 'completed') AS orders_completed,
            count(*) FILTER (WHERE o.delivered_at IS NOT NULL AND o.promised_at IS NOT NULL) AS orders_delivered,
            count(*) FILTER (WHERE o.delivered_at <= o.promised_at) AS orders_on_time
        FROM span JOIN orders AS o ON o.placed_at >= span.from_at AND o.placed_at < span.until_at
        LEFT JOIN deliveries AS d ON d.order_id = o.order_id AND d.case_id IS NULL
        LEFT JOIN trips AS t ON t.trip_id = d.trip_id
        WHERE o.paid_at IS NOT NULL GROUP BY o.store_id
    ),
    kept AS (
        SELECT t.store_id, sum(f.amount_fen) FILTER (WHERE f.account_kind = 'e_account')::bigint AS deposits_fen,
            sum(f.amount_fen) FILTER (WHERE f.account_kind = 'fund_holding')::bigint AS fund_fen
        FROM ledger.flows_of(CAST(:day AS date), ARRAY['e_account', 'fund_holding']) AS f
        JOIN attributions AS t ON t.party_kind = 'resident' AND t.party_id = f.owner GROUP BY t.store_id
    ),
    passed AS (
        SELECT t.store_id, coalesce(sum(a.amount_fen) FILTER (WHERE a.kind = 'cash_in'), 0)::bigint AS cash_in_fen,
            coalesce(-sum(a.amount_fen) FILTER (WHERE a.kind = 'cash_out'), 0)::bigint AS cash_out_fen,
            count(*) FILTER (WHERE a.kind IN ('cash_in', 'cash_out')) AS cash_acts, count(*) AS desk_acts,
            coalesce(sum(coalesce(a.account_fen, a.amount_fen)) FILTER (WHERE a.kind NOT IN ('cash_in', 'cash_out')), 0)
                ::bigint AS errands_fen
        FROM span JOIN till_acts AS a ON a.done_at >= span.from_at AND a.done_at < span.until_at
        JOIN tills AS t ON t.till_id = a.till_id
        WHERE a.kind IN ('cash_in', 'cash_out', 'bill_in_cash', 'bill_from_account', 'transfer_in_cash',
            'transfer_from_account')
        GROUP BY t.store_id
    ),
    seen AS (
        SELECT f.store_id, count(*) AS verifications
        FROM span JOIN face_checks AS f ON f.ended_at >= span.from_at AND f.ended_at < span.until_at
        WHERE f.state = 'confirmed' GROUP BY f.store_id
    ),
    shelved AS (
        SELECT p.store_id, count(*) AS parcels_shelved
        FROM span JOIN parcels AS p ON p.shelved_at >= span.from_at AND p.shelved_at < span.until_at GROUP BY p.store_id
    ),
    held AS (
        SELECT a.store_id, count(*) AS activities_held
        FROM span JOIN activities AS a ON a.from_at >= span.from_at AND a.from_at < span.until_at
        WHERE a.state <> 'canceled' GROUP BY a.store_id
    ),
    came AS (
        SELECT a.store_id, count(*) AS activity_guests
        FROM span JOIN activity_signups AS g ON g.checked_in_at >= span.from_at AND g.checked_in_at < span.until_at
        JOIN activities AS a ON a.activity_id = g.activity_id GROUP BY a.store_id
    ),
    visited AS (
        SELECT v.store_id, count(*) AS shop_visits, count(*) FILTER (WHERE v.failed_count > 0) AS shop_visits_failed
        FROM span JOIN shop_visits AS v ON v.visited_at >= span.from_at AND v.visited_at < span.until_at
        GROUP BY v.store_id
    ),
    tried AS (
        SELECT p.store_id, count(*) AS sample_scans
        FROM sample_scans AS n JOIN samples AS p ON p.sample_id = n.sample_id WHERE n.day = :day GROUP BY p.store_id
    ),
    convinced AS (
        SELECT x.store_id, count(DISTINCT x.order_id) AS sample_orders, sum(x.goods_fen)::bigint AS sample_orders_fen
        FROM (
            SELECT DISTINCT ON (l.order_id, l.line) p.store_id, l.order_id, l.goods_fen
            FROM span JOIN orders AS o ON o.placed_at >= span.from_at AND o.placed_at < span.until_at
            JOIN sample_scans AS n ON n.account_id = o.account_id AND n.scanned_at <= o.placed_at
                AND n.scanned_at > o.placed_at - interval '{ATTRIBUTED_DAYS} days'
            JOIN samples AS p ON p.sample_id = n.sample_id JOIN order_lines AS l ON l.order_id = o.order_id
            JOIN skus AS k ON k.sku_id = l.sku_id AND k.offer_id = p.offer_id
            WHERE o.paid_at IS NOT NULL ORDER BY l.order_id, l.line, n.scanned_at DESC, p.sample_id
        ) AS x GROUP BY x.store_id
    )
    INSERT INTO store_days (store_id, day, refreshed_at, {", ".join(NAMES)})
    SELECT s.store_id, CAST(:day AS date), clock_timestamp(), {", ".join(f"coalesce({name}, 0)" for name in NAMES)}
    FROM stores AS s LEFT JOIN born USING (store_id) LEFT JOIN bought USING (store_id) LEFT JOIN kept USING (store_id)
    LEFT JOIN passed USING (store_id) LEFT JOIN seen USING (store_id) LEFT JOIN shelved USING (store_id)
    LEFT JOIN held USING (store_id) LEFT JOIN came USING (store_id) LEFT JOIN visited USING (store_id)
    LEFT JOIN tried USING (store_id) LEFT JOIN convinced USING (store_id)
    ON CONFLICT (store_id, day) DO UPDATE SET {_SETS}
    """
)


_WEEKS = text(
    """
    INSERT INTO resident_weeks (account_id, week)
    SELECT DISTINCT o.account_id, CAST(date_trunc('week', CAST(:day AS timestamp)) AS date) FROM orders AS o
    WHERE o.placed_at >= CAST(:day AS timestamp) AT TIME ZONE 'Asia/Shanghai' AND o.paid_at IS NOT NULL
      AND o.placed_at < (CAST(:day AS timestamp) + interval '1 day') AT TIME ZONE 'Asia/Shanghai'
    ON CONFLICT DO NOTHING
    """
)


def refresh_figures() -> int:
    """Make the figures of every day anew on which something happened since last time; return how many days."""
    with transaction() as tx:
        if not tx.execute(_TAKE_LOCK, {"key": _LOCK}).scalar_one():
            return 0
        row = tx.execute(_NOW).one()
        today = row.now.astimezone(SHANGHAI).date()
        born_from = row.born_from or UUID(int=0)
        tx.execute(_ATTRIBUTE, {"born_from": born_from})
        _note(tx, row, today)
        days = [one.day for one in tx.execute(_DIRTY, {"limit": DAYS_MAX})]
        for day in days:
            tx.execute(MAKE_DAY, {"day": day})
            tx.execute(_WEEKS, {"day": day})
            tx.execute(_CLEAN, {"day": day})
        tx.execute(
            _MARK,
            {
                "position": row.last_position,
                **_journals(row),
                "born_from": _born_before(),
                "today": today,
            },
        )
    return len(days)


def _note(tx: Transaction, row: Row, today: date) -> None:
    params = {
        "position": row.position or 0,
        "journal_from": row.journal_id,
        "today": today,
        "marked": row.day or today,
    }
    tx.execute(_NOTE_DIRT, params)


def _journals(row: Row) -> dict[str, int]:
    """Return how far journals are read now: what an earlier round saw, once all that was under way then has ended."""
    if row.awaited_xid is not None and row.oldest_xid < row.awaited_xid:
        return {
            "journal_id": row.journal_id,
            "seen_journal_id": row.seen_journal_id,
            "awaited_xid": row.awaited_xid,
        }
    return {
        "journal_id": row.seen_journal_id or 0,
        "seen_journal_id": row.latest_journal_id,
        "awaited_xid": row.next_xid,
    }


def _born_before() -> UUID:
    """Return an id that sorts before all that were made in the last ten minutes and those in flight."""
    return UUID(int=(wall_now_s() - OVERLAP_S) * 1_000 << 80)
