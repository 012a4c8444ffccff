"""Goods, dishes, vouchers and services together: whatever anybody does, every fen is somewhere and everything ends."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.drills.lives import walk
from tests.factories.rows import change
from tests.support.races import a_seed

if TYPE_CHECKING:
    import pytest
    from flask import Flask

    from tests.support.business_clock import BusinessClock

STEPS = 200


def test_any_walk_over_all_verticals_adds_up_and_ends(
    app: Flask, clock: BusinessClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(app.extensions, "linli_gateway", app.extensions["linli_gateway"])  # put back at the end

    change("DELETE FROM timers")  # what other tests left half made
    seen = walk(app, clock, steps=STEPS, seed=a_seed())

    print(dict(seen))  # noqa: T201 - shown when the test fails
    assert {"buy goods", "repeats"} <= seen.keys()
    assert any(what.startswith("order ended ") for what in seen)
