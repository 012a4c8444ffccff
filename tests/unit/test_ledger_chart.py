from __future__ import annotations

from uuid import UUID

import pytest

from app.core.ledger import Journal, JournalKind, Leg, codes
from app.core.ledger.chart import BY_KIND, CHART, PROVIDERS, Qualifier

OWNER = UUID("00000000-0000-7000-8000-000000000001")


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
