from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest
from alembic.script import ScriptDirectory

import app.models
from app.cli.db import MIGRATIONS, alembic_config
from app.kernel.db import Base
from tests.factories.rows import look

if TYPE_CHECKING:
    from flask import Flask

__all__ = ["app"]

_UNINDEXED = """
    SELECT c.conrelid::regclass::text AS relation, c.conname AS name
    FROM pg_constraint AS c JOIN pg_namespace AS n ON n.oid = c.connamespace
    WHERE c.contype = 'f' AND n.nspname IN ('public', 'ledger') AND c.conrelid::regclass::text NOT LIKE 'procrastinate%'
      AND NOT EXISTS (
          SELECT 1 FROM pg_index AS i
          WHERE i.indrelid = c.conrelid AND i.indpred IS NULL
            AND (i.indkey::int2[])[0:cardinality(c.conkey) - 1] @> c.conkey)
    ORDER BY 1, 2
"""
_CHECKS = """
    SELECT c.conrelid::regclass::text AS relation, c.conname AS name, pg_get_constraintdef(c.oid) AS definition
    FROM pg_constraint AS c JOIN pg_namespace AS n ON n.oid = c.connamespace
    WHERE c.contype = 'c' AND n.nspname = 'public'
"""

NEVER_LOOKED_UP = {("ledger.hold", "hold_account_id_fkey")}
"""The books only grow: what these refer to is never deleted, so nothing ever searches by them."""

STATES = [
    (table.name, str(constraint.name), set(re.findall(r"'([^']*)'", str(constraint.sqltext))))  # type: ignore[attr-defined]
    for table in Base.metadata.sorted_tables
    for constraint in sorted(table.constraints, key=lambda one: str(one.name))
    if " IN (" in str(getattr(constraint, "sqltext", ""))
]


def test_every_foreign_key_leads_an_index(app: Flask) -> None:
    without = {tuple(row) for row in look(_UNINDEXED)}

    assert without == NEVER_LOOKED_UP


@pytest.mark.parametrize("table, name, words", STATES, ids=[f"{table}-{name}" for table, name, _ in STATES])
def test_the_database_knows_exactly_the_words_that_the_code_knows(
    app: Flask, table: str, name: str, words: set[str]
) -> None:
    found = {(row.relation, row.name): row.definition for row in look(_CHECKS)}

    assert set(re.findall(r"'([^']*)'::text", found[table, name])) == words


def test_there_are_states_to_compare() -> None:
    assert len(STATES) > 15


def test_head_names_the_one_newest_migration() -> None:
    heads = ScriptDirectory.from_config(alembic_config("postgresql://")).get_heads()

    assert heads == [(MIGRATIONS / "HEAD").read_text().strip()]


def test_the_migrated_database_has_the_columns_of_the_models(app: Flask) -> None:
    rows = look(
        "SELECT table_name, column_name, is_nullable FROM information_schema.columns WHERE table_schema = 'public'"
    )
    found: dict[str, dict[str, Any]] = {}
    for row in rows:
        found.setdefault(row.table_name, {})[row.column_name] = row.is_nullable == "YES"

    described = {
        table.name: {column.name: bool(column.nullable) for column in table.columns}
        for table in Base.metadata.sorted_tables
        if table.schema is None
    }

    assert {name: found.get(name) for name in described} == described
