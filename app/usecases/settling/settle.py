"""Make the statements that are due: what was earned becomes available (T+1, weekly, monthly; couriers daily).

Set-based and restartable: a batch of parties is one transaction, and a party is either settled with its statement, its
journal and its next day, or not at all. Several workers skip each other's parties.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from uuid import UUID

import orjson
from sqlalchemy import text

from app.core import ledger
from app.core.ledger import Journal, JournalKind, Leg, codes
from app.core.payments.disputes import UNRESOLVED
from app.core.settlement.models import Cycle, SettledParty
from app.core.settlement.rules import Moves, Standing, Terms, moves_of, next_day
from app.kernel.ids import new_id
from app.kernel.transaction import Transaction, closing, transaction
from app.kernel.wire import Row

BATCH = 500
SETTLERS = 2
"""Threads of a worker that settle at once, each with a connection: nearly all of the time is PostgreSQL's."""

_PICK = text(
    """
    SELECT a.party_kind, a.party_id, a.cycle, a.deposit_target_fen, a.deposit_bp, a.statements_count, a.last_on,
        a.closing_fen, a.available_seq, a.deposit_seq, a.debt_seq, c.today
    FROM settlement_accounts AS a,
        (SELECT CAST(business_now() AT TIME ZONE 'Asia/Shanghai' AS date) AS today) AS c
    WHERE a.next_on <= c.today AND (CAST(:only AS uuid[]) IS NULL OR a.party_id = ANY (CAST(:only AS uuid[])))
    ORDER BY a.next_on LIMIT :limit FOR UPDATE OF a SKIP LOCKED
    """
)
_HEADS = """
    LEFT JOIN ledger.head AS a ON a.code = (g.party_kind || '_available:' || g.party_id) COLLATE "C"
    LEFT JOIN ledger.head AS d ON d.code = (g.party_kind || '_deposit:' || g.party_id) COLLATE "C"
    LEFT JOIN ledger.head AS b ON b.code = (g.party_kind || '_debt:' || g.party_id) COLLATE "C"
"""
_MARK = text(
    f"""
    WITH given AS (
        SELECT * FROM unnest(CAST(:kinds AS text[]), CAST(:party_ids AS uuid[]), CAST(:statement_ids AS uuid[]))
            AS g (party_kind, party_id, statement_id)
    ), disputed AS (
        SELECT order_id FROM orders
        WHERE payment_id IN (SELECT payment_id FROM disputes WHERE ({UNRESOLVED}) AND NOT is_inquiry)
    ), marked AS (
        UPDATE settlement_items AS i SET settled_on = :today, statement_id = g.statement_id FROM given AS g
        WHERE i.party_id = g.party_id AND split_part(i.party_kind, '_', 1) = g.party_kind
          AND i.settled_on IS NULL AND i.eligible_on <= :today AND i.blocked_why IS NULL
          AND NOT (i.party_kind = 'merchant' AND i.order_id IN (SELECT order_id FROM disputed))
        RETURNING i.statement_id, i.order_id, i.amount_fen, i.fee_fen, i.refunded_fen, i.fee_back_fen,
            i.promotion_fen
    ), marked_counter AS (
        UPDATE counter_payments AS i SET settled_on = :today, statement_id = g.statement_id FROM given AS g
        WHERE g.party_kind = 'merchant' AND i.merchant_id = g.party_id AND i.settled_on IS NULL
          AND i.eligible_on <= :today
        RETURNING i.statement_id, i.counter_payment_id, i.amount_fen - i.fee_fen AS amount_fen, i.fee_fen,
            i.refunded_fen, i.fee_back_fen
    ), linked_counter AS (
        UPDATE counter_refunds AS r SET statement_id = g.statement_id FROM given AS g
        WHERE g.party_kind = 'merchant' AND r.merchant_id = g.party_id AND r.statement_id IS NULL
          AND (r.is_after_settlement
              OR r.counter_payment_id IN (SELECT m.counter_payment_id FROM marked_counter AS m))
        RETURNING r.statement_id, r.amount_fen, r.fee_back_fen, CAST(0 AS bigint) AS promotion_back_fen
    ), linked AS (
        UPDATE settlement_refunds AS r SET statement_id = g.statement_id FROM given AS g
        WHERE g.party_kind = 'merchant' AND r.merchant_id = g.party_id AND r.statement_id IS NULL
          AND (r.is_after_settlement OR r.order_id IN (SELECT m.order_id FROM marked AS m))
        RETURNING r.statement_id, r.amount_fen, r.fee_back_fen, r.promotion_back_fen
    ), earned AS (
        SELECT statement_id, count(*) AS orders_count, sum(amount_fen + fee_fen)::bigint AS gross_fen,
            sum(promotion_fen)::bigint AS promotion_fen, sum(fee_fen)::bigint AS fee_fen,
            sum(amount_fen - refunded_fen + fee_back_fen)::bigint AS income_fen
        FROM (
            SELECT statement_id, amount_fen, fee_fen, refunded_fen, fee_back_fen, promotion_fen FROM marked UNION ALL
            SELECT statement_id, amount_fen, fee_fen, refunded_fen, fee_back_fen, 0 FROM marked_counter
        ) AS m GROUP BY 1
    ), refunded AS (
        SELECT statement_id, count(*) AS refunds_count, sum(amount_fen)::bigint AS refunded_fen,
            sum(fee_back_fen)::bigint AS fee_back_fen, sum(promotion_back_fen)::bigint AS promotion_back_fen
        FROM (SELECT * FROM linked UNION ALL SELECT * FROM linked_counter) AS r GROUP BY 1
    )
    SELECT g.statement_id, coalesce(e.orders_count, 0) AS orders_count, coalesce(e.gross_fen, 0) AS gross_fen,
        coalesce(e.promotion_fen, 0) AS promotion_fen, coalesce(e.fee_fen, 0) AS fee_fen,
        coalesce(e.income_fen, 0) AS income_fen,
        coalesce(r.refunds_count, 0) AS refunds_count, coalesce(r.refunded_fen, 0) AS refunded_fen,
        coalesce(r.promotion_back_fen, 0) AS promotion_back_fen, coalesce(r.fee_back_fen, 0) AS fee_back_fen,
        coalesce(a.available_fen, 0) AS available_fen,
        coalesce(d.available_fen, 0) AS deposit_fen, -coalesce(b.posted_fen, 0) AS debt_fen,
        coalesce(a.seq, 0) AS available_seq, coalesce(d.seq, 0) AS deposit_seq, coalesce(b.seq, 0) AS debt_seq
    FROM given AS g LEFT JOIN earned AS e USING (statement_id) LEFT JOIN refunded AS r USING (statement_id) {_HEADS}
    """
)
_WRITE = closing(
    f"""
    given AS (
        SELECT g.*, coalesce(a.posted_fen, 0) AS available_fen, coalesce(d.posted_fen, 0) AS deposit_fen,
            -coalesce(b.posted_fen, 0) AS debt_fen, coalesce(a.seq, 0) AS available_to,
            coalesce(d.seq, 0) AS deposit_to, coalesce(b.seq, 0) AS debt_to,
            coalesce(a.posted_fen, 0) + coalesce(d.posted_fen, 0) + coalesce(b.posted_fen, 0) AS closing_fen
        FROM jsonb_to_recordset(CAST(:statements AS jsonb)) AS g (
            statement_id uuid, party_kind text, party_id uuid, next_on date, has_news boolean, number bigint,
            period_from date, period_to date, opening_fen bigint, orders_count bigint, gross_fen bigint, fee_fen bigint,
            promotion_fen bigint, refunds_count bigint, refunded_fen bigint, promotion_back_fen bigint,
            fee_back_fen bigint, income_fen bigint, debt_repaid_fen bigint,
            to_deposit_fen bigint, available_from bigint, deposit_from bigint, debt_from bigint) {_HEADS}
    ), stated AS (
        INSERT INTO statements (statement_id, party_kind, party_id, number, period_from, period_to, made_at,
            opening_fen, orders_count, gross_fen, promotion_fen, fee_fen, refunds_count, refunded_fen,
            promotion_back_fen, fee_back_fen, others_fen, closing_fen, income_fen, debt_repaid_fen, to_deposit_fen,
            available_fen, deposit_fen, debt_fen,
            available_from_seq, available_to_seq, deposit_from_seq, deposit_to_seq, debt_from_seq, debt_to_seq)
        SELECT statement_id, party_kind, party_id, number, period_from, period_to, business_now(), opening_fen,
            orders_count, gross_fen, promotion_fen, fee_fen, refunds_count, refunded_fen, promotion_back_fen,
            fee_back_fen,
            closing_fen - opening_fen - gross_fen + fee_fen + refunded_fen - fee_back_fen, closing_fen, income_fen,
            debt_repaid_fen, to_deposit_fen, available_fen, deposit_fen, debt_fen, available_from, available_to,
            deposit_from, deposit_to, debt_from, debt_to
        FROM given WHERE has_news
    ), moved_on AS (
        UPDATE settlement_accounts AS s SET next_on = g.next_on,
            statements_count = CASE WHEN g.has_news THEN g.number ELSE s.statements_count END,
            last_on = CASE WHEN g.has_news THEN g.period_to ELSE s.last_on END,
            closing_fen = g.closing_fen, available_seq = g.available_to, deposit_seq = g.deposit_to,
            debt_seq = g.debt_to
        FROM given AS g WHERE s.party_kind = g.party_kind AND s.party_id = g.party_id
    )"""
)


@dataclass(frozen=True, slots=True)
class Settled:
    """What one batch did: parties looked at, statements made, and fen that left pending."""

    parties: int
    statements: int
    income_fen: int


def settle_due(limit: int = BATCH, *, only: Sequence[UUID] | None = None) -> Settled:
    """Make the statements of up to ``limit`` parties whose day has come, in one transaction.

    A party about which there is nothing to tell gets none, and its next day.

    :param only: look only at these parties.
    """
    with transaction() as tx:
        parties = tx.execute(_PICK, {"limit": limit, "only": None if only is None else list(only)}).fetchall()
        if not parties:
            return Settled(0, 0, 0)
        drafts = _drafts(tx, parties)
        journals = [draft.journal for draft in drafts if draft.journal is not None]
        ledger.post_many(tx, journals)
        tx.close(_WRITE, {"statements": orjson.dumps([draft.record for draft in drafts]).decode()})
    return Settled(
        len(drafts),
        sum(1 for draft in drafts if draft.record["has_news"]),
        sum(draft.moves.income_fen for draft in drafts),
    )


@dataclass(frozen=True, slots=True)
class _Draft:
    moves: Moves
    journal: Journal | None
    record: dict[str, object]


def _drafts(tx: Transaction, parties: Sequence[Row]) -> list[_Draft]:
    today: date = parties[0].today
    by_id = {new_id(): party for party in parties}
    found = tx.execute(
        _MARK,
        {
            "kinds": [party.party_kind for party in parties],
            "party_ids": [party.party_id for party in parties],
            "statement_ids": list(by_id),
            "today": today,
        },
    )
    return [_draft(by_id[row.statement_id], row, today) for row in found]


def _draft(party: Row, found: Row, today: date) -> _Draft:
    """Decide what one party's statement moves, and write it down; a statement tells only of days that are over."""
    standing = Standing(
        available_fen=max(0, found.available_fen),
        deposit_fen=max(0, found.deposit_fen),
        debt_fen=max(0, found.debt_fen),
    )
    terms = Terms(deposit_target_fen=party.deposit_target_fen, deposit_bp=party.deposit_bp)
    moves = moves_of(found.income_fen, standing, terms)
    seqs = (found.available_seq, found.deposit_seq, found.debt_seq)
    has_moved = seqs != (party.available_seq, party.deposit_seq, party.debt_seq)
    yesterday = today - timedelta(days=1)
    record = {
        "statement_id": found.statement_id,
        "party_kind": party.party_kind,
        "party_id": party.party_id,
        "next_on": next_day(Cycle(party.cycle), today),
        "has_news": bool(found.orders_count or found.refunds_count or moves.debt_repaid_fen or has_moved),
        "number": party.statements_count + 1,
        "period_from": yesterday if party.last_on is None else min(yesterday, party.last_on + timedelta(days=1)),
        "period_to": yesterday,
        "opening_fen": party.closing_fen,
        **{name: getattr(found, name) for name in _COUNTED},
        "debt_repaid_fen": moves.debt_repaid_fen,
        "to_deposit_fen": moves.deposit_fen,
        "available_from": party.available_seq,
        "deposit_from": party.deposit_seq,
        "debt_from": party.debt_seq,
    }
    return _Draft(moves, _journal(party, found.statement_id, moves), record)


_COUNTED = (
    "orders_count",
    "gross_fen",
    "promotion_fen",
    "fee_fen",
    "refunds_count",
    "refunded_fen",
    "promotion_back_fen",
    "fee_back_fen",
    "income_fen",
)


def _journal(party: Row, statement_id: UUID, moves: Moves) -> Journal | None:
    if party.party_kind == SettledParty.MERCHANT:
        amounts = {
            codes.merchant_pending(party.party_id): -moves.income_fen,
            codes.merchant_available(party.party_id): moves.available_fen,
            codes.merchant_deposit(party.party_id): moves.deposit_fen,
            codes.merchant_debt(party.party_id): moves.debt_repaid_fen,
        }
    else:
        amounts = {
            codes.courier_pending(party.party_id): -moves.income_fen,
            codes.courier_available(party.party_id): moves.available_fen,
        }
    legs = tuple(Leg(code, amount_fen) for code, amount_fen in amounts.items() if amount_fen)
    if not legs:
        return None
    return Journal(key=f"settle:{statement_id}", kind=JournalKind.SETTLEMENT, legs=legs, ref=str(statement_id))
