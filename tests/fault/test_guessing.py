from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from app.core.accounts.models import FailureScope
from app.kernel.db import db
from app.usecases.people import breaker, devices
from tests.factories.rows import change
from tests.guessing.drill import Drill, Outcome, Plan, with_one_proxy

if TYPE_CHECKING:
    from collections.abc import Iterator

    from flask import Flask

PLAN = Plan(guesses=400, phones=150, addresses=40)


@pytest.fixture
def _no_failures(app: Flask) -> Iterator[None]:
    change("DELETE FROM sign_in_failures")
    yield
    change("DELETE FROM sign_in_failures")


def drill(app: Flask, plan: Plan = PLAN) -> Outcome:
    behind = with_one_proxy(app)
    outcome = Drill(behind, plan, lambda: None, seed=7).run()
    with behind.app_context():
        db.engine.dispose()
    return outcome


@pytest.mark.usefixtures("_no_failures")
def test_hundreds_of_guesses_from_many_addresses_let_nobody_in_but_the_owner(app: Flask) -> None:
    outcome = drill(app)

    assert outcome.is_good, outcome
    assert set(outcome.owner.values()) == {True}
    judged = sum(counted["401 code_refused"] for counted in outcome.answers.values())
    assert judged <= breaker.LIMITS[FailureScope.ALL][1] * 2  # two stretches, when one ends meanwhile
    assert sum(counted["429 sign_in_paused"] for counted in outcome.answers.values()) > 0


@pytest.mark.usefixtures("_no_failures")
def test_the_drill_notices_when_a_known_device_has_no_lane_of_its_own(
    app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(devices, "is_known", lambda *_args, **_kwargs: False)
    monkeypatch.setitem(breaker.LIMITS, FailureScope.ALL, (breaker.LIMITS[FailureScope.ALL][0], 20))

    outcome = drill(app, Plan(guesses=40, phones=10, addresses=40))

    assert not outcome.is_good
