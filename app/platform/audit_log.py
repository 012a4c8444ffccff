"""What operators read of the audit log: by page, as a file, and its proof. Reading it is an act, too."""

from collections.abc import Sequence
from typing import Any

from flask import Response
from sqlalchemy import text

from app.kernel import audit
from app.kernel.actor import Actor
from app.kernel.clock import as_text
from app.kernel.spreadsheets import csv_rows
from app.kernel.transaction import Transaction, transaction
from app.platform.queries import require_member
from app.platform.schemas import ExportFormat
from app.usecases.operating.flags import flag_unsound_log
from app.web.replies import to_json

COLUMNS = (
    "seq", "act_id", "acted_at", "account_id", "session_id", "side", "verb", "subject_kind", "subject_id", "whom_id",
    "network", "why", "outcome", "details", "head",
)  # fmt: skip
_FILTERS = ("account_id", "subject_id", "whom_id", "verb", "side", "outcome")
_NARROW = "\n".join(f"AND (CAST(:{name} AS text) IS NULL OR CAST({name} AS text) = :{name})" for name in _FILTERS)
_ACTS = text(
    f"""
    SELECT {", ".join("encode(head, 'hex') AS head" if name == "head" else name for name in COLUMNS)}
    FROM audit.sealed_act WHERE seq > :after {_NARROW}
      AND (CAST(:since AS timestamptz) IS NULL OR acted_at >= :since)
      AND (CAST(:until AS timestamptz) IS NULL OR acted_at < :until)
    ORDER BY seq LIMIT :limit
    """
)


def acts(actor: Actor, *, after: int, limit: int, **filters: Any) -> dict[str, Any]:
    """Return sealed acts after the place ``after``, in the order of the chain."""
    with transaction() as tx:
        require_member(tx, actor)
        found = _read(tx, after=after, limit=limit + 1, **filters)
        audit.record(tx, actor, "audit.read", details=_told(after, filters))
    return {"items": found[:limit], "next_after": found[limit - 1]["seq"] if len(found) > limit else None}


def export(actor: Actor, *, format: str, after: int, limit: int, **filters: Any) -> Response:  # noqa: A002 - its name in the query
    """Return sealed acts after the place ``after`` as a file; ``Next-After`` names the last place in it."""
    with transaction() as tx:
        require_member(tx, actor)
        found = _read(tx, after=after, limit=limit, **filters)
        audit.record(tx, actor, "audit.export", details={"row_count": len(found), **_told(after, filters)})
    is_csv = format == ExportFormat.CSV
    body = _as_csv(found) if is_csv else b"".join(to_json(row) + b"\n" for row in found)
    response = Response(body, mimetype="text/csv" if is_csv else "application/jsonl")
    response.headers["Content-Disposition"] = f"attachment; filename=audit.{format}"
    response.headers["Cache-Control"] = "no-store"
    if len(found) == limit:
        response.headers["Next-After"] = str(found[-1]["seq"])
    return response


def prove(actor: Actor) -> dict[str, Any]:
    """Prove the audit log now."""
    with transaction() as tx:
        require_member(tx, actor)
        proof = audit.prove(tx)
        if not proof.is_sound:
            flag_unsound_log(tx, len(proof.findings))
        audit.record(tx, actor, "audit.prove", details={"is_sound": proof.is_sound})
    findings = [{"finding": one.finding, "seq": one.seq, "act_id": one.act_id} for one in proof.findings]
    return {
        "is_sound": proof.is_sound,
        "sealed": proof.sealed,
        "waiting": proof.waiting,
        "head": proof.head,
        "findings": findings,
    }


def _read(tx: Transaction, *, after: int, limit: int, **filters: Any) -> list[dict[str, Any]]:
    params = {name: None if filters[name] is None else str(filters[name]) for name in _FILTERS}
    span = {"since": filters["since"], "until": filters["until"]}
    return [dict(row._mapping) for row in tx.execute(_ACTS, {**params, **span, "after": after, "limit": limit})]


def _told(after: int, filters: dict[str, Any]) -> dict[str, Any]:
    return {"after": after, **{name: str(value) for name, value in filters.items() if value is not None}}


def _as_csv(rows: Sequence[dict[str, Any]]) -> bytes:
    lines: list[Sequence[object]] = [COLUMNS]
    for row in rows:
        told = {**row, "acted_at": as_text(row["acted_at"]), "details": to_json(row["details"]).decode()}
        lines.append([told[name] for name in COLUMNS])
    return csv_rows(lines).encode()
