"""What an order is promised by, how it looks as it goes on, and what a late one is made good with."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from app.core.dispatch.estimates import PRIOR_SPREAD, Progress, Told, estimate, told, window_of
from app.core.dispatch.promise import Spread
from app.core.orders.late import LateCause, late_of

PAID = datetime(2026, 6, 5, 10, tzinfo=UTC)
PROMISE = Told(usual_s=1_800, from_s=1_500, by_s=2_400)


def progress(minutes: float, **more: Any) -> Progress:
    given: dict[str, Any] = {"paid_at": PAID, "ready_at": None, "picked_up_at": None, "distance_m": 1_000, **more}
    return Progress(now=PAID + timedelta(minutes=minutes), **given)


def at(minutes: float) -> datetime:
    return PAID + timedelta(minutes=minutes)


def test_a_promise_is_preparing_riding_and_serving_within_the_spread_of_the_zone() -> None:
    found = told(900, 1_000, Spread(early_s=-200, late_s=500))

    assert found == Told(usual_s=900 + 300 + 180, from_s=1_180, by_s=1_880)
    assert told(900, 1_000, None).by_s == 1_380 + PRIOR_SPREAD.late_s


def test_until_the_shop_answers_it_looks_as_promised() -> None:
    assert estimate(PROMISE, progress(2)) == window_of(PAID, PROMISE)


def test_what_is_ready_later_comes_later() -> None:
    soon = estimate(PROMISE, progress(3, ready_at=at(20)))
    later = estimate(PROMISE, progress(3, ready_at=at(35)))

    assert later.latest_at - soon.latest_at >= timedelta(minutes=15)


def test_a_courier_far_from_the_counter_is_reckoned_with() -> None:
    near = estimate(PROMISE, progress(20, ready_at=at(20), to_counter_m=100))
    far = estimate(PROMISE, progress(20, ready_at=at(20), to_counter_m=2_100))

    assert timedelta(minutes=10) <= far.latest_at - near.latest_at <= timedelta(minutes=15)


def test_the_nearer_the_door_the_narrower_the_window() -> None:
    widths = [
        (found := estimate(PROMISE, one)).latest_at - found.earliest_at
        for one in (
            progress(3, ready_at=at(20)),
            progress(20, ready_at=at(20)),
            progress(26, ready_at=at(20), picked_up_at=at(22), to_door_m=200),
        )
    ]

    assert widths == sorted(widths, reverse=True)
    assert widths[-1] <= timedelta(minutes=3)


def test_nothing_is_expected_in_the_past() -> None:
    found = estimate(PROMISE, progress(90, ready_at=at(20), picked_up_at=at(22)))

    assert found.earliest_at >= at(90)
    assert found.latest_at >= found.earliest_at


@pytest.mark.parametrize(
    "minutes, total_fen, amount_fen",
    [(14.9, 9_000, None), (15, 9_000, 300), (29, 9_000, 300), (30, 9_000, 600), (75, 9_000, 1_000), (75, 1_000, 500)],
)
def test_the_later_the_more_and_never_more_than_half(minutes: float, total_fen: int, amount_fen: int | None) -> None:
    late = late_of(
        promised_at=PAID,
        delivered_at=at(minutes),
        said_ready_at=PAID,
        ready_at=PAID,
        total_fen=total_fen,
        is_residents_fault=False,
    )

    assert (late and late.amount_fen) == amount_fen


@pytest.mark.parametrize("ready, cause", [(20, LateCause.SHOP), (5, LateCause.WAY)])
def test_whose_minutes_they_were_is_told(ready: float, cause: LateCause) -> None:
    times = {"promised_at": at(20), "delivered_at": at(50), "said_ready_at": PAID, "ready_at": at(ready)}

    late = late_of(**times, total_fen=9_000, is_residents_fault=False)

    assert late is not None
    assert (late.cause, late.minutes) == (cause, 30)
    assert late_of(**times, total_fen=9_000, is_residents_fault=True) is None
