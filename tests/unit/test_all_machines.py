from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from app.cli.dev.machines import tables
from app.cli.dev.machines.proof import faults, repeated, states_apart
from app.core.orders.states import ORDER_TRANSITIONS, OrderAction, OrderState

if TYPE_CHECKING:
    from app.kernel.machines import Table

ROOT = Path(__file__).parents[2]
TABLES = {name: (path, table) for path, name, table in tables()}


@pytest.mark.parametrize("name", sorted(TABLES))
def test_every_machine_is_sound(name: str) -> None:
    path, table = TABLES[name]

    assert faults(table) == []
    assert repeated(ROOT / path) == []


def test_only_the_suspension_of_a_shop_stands_apart_from_its_machine() -> None:
    apart = {(name, str(state)) for name, (_, table) in TABLES.items() for state in states_apart(table)}

    assert apart == {("SHOP", "suspended")}


def without(*moves: tuple[OrderState, OrderAction]) -> Table[OrderState, OrderAction]:
    return {move: rule for move, rule in ORDER_TRANSITIONS.items() if move not in moves}


def test_a_state_that_nobody_can_leave_is_found() -> None:
    stuck = without(
        (OrderState.DELIVERY_FAILED, OrderAction.REATTEMPT),
        (OrderState.DELIVERY_FAILED, OrderAction.RETURN),
        (OrderState.DELIVERY_FAILED, OrderAction.DISPOSE),
    )

    assert "reattempt never happens" in faults(stuck)
    assert "return never happens" in faults(stuck)
    assert OrderState.RETURNED in states_apart(stuck)


def test_a_rule_that_is_written_twice_is_found(tmp_path: Path) -> None:
    twice = tmp_path / "states.py"
    twice.write_text("X_TRANSITIONS: T = {(S.A, A.GO): (S.B, R), (S.A, A.GO): (S.C, R)}\n")

    assert repeated(twice) == ["X_TRANSITIONS: (S.A, A.GO) stands 2 times"]
