"""Mutants of the policy: one line of it changed at a time, in the running application, and whether the matrix sees it.

A line is a cell of the permission table (taken away where a part holds the verb, given where it does not), the policy
of a route (opened to anyone), and each gate as such. A mutant is tried on the routes that it touches, until one
deviates.
"""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any, cast

from flask import request

import app.web.door as doors
from app.core.accounts.permissions import PARTS, PERMISSIONS, Part
from app.usecases.people import standing
from app.web.policy import Relation as Ties
from tests.authorization.matrix import TABLE, Cell, Deviation, Matrix, Route, cells

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from app.kernel.actor import Actor, Side
    from tests.authorization.world import World


@dataclass(frozen=True)
class Mutant:
    """A changed line: its name, the routes it touches, and how it is put in and taken out again."""

    name: str
    touches: tuple[Route, ...]
    apply: Callable[[], Any]

    def is_caught(self, matrix: Matrix) -> Deviation | None:
        """Return the first deviation that it leads to."""
        with self.apply():
            for route in self.touches:
                for cell in sorted(cells(route, matrix.world), key=_live_first):
                    found = matrix.judge(cell)
                    if found is not None:
                        return found
        return None


def _live_first(cell: Cell) -> bool:
    return cell.who.side is not cell.route.side


def mutants(found: list[Route], world: World) -> Iterator[Mutant]:
    """Yield every mutant."""
    by_verb: dict[tuple[Side, str], list[Route]] = {}
    for route in found:
        by_verb.setdefault((route.side, route.declared.verb), []).append(route)
    for (side, verb), touched in by_verb.items():
        for part in PARTS[side]:
            held = TABLE[side][verb]
            sign, changed = ("without", held - {part}) if part in held else ("with", held | {part})
            apply = partial(_table, side, verb, changed)
            yield Mutant(f"{side.value} {verb} {sign} {part.value}", tuple(touched), apply)
    for route in found:
        somebody = world.of(route.side)[0].anew().actor
        yield Mutant(f"{route.name} open to anyone", (route,), partial(_opened, route, somebody))
    ties = {Ties.OWN_SHOP, Ties.OWN_STORE}
    owned = tuple(route for route in found if route.declared.relation in ties and route.kinds)
    yield Mutant("any role in a membership will do", owned, _any_role)
    yield Mutant("nobody's standing is looked up", tuple(found), _no_standing)


@contextmanager
def _table(side: Side, verb: str, changed: frozenset[Part]) -> Iterator[None]:
    table = cast("dict[str, frozenset[Part]]", PERMISSIONS[side])
    table[verb], kept = changed, table[verb]
    try:
        yield
    finally:
        table[verb] = kept


@contextmanager
def _opened(route: Route, actor: Actor) -> Iterator[None]:
    kept = doors.authenticate
    doors.authenticate = lambda side: actor if request.endpoint == route.endpoint else kept(side)
    try:
        yield
    finally:
        doors.authenticate = kept


@contextmanager
def _any_role() -> Iterator[None]:
    kept = standing.stand

    def stand(actor: Actor, verb: str, **rule: bool) -> Actor:
        return replace(kept(actor, verb, **rule), roles=tuple(part.value for part in Part))

    standing.stand = stand
    try:
        yield
    finally:
        standing.stand = kept


@contextmanager
def _no_standing() -> Iterator[None]:
    kept = standing.stand
    standing.stand = lambda actor, verb, **_rule: actor
    try:
        yield
    finally:
        standing.stand = kept
