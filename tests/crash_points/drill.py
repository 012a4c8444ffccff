"""Every flow once whole, to learn which points it crosses; then killed at each, and at a second one on the way back.

What must come out, each time, is what the whole flow moved: the same journals, rows and events, and the same at the
gateway. That is what *exactly once* means.
"""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.crash_points import billing, disputing, paying, saving, serving, settling
from tests.crash_points.knife import crossings_of, dies
from tests.crash_points.sites import sites
from tests.crash_points.stage import Mark, Stage

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from datetime import datetime

    from tests.crash_points.paying import Act

_NAMED: tuple[tuple[str, Any], ...] = (
    *((flow.__name__, flow) for flow in paying.FLOWS),
    *settling.FLOWS,
    *((flow.__name__, flow) for flow in saving.FLOWS),
    *((flow.__name__, flow) for flow in serving.FLOWS),
    *((flow.__name__, flow) for flow in billing.FLOWS),
    *((flow.__name__, flow) for flow in disputing.FLOWS),
)
FLOWS: dict[str, Callable[[Stage], Act]] = {name.replace("_", " "): flow for name, flow in _NAMED}
ENOUGH = 4
"""How many flows are killed at one point; the sweeps of the worker are part of nearly all."""
DOUBLES_MAX = 60
"""A flow that was killed crosses no more points than this on its way back."""


@dataclass(frozen=True, slots=True)
class Whole:
    """A flow that nothing cut off: what it crossed, and what it moved."""

    crossed: tuple[tuple[str, ...], ...]
    moved: dict[str, Any]

    @property
    def once_each(self) -> list[int]:
        """The first crossing of each point, from 1 on: a loop comes by the same points often."""
        return sorted({points: place for place, points in reversed([*enumerate(self.crossed, 1)])}.values())


@dataclass
class Drill:
    """The flows on a stage.

    :ivar doubles: how many second deaths are tried behind each first one; None tries them all.
    """

    stage: Stage
    dice: random.Random
    doubles: int | None = 1
    killed: Counter[str] = field(default_factory=Counter)
    kills: int = 0
    double_kills: int = 0
    wrong: list[str] = field(default_factory=list)
    began: datetime = field(init=False)
    """Business time stands still, so that nothing that other flows have left comes due."""

    def __post_init__(self) -> None:
        self.began = self.stage.clock.now()

    def learn(self, name: str) -> Whole:
        """Do a flow whole, and once again: a repeat changes nothing."""
        act = self._arrange(name)
        mark = Mark.now(self.stage)
        crossed = crossings_of(act)
        self._finish(act)
        return Whole(crossed, mark.since(self.stage))

    def places(self, whole: Whole) -> list[int]:
        """Return at which crossings a flow is killed: points at which other flows died often enough are left out."""
        if self.doubles is None:
            return list(range(1, len(whole.crossed) + 1))
        return [
            place for place in whole.once_each if min(self.killed[point] for point in whole.crossed[place - 1]) < ENOUGH
        ]

    def kill(self, name: str, whole: Whole, crossing: int) -> None:
        """Kill a flow at ``crossing``, from 1 on, and hold what comes of it to the whole; then with second deaths."""
        self._one(name, whole, crossing, None)
        for second in self._seconds(whole, crossing):
            if not self._one(name, whole, crossing, second):
                break  # it came home before that

    def _seconds(self, whole: Whole, crossing: int) -> Iterator[int]:
        if self.doubles is None:
            yield from range(1, DOUBLES_MAX)
        elif self.doubles:
            yield from self.dice.sample(range(1, max(2, len(whole.crossed) - crossing + 2)), 1)

    def _one(self, name: str, whole: Whole, first: int, second: int | None) -> bool:
        """Kill at ``first``, and at ``second`` on the way back; return whether the second death came about."""
        act = self._arrange(name)
        mark = Mark.now(self.stage)
        where = f"{name}, killed at {', '.join(whole.crossed[first - 1])}"
        if not dies(act, first):
            return False  # a notice came at another moment: it took another way, and is killed there by another flow
        self.kills += 1
        self.killed.update(whole.crossed[first - 1])
        self.stage.gateway.sandbox.faults()
        has_died_twice = second is not None and dies(act, second)
        self.double_kills += has_died_twice
        self.stage.gateway.sandbox.faults()
        self._finish(act)
        moved = mark.since(self.stage)
        if moved != whole.moved:
            again = f" and at the {second}. on the way back" if has_died_twice else ""
            self.wrong.append(f"{where}{again}: {_difference(whole.moved, moved)}")
        return has_died_twice

    def _arrange(self, name: str) -> Act:
        self.stage.clock.at(self.began)
        self.stage.gateway.sandbox.faults()
        self.stage.quiet()
        act = FLOWS[name](self.stage)
        self.stage.work()
        return act

    def _finish(self, act: Act) -> None:
        act()
        self.stage.work()


def uncovered(wholes: Sequence[Whole]) -> list[str]:
    """Return the points of the source that no flow crosses."""
    crossed = {point for whole in wholes for points in whole.crossed for point in points}
    return [point for site in sites() for point in site.points if point not in crossed]


NOTED = Path(__file__).with_name("crossed.txt")
"""Each site with a flow that crosses it, as the last whole run found them; a site that is not in it is new."""


def noted() -> dict[str, str]:
    """Return a flow for each site that the last whole run knew."""
    lines = (line.partition(": ") for line in NOTED.read_text(encoding="utf-8").splitlines())
    return {site: flow for site, _, flow in lines}


def note(wholes: Mapping[str, Whole]) -> None:
    """Keep the shortest flow that crosses each site."""
    shortest: dict[str, str] = {}
    for name, whole in sorted(wholes.items(), key=lambda one: len(one[1].crossed)):
        for points in whole.crossed:
            for point in points:
                shortest.setdefault(point.rpartition(" ")[0], name)
    NOTED.write_text("".join(f"{site.name}: {shortest[site.name]}\n" for site in sites()), encoding="utf-8")


def _difference(expected: dict[str, Any], found: dict[str, Any]) -> str:
    parts = [f"{name} {found[name]} instead of {expected[name]}" for name in expected if found[name] != expected[name]]
    return "; ".join(parts)
