"""Who waits for others before a process works on what they ask, and who does not."""

from __future__ import annotations

import pytest

from app.web import application
from app.web.application import Gathered, Gathering

ASKED = ("PUT", "/courier/v1/position")


class Clock:
    """A clock that stands still until somebody sleeps, and remembers for how long they did."""

    def __init__(self) -> None:
        self.now = 100.0
        self.slept: list[float] = []

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.slept.append(round(seconds, 6))


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(application, "time", clock)
    return clock


def gathered() -> Gathered:
    return Gathered(lambda environ, _: [environ["PATH_INFO"].encode()], {ASKED: Gathering(tick_s=0.25, crowd=3)})


def ask(gathered: Gathered, clock: Clock, at: float, asked: tuple[str, str] = ASKED) -> list[float]:
    """Return how long somebody who asks at ``at`` waits: nothing, or one figure."""
    clock.now, clock.slept = at, []
    environ = dict(zip(("REQUEST_METHOD", "PATH_INFO"), asked, strict=True))
    assert gathered(environ, lambda *_: lambda _: None) == [asked[1].encode()]
    return clock.slept


def test_a_crowd_waits_for_the_same_tick_and_few_are_let_in_at_once(clock: Clock) -> None:
    gate = gathered()
    waits = [ask(gate, clock, at) for at in (100.0, 100.1, 100.2, 100.24, 102.0, 102.5)]

    assert waits == [[], [], [0.05], [0.01], [], []]


@pytest.mark.parametrize("other", [("GET", ASKED[1]), ("PUT", "/courier/v1/shift")])
def test_others_never_wait_nor_count(clock: Clock, other: tuple[str, str]) -> None:
    gate = gathered()

    assert [ask(gate, clock, 100.0, asked) for asked in [other] * 4 + [ASKED] * 2 + [other]] == [[]] * 7


def test_who_comes_when_all_room_to_wait_is_taken_is_let_in(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(application, "GATHERED_MAX", 1)
    gate = gathered()
    meanwhile: list[list[float]] = []

    def sleep(_seconds: float) -> None:
        meanwhile.append(ask(gate, clock, 100.0))

    with monkeypatch.context() as patch:
        patch.setattr(clock, "sleep", sleep)
        for _ in range(3):
            ask(gate, clock, 100.0)

    assert meanwhile == [[]]
    assert ask(gate, clock, 100.1) == [0.15]
