from __future__ import annotations

import ast
import re
from uuid import UUID

import pytest

from app.core.ledger import Journal, JournalKind, Leg, codes
from app.core.ledger.chart import BY_KIND, CHART, PROVIDERS, Qualifier
from tests.support.ledger_database import ledger_source

OWNER = UUID("00000000-0000-7000-8000-000000000001")


def rows_of_the_database() -> list[tuple[object, ...]]:
    source = ledger_source()
    values = source.split("insert into ledger.account_kind", 1)[1].split("values", 1)[1].split(";\n\n", 1)[0]
    for word, python in (("null", "None"), ("true", "True"), ("false", "False")):
        values = re.sub(rf", +{word},", f", {python},", re.sub(rf", +{word},", f", {python},", values))
    return list(ast.literal_eval(f"[{values}]"))


def test_the_database_holds_the_same_chart() -> None:
    expected = [
        (
            row.kind,
            row.title_zh,
            str(row.owner_kind),
            str(row.qualifier),
            row.sign,
            row.floor_fen,
            row.stripes,
            row.opens_by_itself,
            row.has_statement,
            row.meaning,
        )
        for row in CHART
    ]

    assert rows_of_the_database() == expected


def test_kinds_are_unique() -> None:
    assert len(BY_KIND) == len(CHART)


@pytest.mark.parametrize("row", CHART, ids=lambda row: row.kind)
def test_only_accounts_without_a_floor_and_an_owner_are_striped(row: object) -> None:
    kind = BY_KIND[getattr(row, "kind", "")]

    assert kind.stripes == 1 or (kind.floor_fen is None and kind.qualifier is not Qualifier.UUID)


@pytest.mark.parametrize("row", CHART, ids=lambda row: row.kind)
def test_every_kind_has_a_code(row: object) -> None:
    kind = BY_KIND[getattr(row, "kind", "")]

    if kind.qualifier is Qualifier.NONE:
        code = getattr(codes, kind.kind.upper())
    else:
        code = getattr(codes, kind.kind)(OWNER if kind.qualifier is Qualifier.UUID else PROVIDERS[0])

    assert codes.kind_of(code) == kind.kind


@pytest.mark.parametrize(
    "legs",
    [
        (Leg("commission", 1),),
        (Leg("commission", 1), Leg("suspense", -2)),
        (Leg("commission", 1), Leg("commission", -1)),
    ],
    ids=["one leg", "not zero", "one account twice"],
)
def test_a_malformed_journal_cannot_be_made(legs: tuple[Leg, ...]) -> None:
    with pytest.raises(AssertionError):
        Journal("k", JournalKind.CORRECTION, legs)


def test_a_leg_of_nothing_cannot_be_made() -> None:
    with pytest.raises(AssertionError):
        Leg("commission", 0)
