from __future__ import annotations

from enum import StrEnum
from typing import Any
from uuid import UUID

import pytest
from marshmallow import ValidationError

from app.web.fields import Body, Choice, Degrees, Fen, Flag, Id, Instant, Int, Many, Pattern, Quantity, Query, Text


class Color(StrEnum):
    RED = "red"


class Everything(Body):
    number = Int(low=-5, high=5)
    fen = Fen()
    quantity = Quantity()
    flag = Flag()
    lat = Degrees(bound=90)
    text = Text(high=3)
    code = Pattern(r"[0-9]{2}", high=2)
    color = Choice(Color)
    id = Id()
    at = Instant()
    many = Many(Int(low=0, high=1), high=2)


class Asked(Query):
    number = Int(low=-5, high=5)
    flag = Flag()
    lat = Degrees(bound=90)


@pytest.mark.parametrize(
    "field, value",
    [("number", -5), ("number", 5), ("fen", 0), ("quantity", 1), ("quantity", 999), ("flag", False), ("lat", 90),
     ("lat", -89.9), ("text", "王小明"), ("code", "07"), ("color", "red"), ("many", []), ("many", [0, 1])],
)  # fmt: skip
def test_what_is_within_bounds_is_taken(field: str, value: object) -> None:
    assert Everything().load({field: value}) == {field: value}


@pytest.mark.parametrize(
    "field, value",
    [("number", 6), ("number", -6), ("number", True), ("number", "1"), ("number", 1.0), ("number", None),
     ("fen", -1), ("fen", 10_000_000_001), ("quantity", 0), ("quantity", 1_000), ("flag", "true"), ("flag", 1),
     ("flag", None), ("lat", 90.1), ("lat", float("nan")), ("lat", float("inf")), ("lat", "1"), ("lat", True),
     ("text", ""), ("text", "    "), ("text", "abcd"), ("text", 1), ("text", "a\0"), ("code", "1"), ("code", "１２"),
     ("code", "1\n"), ("color", "blue"), ("color", ["red"]), ("color", None), ("id", "x"), ("id", "0" * 32),
     ("id", "{00000000-0000-0000-0000-000000000000}"), ("id", 1), ("at", "2026-03-02"), ("at", "2026-03-02T04:00:00"),
     ("at", "2026-02-30T04:00:00Z"),
     ("at", "0001-01-01T00:00:00+01:00"), ("at", 0), ("many", [0, 1, 0]), ("many", [2]), ("many", "01"), ("many", {})],
)  # fmt: skip
def test_what_is_not_is_refused_by_a_key_of_the_catalog(field: str, value: object) -> None:
    with pytest.raises(ValidationError) as caught:
        Everything().load({field: value})

    assert "field_" in str(caught.value.messages)
    assert list(caught.value.messages_dict) == [field]


def test_text_is_trimmed_and_composed() -> None:
    assert Everything().load({"text": "  e\u0301 "}) == {"text": "é"}


@pytest.mark.parametrize("written", ["2026-03-02T12:00:00+08:00", "2026-03-01T04:12:00-23:48", "2026-03-02t04:00:00z"])
def test_an_instant_of_any_zone_is_one_of_utc(written: str) -> None:
    # PostgreSQL refuses zones of sixteen hours and more.
    loaded = Everything().load({"at": written})

    assert loaded["at"].isoformat() == "2026-03-02T04:00:00+00:00"


def test_an_id_may_be_written_in_capitals() -> None:
    written = "0195F0C0-0000-7000-8000-00000000000A"

    assert Everything().load({"id": written}) == {"id": UUID(written)}


@pytest.mark.parametrize(
    "given, taken",
    [({"number": "-5"}, {"number": -5}), ({"flag": "true"}, {"flag": True}), ({"lat": "-0.5"}, {"lat": -0.5})],
)
def test_in_a_query_numbers_and_flags_are_written_as_text(given: dict[str, Any], taken: dict[str, Any]) -> None:
    assert Asked().load(given) == taken


@pytest.mark.parametrize(
    "given",
    [{"number": "1.0"}, {"number": "+1"}, {"number": " 1"}, {"number": "9" * 30}, {"number": "１"}, {"flag": "True"},
     {"flag": "1"}, {"lat": "nan"}, {"lat": "1e1"}, {"lat": "inf"}, {"lat": ""}, {"hue": "1"}],
)  # fmt: skip
def test_and_nothing_else_is_taken_for_them(given: dict[str, str]) -> None:
    with pytest.raises(ValidationError):
        Asked().load(given)


def test_a_latitude_that_is_a_longitude_is_said_to_be_one() -> None:
    class Place(Body):
        lat = Degrees(bound=90)

    with pytest.raises(ValidationError, match="field_looks_swapped"):
        Place().load({"lat": 121.47})
    with pytest.raises(ValidationError, match="field_out_of_range"):
        Place().load({"lat": 181})
