from __future__ import annotations

from dataclasses import astuple, fields
from typing import TYPE_CHECKING

from app.core.ledger.chart import CHART, AccountKind
from tests.factories.rows import look

if TYPE_CHECKING:
    from flask import Flask


def test_the_database_holds_the_same_chart(app: Flask) -> None:
    columns = ", ".join(field.name for field in fields(AccountKind))

    rows = look(f"SELECT {columns} FROM ledger.account_kind")

    assert {tuple(row) for row in rows} == {astuple(row) for row in CHART}
