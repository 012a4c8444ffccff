from __future__ import annotations

from datetime import datetime, timedelta

from app.core.delivery.fatigue import A_DAY, IN_A_ROW, REST_MIN, in_a_row_since, shift_ends_at
from app.core.delivery.ratings import mean_tenths
from app.kernel.clock import SHANGHAI

NOON = datetime(2026, 3, 2, 12, 0, tzinfo=SHANGHAI)


def test_a_short_pause_does_not_begin_the_hours_anew() -> None:
    before = NOON - timedelta(hours=5)

    assert in_a_row_since(NOON, rested_since=NOON - REST_MIN + timedelta(seconds=1), before=before) == before
    assert in_a_row_since(NOON, rested_since=NOON - REST_MIN, before=before) == NOON
    assert in_a_row_since(NOON, rested_since=None, before=None) == NOON


def test_a_shift_ends_at_the_first_of_its_limits() -> None:
    early = NOON + timedelta(hours=1)

    assert shift_ends_at(NOON, row_since=NOON, worked_today=timedelta(), wished=None) == NOON + IN_A_ROW.longest
    assert shift_ends_at(NOON, row_since=NOON, worked_today=timedelta(), wished=early) == early
    assert shift_ends_at(NOON, row_since=NOON, worked_today=A_DAY.longest - timedelta(hours=1), wished=None) == early


def test_a_limit_says_where_it_comes_from() -> None:
    assert "50号" in IN_A_ROW.source
    assert "50号" in A_DAY.source


def test_there_is_no_mean_of_a_few() -> None:
    assert mean_tenths([5, 5, 5, 5]) is None
    assert mean_tenths([5, 5, 5, 4, 4]) == 46
    assert mean_tenths([1] * 5) == 10
