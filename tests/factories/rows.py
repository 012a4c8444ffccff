"""Rows written as a test needs them."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any, cast

import orjson
from sqlalchemy import Table, TextClause, text
from sqlalchemy.dialects.postgresql import JSONB

from app.kernel.transaction import transaction

if TYPE_CHECKING:
    from collections.abc import Sequence

    from app.kernel.db import Base
    from app.kernel.wire import Row


@cache
def _insert(model: type[Base], names: tuple[str, ...]) -> tuple[TextClause, frozenset[str]]:
    """Return the statement, and which of its columns are documents."""
    table = cast("Table", model.__table__)
    columns, places = ", ".join(f'"{name}"' for name in names), ", ".join(f":{name}" for name in names)
    documents = frozenset(name for name in names if isinstance(table.c[name].type, JSONB))
    return text(f"INSERT INTO {table.fullname} ({columns}) VALUES ({places})"), documents


def write(model: type[Base], **values: object) -> None:
    """Insert one row and commit."""
    statement, documents = _insert(model, tuple(values))
    values |= {name: orjson.dumps(values[name]).decode() for name in documents if values[name] is not None}
    with transaction() as tx:
        tx.execute(statement, values)


def change(statement: str, **params: object) -> int:
    """Run one statement and commit; return how many rows it touched."""
    with transaction() as tx:
        return int(tx.execute(text(statement), params).rowcount)


def look(statement: str, **params: object) -> Sequence[Row]:
    """Return the rows of one query."""
    with transaction() as tx:
        return tx.execute(text(statement), params).fetchall()


def look_one(statement: str, **params: object) -> Any:
    """Return the one value of one query."""
    with transaction() as tx:
        return tx.execute(text(statement), params).scalar_one()
