"""Payment PINs (支付密码): which ones are refused, and how wrong tries lock one. Pure; times are wall time.

Six digits are a million PINs. Five wrong tries lock for half an hour, five more for a day, five more until a reset:
whoever holds somebody's session has fifteen guesses. Keyed digests need no slow hash: without the key there is nothing
to try offline.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import pairwise

from app.core.stepup.errors import PinBlocked, PinLocked, PinWeak

PIN = r"[0-9]{6}"
PIN_DIGITS = 6
TRIES = 5
LOCKS = (timedelta(minutes=30), timedelta(hours=24))
"""How long the first and the second lock last; the third lasts until a reset."""

_COMMON = frozenset({"102030", "112233", "131452", "147258", "147369", "159357", "159753", "258369", "334455", "520131",
                     "520184", "789456", "741852", "963852", "987456"})  # fmt: skip


def refuse_weak(pin: str, *, known: Iterable[str] = ()) -> None:
    """Refuse what is guessed first: repeats (``111111``, ``121212``, ``123123``), runs up and down, common ones.

    :param known: digits that others know of the person, such as the phone number: six in a row of them are no PIN.
    :raises PinWeak: with pointer ``/pin``.
    """
    steps = {(int(after) - int(before)) % 10 for before, after in pairwise(pin)}
    is_run = steps in ({1}, {9})
    is_repeat = any(pin == pin[:length] * (PIN_DIGITS // length) for length in (1, 2, 3))
    if is_run or is_repeat or pin in _COMMON or any(pin in digits for digits in known):
        raise PinWeak(pointer="/pin")


@dataclass(frozen=True, slots=True, kw_only=True)
class Guard:
    """How many tries a PIN still has.

    :param tries_left: until the next lock; 0 and no ``locked_until``: blocked until a reset.
    :param lock_count: how often it was locked since it was last right.
    """

    tries_left: int = TRIES
    lock_count: int = 0
    locked_until: datetime | None = None

    def admit(self, now: datetime) -> "Guard":
        """Return the guard under which one try may be compared now.

        :raises PinLocked: not before ``locked_until``. :raises PinBlocked: not before a reset.
        """
        if self.locked_until is not None:
            if now < self.locked_until:
                raise PinLocked(retry_after_s=int((self.locked_until - now).total_seconds()) + 1)
            return replace(self, tries_left=TRIES, locked_until=None)
        if self.tries_left <= 0:
            raise PinBlocked
        return self

    def miss(self, now: datetime) -> "Guard":
        """Return the guard after a wrong try that it had admitted."""
        if self.tries_left > 1:
            return replace(self, tries_left=self.tries_left - 1)
        lasts = LOCKS[self.lock_count] if self.lock_count < len(LOCKS) else None
        return Guard(tries_left=0, lock_count=self.lock_count + 1, locked_until=None if lasts is None else now + lasts)
