"""Answers: JSON written by orjson; instants in UTC with a ``Z``. Private unless a route says otherwise."""

import dataclasses
from typing import Any

import orjson
from flask import Response

from app.kernel.transaction import IN_UTC


def to_json(value: object) -> bytes:
    """Return ``value`` (dataclasses, dicts, ids, instants) as JSON."""
    return orjson.dumps(value, option=IN_UTC)


def to_sorted_json(value: object) -> bytes:
    """Return ``value`` as JSON with sorted names: a kept answer comes back from the database in another order."""
    return orjson.dumps(value, option=IN_UTC | orjson.OPT_SORT_KEYS)


def in_json(instant: str) -> str:
    """Return SQL that writes an instant as answers do, for JSON that the server makes."""
    return f"""to_char({instant} AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')"""


def reply(value: object, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    """Return ``value`` as a JSON answer that no shared cache may keep."""
    response = Response(to_sorted_json(value), status=status, mimetype="application/json", headers=headers)
    response.headers["Cache-Control"] = "no-store"
    return response


def as_kept(value: Any) -> dict[str, Any]:
    """Return a use case's result as it is kept for a repeat, so that first answer and repeat are the same bytes."""
    assert dataclasses.is_dataclass(value), "results are dataclasses of ids, fen and states"
    kept: dict[str, Any] = orjson.loads(to_json(value))
    return kept
