"""The one statement that takes most positions believes nothing that the rules do not believe."""

from __future__ import annotations

from contextlib import suppress
from datetime import timedelta
from functools import partial
from random import Random
from typing import TYPE_CHECKING

from app.core.delivery.positions import STILL_M, Fix, Still, believe, still_of
from app.kernel.errors import LinliError
from app.kernel.geo import distance_m
from app.kernel.transaction import write_alone
from app.usecases.delivering.report_position import _PLAINLY, report_position
from tests.factories import a_community, a_courier
from tests.factories.rows import change, look
from tests.support.races import at_once

if TYPE_CHECKING:
    from flask import Flask

    from tests.factories import Person
    from tests.support.business_clock import BusinessClock

SEED, REPORTS = 11, 120
HERE = (39.9, 116.4)
REST = "UPDATE courier_positions SET received_at = received_at - interval '2 seconds' WHERE courier_id = :id"
LAST = "SELECT lat, lng, measured_at, still_lat, still_lng, still_since FROM courier_positions WHERE courier_id = :id"


def last_of(courier: Person) -> tuple[Fix, Still]:
    [row] = look(LAST, id=courier.account_id)
    return Fix(row.lat, row.lng, row.measured_at), Still(row.still_lat, row.still_lng, row.still_since)


def test_what_is_taken_at_once_is_what_the_rules_believe(app: Flask, clock: BusinessClock) -> None:
    random, courier, taken = Random(SEED), a_courier(community=a_community(HERE)), 0
    clock.at(clock.now())
    report_position(courier.actor, lat=HERE[0], lng=HERE[1], measured_at=clock.now() - timedelta(minutes=4))
    for _ in range(REPORTS):
        change(REST, id=courier.account_id)
        before, still = last_of(courier)
        jump = random.choice((0.0001, 0.0004, 0.001, 0.004, 0.05))
        fix = Fix(
            before.lat + random.uniform(-jump, jump),
            before.lng + random.uniform(-jump, jump),
            before.measured_at + timedelta(seconds=random.choice((-3, 0, 1, 5, 20, 400))),
        )
        params: dict[str, object] = {"courier_id": courier.account_id, "session_id": courier.actor.session_id}
        params |= {"lat": fix.lat, "lng": fix.lng, "measured_at": fix.measured_at}

        is_taken = write_alone(_PLAINLY, params).rowcount == 1

        if is_taken:
            taken += 1
            believe(fix, last=before, now=clock.now())  # raises what it does not believe
            now, standing = last_of(courier)
            assert now == fix, f"seed {SEED}"
            if abs(distance_m(still.lat, still.lng, fix.lat, fix.lng) - STILL_M) > 1:  # a plane is no sphere
                assert standing == still_of(fix, before=still), f"seed {SEED}"
            if fix.measured_at > clock.now() - timedelta(seconds=60):
                clock.at(clock.now() + timedelta(seconds=90))
    assert taken > REPORTS // 5, f"seed {SEED}: most are plainly right"


def test_of_a_hundred_at_once_one_or_two_are_kept_and_none_fails(app: Flask, clock: BusinessClock) -> None:
    courier, now = a_courier(community=a_community(HERE)), clock.now()
    report_position(courier.actor, lat=HERE[0], lng=HERE[1], measured_at=now)
    change(REST, id=courier.account_id)
    kept: list[int] = []

    def report(number: int) -> None:
        with suppress(LinliError):
            given = {"lat": HERE[0] + number * 1e-6, "lng": HERE[1], "measured_at": now + timedelta(seconds=1)}
            report_position(courier.actor, **given)  # type: ignore[arg-type]
            kept.append(number)

    done = at_once(app, [partial(report, number) for number in range(100)])

    assert all(one.is_done for one in done)
    assert 1 <= len(kept) <= 16, "those that were read before the first was written may be kept, too, one after another"
