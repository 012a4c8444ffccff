"""Every point of every money flow is known to a drill; a few of them, by chance, are killed here."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

from tests.crash_points.drill import FLOWS, Drill, noted
from tests.crash_points.knife import Knife
from tests.crash_points.sites import sites
from tests.crash_points.stage import Stage
from tests.support.races import a_seed
from tests.support.worker import run_jobs, run_worker

if TYPE_CHECKING:
    from pathlib import Path

    from flask import Flask

    from tests.conftest import Gateway
    from tests.support.business_clock import BusinessClock

SAMPLE = 3


def test_every_site_that_moves_money_is_crossed_by_a_flow_of_the_drill() -> None:
    flows = noted()

    new = [site.name for site in sites() if flows.get(site.name) not in FLOWS]
    gone = flows.keys() - {site.name for site in sites()}

    assert new == [], "write a flow in tests/crash_points and run `dev.py crash-points`"
    assert gone == set(), "run `dev.py crash-points`, which notes them anew"


def test_flows_that_die_at_points_picked_by_chance_take_effect_once(
    app: Flask, gateway: Gateway, clock: BusinessClock, tmp_path: Path
) -> None:
    dice = random.Random(a_seed())
    run_worker(app)
    run_jobs(app)
    drill = Drill(Stage(app, gateway, clock, tmp_path), dice)
    for name in dice.sample(sorted(FLOWS), SAMPLE):
        whole = drill.learn(name)
        if whole.crossed:
            drill.kill(name, whole, dice.choice(whole.once_each))

    assert drill.wrong == []
    assert drill.kills > 0


def test_a_knife_that_is_put_away_leaves_everything_as_it_was() -> None:
    from app.core import ledger  # noqa: PLC0415 - looked at before and after
    from app.kernel.wire import Wire  # noqa: PLC0415 - as above

    before = (ledger.post, Wire.commit)
    with Knife().drawn():
        assert (ledger.post, Wire.commit) != before

    assert (ledger.post, Wire.commit) == before
