"""What the database does for search is what the rules in Python say."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from importlib.resources import files
from typing import TYPE_CHECKING

import orjson
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from app.core.catalog.next_opening import next_opening
from app.core.catalog.rules import delivery_fee_fen, is_open_at
from app.core.search.words import normal, tokens
from app.kernel.geo import distance_m
from tests.factories.rows import look, look_one

if TYPE_CHECKING:
    from flask import Flask

FEW = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
SPANS = [["00:00", "24:00"], ["08:00", "12:30"], ["13:00", "22:00"], ["00:00", "06:00"], ["23:00", "24:00"]]
NAMES = st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs", "Cn", "Co"]), max_size=30)


def test_the_database_and_python_know_the_same_traditional_characters(app: Flask) -> None:
    lines = files("app.core.search").joinpath("data", "traditional.txt").read_text(encoding="utf-8").splitlines()
    every = "".join(line[0] for line in lines)

    assert look_one("SELECT search_words(:text)", text=every) == "".join(line[1] for line in lines) == normal(every)


@FEW
@given(name=st.one_of(NAMES, st.text("馬鈴薯土豆ＡＢab１2 　（）%_'\\", max_size=20)))
def test_names_have_the_same_normal_form_in_the_database_and_in_python(app: Flask, name: str) -> None:
    assert look_one("SELECT search_words(:text)", text=name) == normal(name)


@FEW
@given(name=st.text("土豆牛奶酱油ab1 𠮷", min_size=1, max_size=12), data=st.data())
def test_every_part_of_a_name_has_its_tokens_in_the_index(app: Flask, name: str, data: st.DataObject) -> None:
    start = data.draw(st.integers(0, len(name) - 1))
    part = name[start : data.draw(st.integers(start + 1, len(name)))]

    found = look_one("SELECT search_tokens(:name) @> CAST(:tokens AS integer[])", name=name, tokens=tokens(part))

    assert found


@FEW
@given(
    hours=st.dictionaries(
        st.sampled_from("1234567"), st.lists(st.sampled_from(SPANS), max_size=2, unique_by=str), max_size=7
    ),
    minutes=st.integers(0, 20_000),
)
def test_a_week_of_hours_holds_the_minutes_at_which_the_rule_says_open(
    app: Flask, hours: dict[str, list[list[str]]], minutes: int
) -> None:
    moment = datetime(2026, 3, 2, tzinfo=UTC) + timedelta(minutes=minutes)

    row = look(
        "SELECT week_of(CAST(:hours AS jsonb)) @> minute_of_week(:moment) AS is_open",
        hours=orjson.dumps(hours).decode(),
        moment=moment,
    )[0]

    assert row.is_open == is_open_at(hours, None, moment)


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
        "SELECT delivery_fee_fen(CAST(:tiers AS jsonb), :meters)",
        tiers=orjson.dumps(steps).decode(),
        meters=float(meters),
    )

    assert found == delivery_fee_fen(steps, meters)


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
