"""The one statement that takes most positions believes nothing that the rules do not believe."""

from __future__ import annotations

from contextlib import suppress
from datetime import timedelta
from functools import partial
from random import Random
from typing import TYPE_CHECKING

from app.core.delivery.positions import STILL_M, Fix, Still, believe, still_of
from app.kernel.batching import ALONE
from app.kernel.errors import LinliError
from app.kernel.geo import distance_m
from app.usecases.delivering.report_position import Report, keep_plain, report_position
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

        if keep_plain([Report(courier.actor, fix.lat, fix.lng, fix.measured_at)]) != [ALONE]:
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


def test_many_reports_are_kept_at_once_and_each_that_needs_judgment_is_left_alone(
    app: Flask, clock: BusinessClock
) -> None:
    community, now = a_community(HERE), clock.now()
    plain, twice, far, gone = couriers = [a_courier(community=community) for _ in range(4)]
    for courier in couriers:
        report_position(courier.actor, lat=HERE[0], lng=HERE[1], measured_at=now)
        change(REST, id=courier.account_id)
    change("UPDATE sessions SET ended_at = now() WHERE session_id = :id", id=gone.actor.session_id)
    measured_at, lat = now + timedelta(seconds=2), HERE[0] + 1e-5

    said = keep_plain([
        Report(plain.actor, lat, HERE[1], measured_at),
        Report(twice.actor, lat, HERE[1], measured_at),
        Report(twice.actor, lat + 1e-5, HERE[1], measured_at),
        Report(far.actor, HERE[0] + 1, HERE[1], measured_at),
        Report(gone.actor, lat, HERE[1], measured_at),
    ])  # fmt: skip

    assert [one is ALONE for one in said] == [False, False, True, True, True]
    there, here = Fix(lat, HERE[1], measured_at), Fix(*HERE, now)
    assert [last_of(courier)[0] for courier in couriers] == [there, there, here, here]
