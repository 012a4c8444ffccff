"""Which payment PINs are refused, and how wrong tries lock one."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from app.core.stepup.errors import PinBlocked, PinLocked, PinWeak
from app.core.stepup.pins import LOCKS, TRIES, Guard, refuse_weak

NOW = datetime(2026, 11, 26, 4, 0, tzinfo=UTC)


def missed(guard: Guard, tries: int, now: datetime) -> Guard:
    for _ in range(tries):
        guard = guard.admit(now).miss(now)
    return guard


@pytest.mark.parametrize(
    "pin",
    ["000000", "111111", "121212", "787878", "123123", "123456", "234567", "789012", "654321", "147258"],
)
def test_what_is_guessed_first_is_no_pin(pin: str) -> None:
    with pytest.raises(PinWeak):
        refuse_weak(pin)


@pytest.mark.parametrize("pin", ["407193", "246813", "112358", "990017"])
def test_other_digits_are_a_pin(pin: str) -> None:
    refuse_weak(pin)


def test_six_digits_of_ones_own_phone_number_are_no_pin() -> None:
    with pytest.raises(PinWeak):
        refuse_weak("045917", known=["8613804591702"])


def test_five_wrong_tries_lock_for_longer_each_time_and_then_until_a_reset() -> None:
    first = missed(Guard(), TRIES, NOW)
    after_first = NOW + LOCKS[0]
    second = missed(first, TRIES, after_first)
    after_second = after_first + LOCKS[1]
    third = missed(second, TRIES, after_second)

    assert (first.locked_until, second.locked_until, third.locked_until) == (after_first, after_second, None)
    with pytest.raises(PinLocked):
        second.admit(after_second - timedelta(seconds=1))
    with pytest.raises(PinBlocked):
        third.admit(after_second + timedelta(days=999))


def test_a_locked_pin_says_when_it_opens() -> None:
    with pytest.raises(PinLocked) as refused:
        missed(Guard(), TRIES, NOW).admit(NOW + timedelta(minutes=10))

    assert refused.value.params["retry_after_s"] == 20 * 60 + 1
