"""Rows written as a test needs them."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any, cast

from sqlalchemy import Insert, Table, insert, text

from app.kernel.transaction import transaction

if TYPE_CHECKING:
    from collections.abc import Sequence

    from app.kernel.db import Base
    from app.kernel.wire import Row


@cache
def _insert(model: type[Base]) -> Insert:
    return insert(cast("Table", model.__table__))


def write(model: type[Base], **values: object) -> None:
    """Insert one row and commit."""
    with transaction() as tx:
        tx.connection.execute(_insert(model), values)


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
