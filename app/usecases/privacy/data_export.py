"""Everything about me (个人信息副本): a zip of JSON and CSV, made from the register of personal data, for seven days.

Asked for once a day; made by a reaction, sealed at rest, handed out to the person's own session alone.
"""

import base64
import io
import zipfile
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

import orjson
from sqlalchemy import text

from app.core import ledger
from app.core.events import DataExportReady, DataExportRequested
from app.core.ledger import codes
from app.core.privacy.errors import DataExportNotFound, DataExportWaiting
from app.core.privacy.models import DataExportState
from app.core.privacy.register import REGISTER, Holding
from app.kernel.actor import Actor
from app.kernel.ids import new_id
from app.kernel.sealing import seal, unseal
from app.kernel.spreadsheets import csv_file
from app.kernel.transaction import Claim, Transaction, closing, opening, read, transaction

FILE_CONTEXT = "data_exports.file"
LIFETIME = timedelta(days=7)
PAUSE = timedelta(days=1)
ENTRIES_MAX = 100_000
_NOT_THEIRS = frozenset(
    {"commission_fen", "commission_bp", "commission_rule", "left_fen", "digest", "code_tries_left", "wrong_codes"}
)
"""Columns about the business or of no meaning outside, left out of every table."""

_LOCK_ACCOUNT = opening(
    """
    SELECT a.account_id, EXISTS (SELECT 1 FROM data_exports AS e WHERE e.account_id = a.account_id
        AND e.requested_at > business_now() - CAST(:pause AS interval)) AS is_recent
    FROM accounts AS a WHERE a.account_id = :account_id FOR UPDATE OF a
    """
)
_REQUEST = closing(
    """
    made AS (
        INSERT INTO data_exports (export_id, account_id, state, requested_at, expires_at)
        VALUES (:export_id, :account_id, 'requested', business_now(), business_now() + CAST(:lifetime AS interval))
    )"""
)
_LOCK = text("SELECT account_id FROM data_exports WHERE export_id = :export_id AND state = 'requested' FOR UPDATE")
_READY = text("UPDATE data_exports SET state = 'ready', file_sealed = :file_sealed WHERE export_id = :export_id")
_FILE = text(
    """
    SELECT file_sealed FROM data_exports
    WHERE export_id = :export_id AND account_id = :account_id AND state = 'ready' AND expires_at > business_now()
    """
)


@dataclass(frozen=True, slots=True, kw_only=True)
class DataExportAsked:
    """What asking for one's data answers."""

    export_id: UUID
    state: str


def request_export(actor: Actor, claim: Claim) -> DataExportAsked:
    """Ask for everything about oneself.

    :raises DataExportWaiting: it was asked for less than a day ago.
    """
    with transaction(claim) as tx:
        row = tx.open_one(_LOCK_ACCOUNT, {"account_id": actor.account_id, "pause": PAUSE})
        assert row is not None, "who has a token has an account"
        if row.is_recent:
            raise DataExportWaiting
        asked = DataExportAsked(export_id=new_id(), state=DataExportState.REQUESTED.value)
        tx.record(DataExportRequested(account_id=actor.account_id, export_id=asked.export_id))
        tx.keep(asked)
        params = {"export_id": asked.export_id, "account_id": actor.account_id, "lifetime": LIFETIME}
        tx.close(_REQUEST, params)
    return asked


def make_export(tx: Transaction, export_id: UUID) -> None:
    """Gather what was asked for; a second time finds nothing to do."""
    row = tx.execute(_LOCK, {"export_id": export_id}).one_or_none()
    if row is None:
        return
    tables = {held.table: rows for held in REGISTER if held.is_exported and (rows := _rows(tx, held, row.account_id))}
    entries = ledger.statement(tx, codes.e_account(row.account_id), limit=ENTRIES_MAX)
    if entries:
        tables["e_account"] = [
            {"seq": one.seq, "kind": one.kind, "amount_fen": one.amount_fen, "balance_fen": one.balance_fen,
             "posted_at": one.posted_at} for one in entries
        ]  # fmt: skip
    packed = base64.b64encode(_zip(tables)).decode()
    tx.execute(_READY, {"export_id": export_id, "file_sealed": seal(packed, context=FILE_CONTEXT)})
    tx.record(DataExportReady(account_id=row.account_id, export_id=export_id))


def read_export(actor: Actor, *, export_id: UUID) -> bytes:
    """Return the zip.

    :raises DataExportNotFound: there is none, it is another's, not made yet, or older than seven days.
    """
    row = read(_FILE, {"export_id": export_id, "account_id": actor.account_id}).one_or_none()
    if row is None:
        raise DataExportNotFound
    return base64.b64decode(unseal(row.file_sealed, context=FILE_CONTEXT))


def _rows(tx: Transaction, held: Holding, account_id: UUID) -> list[dict[str, Any]]:
    statement = text(f"SELECT * FROM {held.table} WHERE {held.person}")
    return [_opened(row._mapping, held) for row in tx.execute(statement, {"account_id": account_id})]


def _opened(row: Any, held: Holding) -> dict[str, Any]:
    shown: dict[str, Any] = {}
    for column, value in row.items():
        if column in held.sealed:
            plain = unseal(value, context=held.sealed[column]) if value else None
            shown[column.removesuffix("_sealed")] = plain
        elif column not in _NOT_THEIRS and not isinstance(value, bytes | memoryview):
            shown[column] = value
    return shown


def _zip(tables: dict[str, list[dict[str, Any]]]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as packed:
        packed.writestr("data.json", orjson.dumps(tables, default=str, option=orjson.OPT_INDENT_2))
        for table, rows in tables.items():
            packed.writestr(f"{table}.csv", _csv(rows))
    return out.getvalue()


def _csv(rows: list[dict[str, Any]]) -> bytes:
    columns = list(rows[0])
    return csv_file([columns, *([row[name] for name in columns] for row in rows)])
