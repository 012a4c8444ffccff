from __future__ import annotations

from datetime import UTC, datetime

import pytest

from app.core.verification.errors import VerificationNeeded
from app.core.verification.levels import Level
from app.core.verification.limits import UNCAPPED_FEN, Period, Strength, cap_fen, counting, period_name
from app.kernel.ids import new_id

LAST_SECOND = datetime(2026, 12, 31, 15, 59, 59, tzinfo=UTC)
MIDNIGHT = datetime(2026, 12, 31, 16, 0, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    "level, period, expected",
    [
        (Level.ONE, Period.LIFETIME, 100_000),
        (Level.TWO, Period.YEAR, 10_000_000),
        (Level.THREE, Period.YEAR, 20_000_000),
        (Level.THREE, Period.LIFETIME, UNCAPPED_FEN),
    ],
)
def test_a_level_has_the_cap_that_the_law_gives_it(level: Level, period: Period, expected: int) -> None:
    assert cap_fen(level, Strength.SIGNED, period) == expected


@pytest.mark.parametrize(
    "strength, expected",
    [(Strength.ONE_FACTOR, 100_000), (Strength.TWO_FACTORS, 500_000), (Strength.SIGNED, UNCAPPED_FEN)],
)
def test_a_day_is_capped_by_how_the_payment_was_authenticated(strength: Strength, expected: int) -> None:
    assert cap_fen(Level.THREE, strength, Period.DAY) == expected


def test_years_and_days_end_at_midnight_in_shanghai() -> None:
    assert [period_name(period, LAST_SECOND) for period in Period] == ["lifetime", "2026", "2026-12-31"]
    assert [period_name(period, MIDNIGHT) for period in Period] == ["lifetime", "2027", "2027-01-01"]


def test_without_verification_nothing_is_paid_from_a_balance() -> None:
    with pytest.raises(VerificationNeeded) as refused:
        counting(new_id(), level=0, strength=Strength.SIGNED, amount_fen=1, now=MIDNIGHT)

    assert refused.value.params == {"level": 0, "level_min": 1}
