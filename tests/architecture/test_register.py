"""The register of personal data names every table about people, and every sealed field."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

import app.models
from app.core.privacy.register import REGISTER, Fate, Holding
from app.kernel.db import Base
from tests.factories.rows import look

if TYPE_CHECKING:
    from flask import Flask

__all__ = ["app"]

TABLES = {table.name: table for table in Base.metadata.sorted_tables}
_PEOPLE = ("accounts.account_id", "couriers.courier_id")
_REFERS = {
    table.name
    for table in TABLES.values()
    if any(key.target_fullname in _PEOPLE for column in table.columns for key in column.foreign_keys)
}
BY_TABLE = {holding.table: holding for holding in REGISTER}


def test_every_table_that_refers_to_a_person_is_registered() -> None:
    assert sorted(_REFERS - BY_TABLE.keys()) == [], "say in app/core/privacy/register.py what becomes of these rows"


def test_every_sealed_field_is_registered_with_its_context() -> None:
    sealed = {(name, column.name) for name, table in TABLES.items() for column in table.columns
              if column.name.endswith("_sealed")}  # fmt: skip

    assert sealed == {(holding.table, column) for holding in REGISTER for column in holding.sealed}


def test_every_blind_index_of_a_sealed_field_is_made_anew_with_the_index_key() -> None:
    indexed = {name: table for name, table in TABLES.items() if any(c.name.endswith("_sealed") for c in table.columns)}
    indexes = {(name, c.name) for name, table in indexed.items() for c in table.columns if c.name.endswith("_index")}

    assert indexes == {(holding.table, column) for holding in REGISTER for column in holding.indexes}


@pytest.mark.parametrize("holding", REGISTER, ids=lambda holding: holding.table)
def test_a_sealed_field_of_a_person_does_not_outlive_erasure(app: Flask, holding: Holding) -> None:
    given = {"account_id": None, "phone_index": None, "sandbox_index": None}
    used = {name: value for name, value in given.items() if f":{name}" in holding.person}

    look(f"SELECT 1 FROM {holding.table} WHERE {holding.person} LIMIT 0", **used)

    if holding.fate not in {Fate.DELETED, Fate.NOT_THEIRS}:
        assert holding.sealed.keys() <= holding.clears.keys()
    assert set(holding.clears) <= {column.name for column in TABLES[holding.table].columns}
