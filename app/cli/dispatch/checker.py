"""Whether a solution can be driven: read from its files and the instance's, and from nothing that made it.

This module shares no code with the simulation: it has its own reader and its own arithmetic.
"""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

CAPACITY = 3
"""Orders of one trip."""


@dataclass(slots=True)
class _Facts:
    """What the instance says; times in minutes."""

    places: dict[str, tuple[float, float]] = field(default_factory=dict)
    restaurant: dict[str, str] = field(default_factory=dict)
    placed: dict[str, int] = field(default_factory=dict)
    ready: dict[str, int] = field(default_factory=dict)
    shift: dict[str, tuple[int, int]] = field(default_factory=dict)
    speed: float = 1.0
    at_counter: int = 0
    at_door: int = 0

    def way(self, start: str, end: str) -> int:
        (x, y), (to_x, to_y) = self.places[start], self.places[end]
        return math.ceil(math.sqrt((x - to_x) ** 2 + (y - to_y) ** 2) / self.speed)


def check_solution(instance: Path, solution: Path) -> list[str]:
    """Return what is wrong with the solution in one folder to the instance in the other, a line each; empty when sound.

    :raises OSError, ValueError, IndexError, KeyError: a file is missing or is none of these.
    """
    facts = _facts(instance)
    assignments = [
        (int(row[0]), int(row[1]), row[2], row[3:]) for row in _rows(solution / "solution_info_assignments.txt")
    ]
    orders = {row[0]: row for row in _rows(solution / "solution_info_orders.txt")}
    moves: dict[str, list[tuple[int, str, str]]] = {}
    for courier, left, origin, destination in _rows(solution / "solution_info_couriers.txt"):
        moves.setdefault(courier, []).append((int(left), origin, destination))
    faults = _once_each(facts, assignments, orders)
    if faults:
        return faults
    for called, picked, courier, held in assignments:
        faults += _assignment(facts, called, picked, courier, held)
    for courier, driven in moves.items():
        faults += _moves(facts, courier, driven)
        faults += _stops(facts, courier, driven, assignments, orders)
    faults += [
        f"{order} was carried by {row[6]}, who never moved"
        for order, row in orders.items()
        if row[6] != "nan" and row[6] not in moves
    ]
    return faults


def _once_each(
    facts: _Facts, assignments: list[tuple[int, int, str, list[str]]], orders: dict[str, list[str]]
) -> list[str]:
    counts = Counter(order for *_, held in assignments for order in held)
    faults = [f"{order} was assigned {count} times" for order, count in counts.items() if count > 1]
    faults += [
        f"{order} is not of this instance" for order in counts.keys() | orders.keys() if order not in facts.placed
    ]
    faults += [f"{order} is missing from the orders" for order in facts.placed if order not in orders]
    carrier = {order: courier for _, _, courier, held in assignments for order in held}
    for order, row in orders.items():
        if (row[6] == "nan") == (order in carrier) or (order in carrier and carrier[order] != row[6]):
            faults.append(f"{order}: {row[6]} in the orders, {carrier.get(order)} in the assignments")
    return faults


def _assignment(facts: _Facts, called: int, picked: int, courier: str, held: list[str]) -> list[str]:
    on, off = facts.shift[courier]
    faults = []
    if picked > off or called < on:
        faults.append(f"{courier} was called at {called} for {picked}, on shift from {on} to {off}")
    if len({facts.restaurant[order] for order in held}) != 1:
        faults.append(f"{courier} picks up {held} at {picked} in several restaurants at once")
    for order in held:
        if called < facts.placed[order]:
            faults.append(f"{order} was assigned at {called}, before it was placed")
        if picked < facts.ready[order]:
            faults.append(f"{order} was picked up at {picked}, before it was ready")
        if picked < called:
            faults.append(f"{order} was picked up at {picked}, before {courier} was called")
    return faults


def _moves(facts: _Facts, courier: str, driven: list[tuple[int, str, str]]) -> list[str]:
    """Check that a courier is where the next way begins, and has come there before it does."""
    on, _ = facts.shift[courier]
    faults = []
    here, since = courier, on
    for left, origin, destination in driven:
        if origin != here:
            faults.append(f"{courier} leaves {origin} at {left}, but is at {here}")
        if left < since:
            faults.append(f"{courier} leaves {origin} at {left}, but comes there at {since}")
        here, since = destination, left + facts.way(origin, destination)
    return faults


def _stops(
    facts: _Facts,
    courier: str,
    driven: list[tuple[int, str, str]],
    assignments: list[tuple[int, int, str, list[str]]],
    orders: dict[str, list[str]],
) -> list[str]:
    """Check service at each stop, half of it before the act, what is carried at a time, and who drops what."""
    picks = {(picked, facts.restaurant[held[0]]): held for _, picked, who, held in assignments if who == courier}
    faults, carried = [], set[str]()
    leaves = [left for left, _, _ in driven[1:]] + [None]
    for (left, origin, place), leaves_at in zip(driven, leaves, strict=True):
        came = left + facts.way(origin, place)
        if place in facts.placed:
            acted, service, taken = int(orders[place][5]), facts.at_door, [place]
            if place not in carried or orders[place][6] != courier:
                faults.append(f"{courier} hands over {place}, which {orders[place][6]} carries")
            carried.discard(place)
        else:
            found = [
                key
                for key in picks
                if key[1] == place and came <= key[0] and (leaves_at is None or key[0] <= leaves_at)
            ]
            if not found:
                faults.append(f"{courier} comes to {place} at {came} and takes nothing")
                continue
            acted, service = found[0][0], facts.at_counter
            taken = picks.pop(found[0])
            carried |= set(taken)
            faults += [
                f"{order}: picked up at {orders[order][4]} in the orders, at {acted} in the assignments"
                for order in taken
                if int(orders[order][4]) != acted
            ]
        if acted < came + service // 2:
            faults.append(f"{courier} acts at {place} at {acted}, {acted - came} minutes after coming")
        if leaves_at is not None and leaves_at < acted + service - service // 2:
            faults.append(f"{courier} leaves {place} at {leaves_at}, {leaves_at - acted} minutes after acting")
        if len(carried) > CAPACITY:
            faults.append(f"{courier} carries {len(carried)} orders from {place} on")
    faults += [f"{courier} never came to pick up {held} at {picked}" for (picked, _), held in picks.items()]
    faults += [f"{courier} never handed over {order}" for order in sorted(carried)]
    return faults


def _facts(instance: Path) -> _Facts:
    facts = _Facts()
    for row in _rows(instance / "restaurants.txt"):
        facts.places[row[0]] = float(row[1]), float(row[2])
    for row in _rows(instance / "couriers.txt"):
        facts.places[row[0]] = float(row[1]), float(row[2])
        facts.shift[row[0]] = int(float(row[3])), int(float(row[4]))
    for row in _rows(instance / "orders.txt"):
        facts.places[row[0]] = float(row[1]), float(row[2])
        facts.placed[row[0]], facts.restaurant[row[0]], facts.ready[row[0]] = (
            int(float(row[3])),
            row[4],
            int(float(row[5])),
        )
    (parameters,) = _rows(instance / "instance_parameters.txt")
    facts.speed, facts.at_counter, facts.at_door = (
        float(parameters[0]),
        int(float(parameters[1])),
        int(float(parameters[2])),
    )
    return facts


def _rows(path: Path) -> list[list[str]]:
    return [line.split() for line in path.read_text(encoding="utf-8").splitlines()[1:] if line.strip()]
