"""Statements (结算单) as their parties and the platform read them, the same at three doors."""

from enum import StrEnum
from typing import Any
from uuid import UUID

from flask import Response
from marshmallow import fields
from sqlalchemy import text

from app.core.settlement.errors import StatementNotFound
from app.core.settlement.models import SettledParty
from app.kernel.actor import Actor, Side
from app.kernel.spreadsheets import XLSX
from app.kernel.transaction import Transaction, read, transaction
from app.kernel.wire import Row
from app.web.door import Door
from app.web.fields import BIGINT_MAX, Body, Choice, Day, Id, Instant, Int, Many, Query, Text
from app.web.paging import LIMIT_MAX, PageQuery, page, read_cursor
from app.web.policy import Relation, policy
from app.web.statement_files import Line, as_csv, as_pdf, as_xlsx

LINES_MAX = 200_000

_COLUMNS = """
    s.statement_id, s.party_kind, s.party_id, s.number, s.period_from, s.period_to, s.made_at, s.opening_fen,
    s.orders_count, s.gross_fen, s.promotion_fen, s.fee_fen, s.refunds_count, s.refunded_fen, s.promotion_back_fen,
    s.fee_back_fen, s.others_fen, s.closing_fen, s.income_fen, s.debt_repaid_fen, s.to_deposit_fen, s.available_fen,
    s.deposit_fen, s.debt_fen
"""
_WHOSE = {
    Side.MERCHANT: """s.party_kind = 'merchant' AND s.party_id IN (
        SELECT m.organization_id FROM memberships AS m WHERE m.organization_kind = 'merchant'
            AND m.account_id = :account_id AND m.role = ANY (CAST(:roles AS text[])))""",
    Side.COURIER: "s.party_kind = 'courier' AND s.party_id = :account_id",
    Side.PLATFORM: """EXISTS (SELECT 1 FROM memberships AS m WHERE m.organization_kind = 'platform'
        AND m.account_id = :account_id AND m.role = ANY (CAST(:roles AS text[])))""",
}
_SPANS = text(
    """
    SELECT s.available_from_seq, s.available_to_seq, s.deposit_from_seq, s.deposit_to_seq, s.debt_from_seq,
        s.debt_to_seq FROM statements AS s WHERE s.statement_id = :statement_id
    """
)
_EARNED = text(
    """
    SELECT CAST(coalesce(o.ended_at, o.ready_at) AT TIME ZONE 'Asia/Shanghai' AS date) AS day, i.party_kind, o.number,
        i.amount_fen, i.fee_fen, i.promotion_fen
    FROM settlement_items AS i JOIN orders AS o ON o.order_id = i.order_id
    WHERE i.statement_id = :statement_id ORDER BY i.order_id, i.party_kind LIMIT :limit
    """
)
_COUNTER = text(
    """
    SELECT CAST(p.paid_at AT TIME ZONE 'Asia/Shanghai' AS date) AS day, p.counter_payment_id, p.amount_fen, p.fee_fen
    FROM counter_payments AS p WHERE p.statement_id = :statement_id ORDER BY p.counter_payment_id LIMIT :limit
    """
)
_COUNTER_REFUNDED = text(
    """
    SELECT CAST(r.made_at AT TIME ZONE 'Asia/Shanghai' AS date) AS day, r.counter_payment_id, r.amount_fen,
        r.fee_back_fen
    FROM counter_refunds AS r WHERE r.statement_id = :statement_id ORDER BY r.counter_refund_id LIMIT :limit
    """
)
_REFUNDED = text(
    """
    SELECT CAST(r.made_at AT TIME ZONE 'Asia/Shanghai' AS date) AS day, o.number, r.amount_fen, r.fee_back_fen,
        r.promotion_back_fen
    FROM settlement_refunds AS r JOIN orders AS o ON o.order_id = r.order_id
    WHERE r.statement_id = :statement_id ORDER BY r.refund_id LIMIT :limit
    """
)
_OTHERS = text(
    """
    SELECT e.effective_on AS day, e.kind, e.ref, e.amount_fen FROM ledger.statement AS e
    WHERE e.code = :code AND e.seq > :from_seq AND e.seq <= :to_seq AND e.kind NOT IN ('settlement', 'refund')
    ORDER BY e.seq LIMIT :limit
    """
)


class FileFormat(StrEnum):
    """What a statement is written as."""

    CSV = "csv"
    XLSX = "xlsx"
    PDF = "pdf"


class FileQuery(Query):
    """Which kind of file."""

    format = Choice(FileFormat, load_default=FileFormat.PDF.value)


def _fen() -> Int:
    return Int(low=-BIGINT_MAX, high=BIGINT_MAX, required=True)


class SettlementStatementOut(Body):
    """A statement: ``closing = opening + gross - fee - refunded + fee_back + others = available + deposit - debt``.

    Of ``gross_fen``, ``promotion_fen`` came from the platform's coupons; of ``refunded_fen``, ``promotion_back_fen``
    went back there. ``income_fen`` left pending by it, ``debt_repaid_fen`` repaid what was
    owed, ``to_deposit_fen`` built the deposit (below zero: was drawn from it).
    """

    statement_id = Id(required=True)
    party_kind = Choice(SettledParty, required=True)
    party_id = Id(required=True)
    number = Int(low=1, high=BIGINT_MAX, required=True)
    period_from = Day(required=True)
    period_to = Day(required=True)
    made_at = Instant(required=True)
    opening_fen = _fen()
    orders_count = _fen()
    gross_fen = _fen()
    promotion_fen = _fen()
    fee_fen = _fen()
    refunds_count = _fen()
    refunded_fen = _fen()
    promotion_back_fen = _fen()
    fee_back_fen = _fen()
    others_fen = _fen()
    closing_fen = _fen()
    income_fen = _fen()
    debt_repaid_fen = _fen()
    to_deposit_fen = _fen()
    available_fen = _fen()
    deposit_fen = _fen()
    debt_fen = _fen()


class SettlementStatementsOut(Body):
    """A page of statements, newest first."""

    items = Many(fields.Nested(SettlementStatementOut), high=LIMIT_MAX, required=True)
    next_cursor = Text(high=64, required=True, allow_none=True)


def add_statements(door: Door, side: Side, relation: Relation) -> None:
    """Give a door statements: one's merchants', one's own, or all at the platform."""
    whose = _WHOSE[side]
    listed = text(
        f"SELECT {_COLUMNS} FROM statements AS s WHERE {whose} AND s.statement_id < :before"
        " ORDER BY s.statement_id DESC LIMIT :limit"
    )
    one = text(f"SELECT {_COLUMNS} FROM statements AS s WHERE {whose} AND s.statement_id = :statement_id")

    @door.get("/statements", query=PageQuery, answer=SettlementStatementsOut)
    @policy("statement.read", relation)
    def list_statements(actor: Actor, *, query: dict[str, Any]) -> dict[str, Any]:
        """List statements, newest first."""
        params = {**actor.as_member, "before": read_cursor(query["cursor"]), "limit": query["limit"] + 1}
        rows = [dict(row._mapping) for row in read(listed, params)]
        return page(rows, limit=query["limit"], key="statement_id")

    @door.get("/statements/<uuid:statement_id>", answer=SettlementStatementOut)
    @policy("statement.read", relation)
    def read_statement(actor: Actor, *, statement_id: UUID) -> dict[str, Any]:
        """Read a statement."""
        row = read(one, {**actor.as_member, "statement_id": statement_id}).one_or_none()
        if row is None:
            raise StatementNotFound
        return dict(row._mapping)

    @door.get(
        "/statements/<uuid:statement_id>/file",
        query=FileQuery,
        pages=(
            "text/csv",
            "application/pdf",
            XLSX,
        ),
    )
    @policy("statement.read", relation)
    def read_statement_file(actor: Actor, *, statement_id: UUID, query: dict[str, Any]) -> Response:
        """Write a statement out, every line of it, as PDF, CSV or XLSX."""
        row = read(one, {**actor.as_member, "statement_id": statement_id}).one_or_none()
        if row is None:
            raise StatementNotFound
        return _file(dict(row._mapping), FileFormat(query["format"]))


def _file(head: dict[str, Any], kind: FileFormat) -> Response:
    lines = lines_of(head)
    render, media = {
        FileFormat.CSV: (as_csv, "text/csv"),
        FileFormat.XLSX: (as_xlsx, XLSX),
        FileFormat.PDF: (as_pdf, "application/pdf"),
    }[kind]
    response = Response(render(head, lines), mimetype=media)
    response.headers["Content-Disposition"] = f"attachment; filename=statement-{head['number']}.{kind}"
    response.headers["Cache-Control"] = "no-store"
    return response


def lines_of(head: dict[str, Any]) -> list[Line]:
    """Return every line of a statement: what was earned, refunded, and what else moved its accounts."""
    known: dict[str, object] = {"statement_id": head["statement_id"], "limit": LINES_MAX}
    lines: list[Line] = []
    with transaction() as tx:
        for row in tx.execute(_EARNED, known):
            kind = "tip" if row.party_kind == "courier_tip" else "order"
            gross_fen = row.amount_fen + row.fee_fen
            lines.append(
                Line(str(row.day), kind, row.number, gross_fen, row.promotion_fen, row.fee_fen, row.amount_fen)
            )
        for row in tx.execute(_REFUNDED, known):
            borne_fen = row.amount_fen - row.fee_back_fen
            gone = (-row.amount_fen, -row.promotion_back_fen, -row.fee_back_fen)
            lines.append(Line(str(row.day), "refund", row.number, *gone, -borne_fen))
        lines += _counter_lines(tx, known)
        spans = tx.execute(_SPANS, known).one()._mapping
        for name in ("available", "deposit", "debt"):
            params = {
                "code": f"{head['party_kind']}_{name}:{head['party_id']}",
                "from_seq": spans[f"{name}_from_seq"],
                "to_seq": spans[f"{name}_to_seq"],
                "limit": LINES_MAX,
            }
            for row in tx.execute(_OTHERS, params):
                lines.append(Line(str(row.day), row.kind, row.ref or "", row.amount_fen, 0, 0, row.amount_fen))
    assert sum(line.amount_fen for line in lines) == head["closing_fen"] - head["opening_fen"], "a line is missing"
    return lines


def _counter_lines(tx: Transaction, known: dict[str, object]) -> list[Line]:
    """Return the lines of what was taken at the counter, and given back; people know it by the end of its number."""
    lines = [
        Line(str(row.day), "counter", _short(row), row.amount_fen, 0, row.fee_fen, row.amount_fen - row.fee_fen)
        for row in tx.execute(_COUNTER, known)
    ]
    for row in tx.execute(_COUNTER_REFUNDED, known):
        borne_fen = row.amount_fen - row.fee_back_fen
        gone = (-row.amount_fen, 0, -row.fee_back_fen)
        lines.append(Line(str(row.day), "counter_refund", _short(row), *gone, -borne_fen))
    return lines


def _short(row: Row) -> str:
    return str(row.counter_payment_id)[-12:]
