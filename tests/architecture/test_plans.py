"""Statements that every request may make are planned through an index, however many rows there are."""

from __future__ import annotations

import pytest

from tests.factories.rows import look


@pytest.mark.usefixtures("app")
@pytest.mark.parametrize("condition", ["code = 'e_account:1'", "code = ANY (ARRAY['e_account:1', 'e_account:2'])"])
def test_a_balance_is_found_by_its_code_and_not_by_reading_every_account(condition: str) -> None:
    plan = "\n".join(row[0] for row in look(f"EXPLAIN SELECT available_fen FROM ledger.balance WHERE {condition}"))

    assert "Seq Scan" not in plan
    assert "account_code_key" in plan
