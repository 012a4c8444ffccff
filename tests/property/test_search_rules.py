"""What the database does for search is what the rules in Python say."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from importlib.resources import files
from typing import TYPE_CHECKING

import orjson
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from app.core.catalog.next_opening import next_opening
from app.core.catalog.rules import delivery_fee_fen, is_open_at, is_public_holiday
from app.core.search.words import normal, squares, tokens
from app.kernel.clock import SHANGHAI
from app.kernel.geo import box_around, distance_m
from app.kernel.polygons import is_inside
from tests.factories.rows import look_one

if TYPE_CHECKING:
    from flask import Flask

FEW = settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
SPANS = [["00:00", "24:00"], ["08:00", "12:30"], ["13:00", "22:00"], ["00:00", "06:00"], ["23:00", "24:00"]]
UNSEEN = (
    "牛e\u0301❤👩🚒\u00ad\u034f\u061c\u200b\u200d\u200f\u202e\u2060\u2066\u3164\ufe00\ufe0f\ufeff\uffa0"
    "\U000e0067\U000e0100"
)
NAMES = st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs", "Cn", "Co"]), max_size=30)


def test_the_database_and_python_know_the_same_traditional_characters(app: Flask) -> None:
    lines = files("app.core.search").joinpath("data", "traditional.txt").read_text(encoding="utf-8").splitlines()
    every = "".join(line[0] for line in lines)

    assert look_one("SELECT search_words(:text)", text=every) == "".join(line[1] for line in lines) == normal(every)


@FEW
@given(name=st.one_of(NAMES, st.text("馬鈴薯土豆ＡＢab１2 　（）%_'\\", max_size=20), st.text(UNSEEN, max_size=20)))
def test_names_have_the_same_normal_form_in_the_database_and_in_python(app: Flask, name: str) -> None:
    assert look_one("SELECT search_words(:text)", text=name) == normal(name)


@FEW
@given(name=st.text("土豆牛奶酱油ab1 𠮷", min_size=1, max_size=12), data=st.data())
def test_every_part_of_a_name_has_its_tokens_in_the_index(app: Flask, name: str, data: st.DataObject) -> None:
    start = data.draw(st.integers(0, len(name) - 1))
    part = name[start : data.draw(st.integers(start + 1, len(name)))]

    found = look_one("SELECT search_tokens(:name) @> CAST(:tokens AS integer[])", name=name, tokens=tokens(part))

    assert found or part == " "


@FEW
@given(
    lat=st.floats(18, 53),
    lng=st.floats(74, 134),
    radius_m=st.sampled_from([1, 3_000, 10_000, 10_001, 50_000]),
    aside=st.tuples(st.floats(-1, 1), st.floats(-1, 1)),
)
def test_a_place_in_a_box_has_its_square_among_those_of_the_box(
    app: Flask, lat: float, lng: float, radius_m: int, aside: tuple[float, float]
) -> None:
    north, east = aside
    box = lat_min, lng_min, lat_max, lng_max = box_around(lat, lng, radius_m)
    there = {"lat": lat + north * (lat_max - lat_min) / 2, "lng": lng + east * (lng_max - lng_min) / 2}

    found = look_one("SELECT search_index('', '', :lat, :lng) && CAST(:squares AS integer[])", **there,
                     squares=squares(box, radius_m))  # fmt: skip

    assert found


HOURS = st.dictionaries(
    st.sampled_from([*"1234567", "holiday", "2026-02-17", "2026-03-02", "2026-10-01", "1999-01-01", "9999-12-31"]),
    st.lists(st.sampled_from(SPANS), max_size=2, unique_by=str),
    max_size=9,
)


@FEW
@given(
    hours=HOURS,
    day=st.sampled_from([date(2026, 2, 16), date(2026, 3, 1), date(2026, 9, 30)]),
    minutes=st.integers(0, 4_000),
)
def test_hours_as_minutes_hold_those_at_which_the_rule_says_open(
    app: Flask, hours: dict[str, list[list[str]]], day: date, minutes: int
) -> None:
    moment = datetime.combine(day, time(16), tzinfo=UTC) + timedelta(minutes=minutes)
    local = moment.astimezone(SHANGHAI)

    found = look_one(
        "SELECT is_open_in(open_minutes(CAST(:hours AS jsonb)), :week, :day, 30000 + 1500 * :ordinal, :is_holiday)",
        hours=orjson.dumps(hours).decode(),
        week=(local.isoweekday() - 1) * 1440 + local.hour * 60 + local.minute,
        day=local.hour * 60 + local.minute,
        ordinal=(local.date() - date(2000, 1, 1)).days,
        is_holiday=is_public_holiday(local.date()),
    )

    assert found == is_open_at(hours, None, moment)


@FEW
@given(
    tiers=st.lists(st.tuples(st.integers(1, 5_000), st.integers(0, 2_000)), min_size=1, max_size=4),
    meters=st.integers(0, 6_000),
)
def test_the_fee_that_is_filtered_by_is_the_fee_that_is_charged(
    app: Flask, tiers: list[tuple[int, int]], meters: int
) -> None:
    steps = [{"up_to_m": up_to_m, "fee_fen": fee_fen} for up_to_m, fee_fen in sorted(tiers)]

    found = look_one(
        "SELECT (fees_of(t.tiers))[width_bucket(CAST(:meters AS float8), fee_from_m(t.tiers)) + 1]"
        " FROM (SELECT CAST(:tiers AS jsonb) AS tiers) AS t",
        tiers=orjson.dumps(steps).decode(),
        meters=float(meters),
    )

    assert found == delivery_fee_fen(steps, meters)


@FEW
@given(
    corners=st.lists(st.tuples(st.integers(-3, 3), st.integers(-3, 3)), min_size=3, max_size=8, unique=True),
    lat=st.integers(-30, 30),
    lng=st.integers(-30, 30),
)
def test_the_area_that_is_filtered_by_is_the_area_that_is_delivered_in(
    app: Flask, corners: list[tuple[int, int]], lat: int, lng: int
) -> None:
    area = [[39.9 + north / 100, 116.4 + east / 100] for north, east in corners]
    there = (39.9 + lat / 1000, 116.4 + lng / 1000)

    found = look_one(
        "SELECT is_in_area(area_points(CAST(:area AS jsonb)), :lat, :lng)",
        area=orjson.dumps(area).decode(),
        lat=there[0],
        lng=there[1],
    )

    assert found == is_inside(area, *there)


@FEW
@given(
    lat=st.floats(18, 53),
    lng=st.floats(74, 134),
    d_lat=st.floats(-0.5, 0.5),
    d_lng=st.floats(-0.5, 0.5),
)
def test_distances_are_the_same_in_the_database_and_in_python(
    app: Flask, lat: float, lng: float, d_lat: float, d_lng: float
) -> None:
    there = {"lat2": lat + d_lat, "lng2": lng + d_lng}

    found = look_one("SELECT meters_between(:lat1, :lng1, :lat2, :lng2)", lat1=lat, lng1=lng, **there)

    assert abs(found - distance_m(lat, lng, lat + d_lat, lng + d_lng)) <= 0.5 + 1e-6


@example(hours={"2": [["00:00", "24:00"]]}, minutes=0, pause=2_400)
@given(
    hours=st.dictionaries(st.sampled_from("1234567"), st.lists(st.sampled_from(SPANS), max_size=1), max_size=7),
    minutes=st.integers(0, 20_000),
    pause=st.none() | st.integers(0, 3_000),
)
def test_a_closed_shop_is_open_at_the_moment_it_says_and_never_before(
    hours: dict[str, list[list[str]]], minutes: int, pause: int | None
) -> None:
    moment = datetime(2026, 3, 2, tzinfo=UTC) + timedelta(minutes=minutes)
    paused_until = None if pause is None else moment + timedelta(minutes=pause)
    if is_open_at(hours, paused_until, moment):
        return

    opens_at = next_opening("open", hours, paused_until, moment)

    if opens_at is None:
        assert not any(hours.values())
        return
    assert is_open_at(hours, paused_until, opens_at)
    step = timedelta(minutes=30)
    before = moment + step
    while before < opens_at:
        assert not is_open_at(hours, paused_until, before)
        before += step
