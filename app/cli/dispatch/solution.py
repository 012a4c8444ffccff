"""What a policy made of an instance: trips with their stops, and the files that tell it to others.

The three files are those of the public instances' own evaluator: assignments, orders, moves of couriers; whole minutes.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import pairwise
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from app.cli.dispatch.instance import Instance

ASSIGNMENTS, ORDERS, COURIERS = (
    "solution_info_assignments.txt",
    "solution_info_orders.txt",
    "solution_info_couriers.txt",
)


@dataclass(frozen=True, slots=True)
class Visit:
    """A stop of a trip, at a restaurant or a door, by its name; minutes.

    :ivar acted: when what is there is taken or handed over. :ivar orders: what.
    """

    name: str
    left: int
    """When the way to it began."""
    acted: int
    orders: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Trip:
    """What a courier carried in one go. :ivar called: when its last order was added, minute."""

    courier: str
    called: int
    start: str
    pick_ups: tuple[Visit, ...]
    drops: tuple[Visit, ...]
    free: int


@dataclass(slots=True)
class Solution:
    """All trips of an instance, and what deciding took."""

    instance: Instance
    policy: str
    trips: list[Trip] = field(default_factory=list)
    tick_seconds: list[float] = field(default_factory=list)
    refusals: int = 0

    def picked_up(self) -> dict[str, int]:
        """Return the minute of each order's pick-up."""
        return {order: visit.acted for trip in self.trips for visit in trip.pick_ups for order in visit.orders}

    def dropped(self) -> dict[str, int]:
        """Return the minute of each order's hand-over."""
        return {visit.orders[0]: visit.acted for trip in self.trips for visit in trip.drops}


def write_solution(solution: Solution, folder: Path) -> None:
    """Write the three files into ``folder``."""
    folder.mkdir(parents=True, exist_ok=True)
    trips = sorted(solution.trips, key=lambda trip: (trip.pick_ups[0].left, trip.courier))
    lines = ["assignment_time pickup_time courier orders"]
    for trip in trips:
        sequence = [visit.orders[0] for visit in trip.drops]
        for visit in trip.pick_ups:
            orders = " ".join(order for order in sequence if order in visit.orders)
            lines.append(f"{trip.called} {visit.acted} {trip.courier} {orders}")
    _write(folder / ASSIGNMENTS, lines)
    picked, dropped = solution.picked_up(), solution.dropped()
    carrier = {visit.orders[0]: trip.courier for trip in trips for visit in trip.drops}
    lines = ["order placement_time restaurant ready_time pickup_time dropoff_time courier"]
    for wish in solution.instance.wishes:
        times = [str(found.get(wish.name, "nan")) for found in (picked, dropped, carrier)]
        lines.append(f"{wish.name} {wish.placed_minute} {wish.restaurant} {wish.ready_minute} {' '.join(times)}")
    _write(folder / ORDERS, lines)
    lines = ["courier departure_time origin destination"]
    for trip in sorted(trips, key=lambda trip: (trip.courier, trip.pick_ups[0].left)):
        visits = (*trip.pick_ups, *trip.drops)
        names = (trip.start, *(visit.name for visit in visits))
        for (origin, destination), visit in zip(pairwise(names), visits, strict=True):
            lines.append(f"{trip.courier} {visit.left} {origin} {destination}")
    _write(folder / COURIERS, lines)


def _write(path: Path, lines: list[str]) -> None:
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
