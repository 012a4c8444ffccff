"""When a fall of a price is told."""

from datetime import UTC, datetime, timedelta

import pytest

from app.core.catalog.alerts import Watched, is_news

NOW = datetime(2026, 3, 5, 4, tzinfo=UTC)
DAY = timedelta(days=1)
HOUR = timedelta(hours=1)


@pytest.mark.parametrize(
    "last, target, told, lowest, expected",
    [
        (1000, None, None, 999, True),
        (1000, None, None, 1000, False),
        (1000, None, None, 1001, False),
        (1000, None, None, None, False),
        (None, None, None, 999, False),
        (None, 999, None, 999, True),
        (None, 998, None, 999, False),
        (1000, 999, None, 999, True),
        (1000, 998, None, 999, False),
        (999, 1000, None, 999, False),
        (999, 1000, None, 998, True),
        (1000, None, (900, HOUR), 900, False),
        (1000, None, (900, HOUR), 899, True),
        (1000, None, (900, DAY), 950, True),
        (1000, None, (900, DAY - HOUR), 950, False),
    ],
)
def test_a_fall_is_told_within_the_target_and_within_a_day_only_below_what_was_told(
    last: int | None, target: int | None, told: tuple[int, timedelta] | None, lowest: int | None, *, expected: bool
) -> None:
    told_fen, ago = told or (None, None)
    watched = Watched(last_fen=last, target_fen=target, told_fen=told_fen, told_at=None if ago is None else NOW - ago)

    assert is_news(watched, lowest, now=NOW) is expected
