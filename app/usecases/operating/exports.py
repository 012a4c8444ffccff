"""Tables written out as jobs: in pieces of a few thousand rows, each its own commit, so that a crash loses one piece.

A piece is a gzip member of CSV in the database; members one after another are a gzip file, which is sent as it is read.
Memory holds one piece, whatever the length.
"""

import gzip
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import TextClause, text

from app.core.events import TableExportRequested
from app.core.figures.catalog import NAMES
from app.core.figures.errors import SpanInvalid
from app.core.operating.errors import ExportNotFound, TooManyExports
from app.core.operating.models import ExportedTable, ExportState
from app.kernel.actor import Actor
from app.kernel.ids import new_id
from app.kernel.spreadsheets import csv_rows
from app.kernel.transaction import Claim, closing, opening, read, transaction, write_alone

PIECE_ROWS = 5_000
DAYS_MAX = 366
OPEN_MAX = 3
LIFETIME = timedelta(days=7)
_NO_KEY = "00000000-0000-0000-0000-000000000000"

_SPAN = (
    "{} >= CAST(:from_on AS timestamp) AT TIME ZONE 'Asia/Shanghai'"
    " AND {} < (CAST(:until_on AS timestamp) + interval '1 day') AT TIME ZONE 'Asia/Shanghai'"
)
_ORDERS = _SPAN.format("placed_at", "placed_at")
_ACTS = _SPAN.format("done_at", "done_at")
_COLUMNS: Mapping[ExportedTable, tuple[str, ...]] = {
    ExportedTable.ORDERS: (
        "order_id", "number", "account_id", "shop_id", "merchant_id", "community_id", "store_id", "state",
        "fulfillment", "goods_fen", "packing_fen", "delivery_fen", "discount_fen", "total_fen", "refunded_fen",
        "payment_method", "placed_at", "paid_at", "delivered_at", "ended_at",
    ),
    ExportedTable.TILL_ACTS: (
        "till_act_id", "till_id", "shift_id", "number", "kind", "amount_fen", "cash_after_fen", "clerk_id",
        "transfer_id", "account_fen", "bill_payment_id", "sent_transfer_id", "done_at",
    ),
    ExportedTable.STORE_DAYS: ("store_id", "day", *NAMES),
}  # fmt: skip
_WHERE = {
    ExportedTable.ORDERS: ("orders", "CAST(order_id AS text)", "order_id", _ORDERS, "order_id > CAST(:last AS uuid)"),
    ExportedTable.TILL_ACTS: (
        "till_acts", "CAST(till_act_id AS text)", "till_act_id", _ACTS, "till_act_id > CAST(:last AS uuid)",
    ),
    ExportedTable.STORE_DAYS: (
        "store_days", "day || ' ' || store_id", "day, store_id", "day BETWEEN :from_on AND :until_on",
        "(day, store_id) > (CAST(split_part(:last, ' ', 1) AS date), CAST(split_part(:last, ' ', 2) AS uuid))",
    ),
}  # fmt: skip


def _count(what: ExportedTable) -> TextClause:
    table, _, _, span, _ = _WHERE[what]
    return text(f"SELECT count(*) FROM {table} WHERE {span}")


def _piece(what: ExportedTable) -> TextClause:
    table, key, order, span, after = _WHERE[what]
    columns = ", ".join(_COLUMNS[what])
    return text(
        f"SELECT {columns}, {key} AS row_key FROM {table} WHERE {span} AND {after} ORDER BY {order} LIMIT :limit"
    )


_COUNTS = {what: _count(what) for what in ExportedTable}
_PIECES = {what: _piece(what) for what in ExportedTable}
_FIRST_KEY = dict.fromkeys(ExportedTable, _NO_KEY) | {ExportedTable.STORE_DAYS: f"0001-01-01 {_NO_KEY}"}
_OWN = opening(
    """
    SELECT a.account_id, (SELECT count(*) FROM table_exports AS e WHERE e.account_id = a.account_id
        AND e.state <> 'ready' AND e.expires_at > business_now()) AS open
    FROM accounts AS a WHERE a.account_id = :account_id FOR NO KEY UPDATE OF a
    """
)
_REQUEST = closing(
    """
    made AS (
        INSERT INTO table_exports (export_id, account_id, what, from_on, until_on, state, rows_done, rows_total, pieces,
            requested_at, expires_at)
        VALUES (:export_id, :account_id, :what, :from_on, :until_on, 'requested', 0, 0, 0, business_now(),
            business_now() + CAST(:lifetime AS interval))
    )"""
)
_UNFINISHED = text("SELECT * FROM table_exports WHERE export_id = :export_id AND state <> 'ready'")
_BEGIN = text(
    """
    UPDATE table_exports SET state = 'running', rows_total = :rows
    WHERE export_id = :export_id AND state = 'requested'
    """
)
_KEEP = text(
    """
    WITH moved AS (
        UPDATE table_exports SET rows_done = rows_done + :rows, pieces = pieces + 1, last_key = :last,
            state = CASE WHEN :is_last THEN 'ready' ELSE 'running' END
        WHERE export_id = :export_id AND pieces = :piece AND state <> 'ready'
        RETURNING export_id
    )
    INSERT INTO table_export_pieces (export_id, piece, packed)
    SELECT export_id, :piece, CAST(:packed AS bytea) FROM moved
    """
)
"""A piece that another run has written meanwhile is left to that one."""
_MINE = text(
    """
    SELECT export_id, what, from_on, until_on, state, rows_done, rows_total, requested_at, expires_at, pieces
    FROM table_exports WHERE account_id = :account_id AND export_id = :export_id AND expires_at > business_now()
    """
)
_READ_PIECE = text("SELECT packed FROM table_export_pieces WHERE export_id = :export_id AND piece = :piece")


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportAsked:
    """An export that is to be made."""

    export_id: UUID
    state: str


def ask_export(actor: Actor, claim: Claim, *, what: ExportedTable, from_on: date, until_on: date) -> ExportAsked:
    """Ask for a table's rows of a span of days.

    :raises SpanInvalid: the days are not possible. :raises TooManyExports: the actor has enough under way.
    """
    if not from_on <= until_on < from_on + timedelta(days=DAYS_MAX):
        raise SpanInvalid(pointer="/until_on", days_max=DAYS_MAX)
    with transaction(claim) as tx:
        row = tx.open_one(_OWN, {"account_id": actor.account_id})
        assert row is not None, "who has a token has an account"
        if row.open >= OPEN_MAX:
            raise TooManyExports(open_max=OPEN_MAX)
        asked = ExportAsked(export_id=new_id(), state=ExportState.REQUESTED.value)
        tx.record(TableExportRequested(account_id=actor.account_id, export_id=asked.export_id, state=asked.state))
        tx.describe(details={"what": what.value, "from_on": from_on.isoformat(), "until_on": until_on.isoformat()})
        tx.keep(asked)
        params = {"export_id": asked.export_id, "account_id": actor.account_id, "what": what.value}
        tx.close(_REQUEST, {**params, "from_on": from_on, "until_on": until_on, "lifetime": LIFETIME})
    return asked


def run_export(export_id: UUID) -> None:
    """Write an export out, from where it stands to its end; run again, it goes on.

    A piece is read and packed outside any transaction: nothing waits for it meanwhile.
    """
    while _write_piece(export_id):
        pass


def _write_piece(export_id: UUID) -> bool:
    """Write the next piece; return whether another follows that is this run's to write."""
    row = read(_UNFINISHED, {"export_id": export_id}).one_or_none()
    if row is None:
        return False
    what, span = ExportedTable(row.what), {"from_on": row.from_on, "until_on": row.until_on}
    if row.state == ExportState.REQUESTED:
        write_alone(_BEGIN, {"export_id": export_id, "rows": read(_COUNTS[what], span).scalar_one()})
    last = row.last_key or _FIRST_KEY[what]
    rows = read(_PIECES[what], {**span, "last": last, "limit": PIECE_ROWS}).fetchall()
    is_last = len(rows) < PIECE_ROWS
    kept = write_alone(
        _KEEP,
        {
            "export_id": export_id,
            "piece": row.pieces,
            "packed": _packed(what, rows, is_first=row.pieces == 0),
            "rows": len(rows),
            "last": rows[-1].row_key if rows else last,
            "is_last": is_last,
        },
    )
    return kept.rowcount == 1 and not is_last


def _packed(what: ExportedTable, rows: Any, *, is_first: bool) -> bytes:
    head = [_COLUMNS[what]] if is_first else []
    written = csv_rows([*head, *([getattr(row, name) for name in _COLUMNS[what]] for row in rows)])
    return gzip.compress(written.encode(), mtime=0)


def export_progress(actor: Actor, *, export_id: UUID) -> dict[str, Any]:
    """Return how far an export of the actor's is.

    :raises ExportNotFound: there is none.
    """
    row = read(_MINE, {"account_id": actor.account_id, "export_id": export_id}).one_or_none()
    if row is None:
        raise ExportNotFound
    return dict(row._mapping)


def export_pieces(actor: Actor, *, export_id: UUID) -> Iterator[bytes]:
    """Return the file's pieces, each read when it is wanted.

    :raises ExportNotFound: there is none that is ready.
    """
    shown = export_progress(actor, export_id=export_id)
    if shown["state"] != ExportState.READY:
        raise ExportNotFound
    return (
        bytes(read(_READ_PIECE, {"export_id": export_id, "piece": piece}).scalar_one())
        for piece in range(shown["pieces"])
    )
