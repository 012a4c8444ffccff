"""What is replayed: an instance of the Meal Delivery Routing Problem, read from a folder of four text files.

Each file has a header line, then one row per line, columns apart by white space. Places are meters on a plane, times
whole minutes since midnight.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

MINUTE_MAX = 3 * 24 * 60
"""The last minute that a row may name."""
METERS_MAX = 100_000
"""How far from the origin a place may be: the plane is laid on the round earth."""


PARAMETERS = (
    "meters_per_minute",
    "pickup service minutes",
    "dropoff service minutes",
    "target click-to-door",
    "maximum click-to-door",
    "pay per order",
    "guaranteed pay per hour",
)
MAXIMUM_MINUTES = 90
"""From click to door at most, as the public instances say it; told and not used."""


class InstanceError(Exception):
    """The folder is no instance; the message is one line that names file and row."""


@dataclass(frozen=True, slots=True)
class Place:
    """A point on the plane, meters."""

    x: float
    y: float

    def distance_m(self, other: Place) -> float:
        """Return the straight way to ``other``, meters."""
        return math.hypot(self.x - other.x, self.y - other.y)


@dataclass(frozen=True, slots=True)
class Wish:
    """An order to be placed: where to, when, at which restaurant, and when that has it ready."""

    name: str
    door: Place
    placed_minute: int
    restaurant: str
    ready_minute: int


@dataclass(frozen=True, slots=True)
class Duty:
    """A courier's shift: where it begins, from when, until when."""

    name: str
    start: Place
    on_minute: int
    off_minute: int


@dataclass(frozen=True, slots=True)
class Instance:
    """A day of wishes and duties. ``restaurants`` maps names to places.

    :param meters_per_minute: how fast couriers are. :param pick_up_minutes: what a stop at a restaurant takes.
    :param drop_minutes: what a stop at a door takes. :param target_minutes: from click to door, as told to residents.
    :param pay_per_order: in money, as are :param pay_per_hour: what an hour on duty brings at least.
    """

    name: str
    wishes: tuple[Wish, ...]
    duties: tuple[Duty, ...]
    restaurants: dict[str, Place]
    meters_per_minute: float
    pick_up_minutes: int
    drop_minutes: int
    target_minutes: int = 40
    pay_per_order: float = 10.0
    pay_per_hour: float = 15.0

    def travel_minutes(self, start: Place, end: Place) -> int:
        """Return the whole minutes that a courier needs from ``start`` to ``end``."""
        return math.ceil(start.distance_m(end) / self.meters_per_minute)

    def first(self, count: int) -> Instance:
        """Return the same day with only the first ``count`` wishes, by time."""
        wishes = sorted(self.wishes, key=lambda wish: (wish.placed_minute, wish.name))[:count]
        return replace(self, wishes=tuple(wishes))


@dataclass(frozen=True, slots=True)
class _Row:
    """A row of a file, which knows how to say what is wrong with it."""

    file: str
    line: int
    cells: Sequence[str]

    def wrong(self, what: str) -> InstanceError:
        return InstanceError(f"{self.file}, line {self.line}: {what}")

    def number(self, column: int, name: str, low: float, high: float) -> float:
        try:
            value = float(self.cells[column])
        except ValueError:
            raise self.wrong(f"{name} is no number: {self.cells[column]!r}") from None
        if not low <= value <= high:
            raise self.wrong(f"{name} must be from {low:g} to {high:g}, not {self.cells[column]}")
        return value

    def minute(self, column: int, name: str) -> int:
        return int(self.number(column, name, 0, MINUTE_MAX))

    def place(self) -> Place:
        return Place(self.number(1, "x", -METERS_MAX, METERS_MAX), self.number(2, "y", -METERS_MAX, METERS_MAX))


def read_instance(folder: Path) -> Instance:
    """Read the instance in ``folder``.

    :raises InstanceError: a file is missing or a row is wrong.
    """
    named: dict[str, str] = {}
    restaurants: dict[str, Place] = {}
    for row in _rows(folder, "restaurants.txt", columns=3):
        _refuse_twin(row, named)
        restaurants[row.cells[0]] = row.place()
    duties: dict[str, Duty] = {}
    for row in _rows(folder, "couriers.txt", columns=5):
        _refuse_twin(row, named)
        duties[row.cells[0]] = _duty(row)
    wishes: dict[str, Wish] = {}
    for row in _rows(folder, "orders.txt", columns=6):
        _refuse_twin(row, named)
        wishes[row.cells[0]] = _wish(row, restaurants)
    parameters = next(_rows(folder, "instance_parameters.txt", columns=3, is_named=False))
    return Instance(
        name=folder.resolve().name,
        wishes=tuple(wishes.values()),
        duties=tuple(duties.values()),
        restaurants=restaurants,
        meters_per_minute=parameters.number(0, "meters per minute", 1, 10_000),
        pick_up_minutes=int(parameters.number(1, "pickup service minutes", 0, 60)),
        drop_minutes=int(parameters.number(2, "dropoff service minutes", 0, 60)),
        target_minutes=int(_or_default(parameters, 3, "target click-to-door", 40)),
        pay_per_order=_or_default(parameters, 5, "pay per order", 10),
        pay_per_hour=_or_default(parameters, 6, "guaranteed pay per hour", 15),
    )


def _or_default(row: _Row, column: int, name: str, default: float) -> float:
    return row.number(column, name, 0, 100_000) if column < len(row.cells) else default


def _duty(row: _Row) -> Duty:
    duty = Duty(row.cells[0], row.place(), row.minute(3, "on_time"), row.minute(4, "off_time"))
    if duty.off_minute <= duty.on_minute:
        raise row.wrong(f"courier {duty.name} has no shift: off_time is not after on_time")
    return duty


def _wish(row: _Row, restaurants: dict[str, Place]) -> Wish:
    placed, ready = row.minute(3, "placement_time"), row.minute(5, "ready_time")
    wish = Wish(row.cells[0], row.place(), placed, row.cells[4], ready)
    if wish.restaurant not in restaurants:
        raise row.wrong(f"there is no restaurant {wish.restaurant!r}")
    if ready < placed:
        raise row.wrong(f"order {wish.name} is ready before it is placed")
    return wish


def _refuse_twin(row: _Row, named: dict[str, str]) -> None:
    """Keep the row's name in ``named``, name to file; one name is one thing, for a solution tells places by it."""
    name = row.cells[0]
    if name in named:
        raise row.wrong(f"{name!r} is there twice" if named[name] == row.file else f"{name!r} is in {named[name]} too")
    named[name] = row.file


def _rows(folder: Path, file: str, *, columns: int, is_named: bool = True) -> Iterator[_Row]:
    """Yield the rows below the header; there is at least one, and each has ``columns`` cells (or more, if unnamed)."""
    try:
        lines = (folder / file).read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise InstanceError(f"{folder / file} cannot be read: {getattr(error, 'strerror', None) or error}") from None
    rows = [_Row(file, number, line.split()) for number, line in enumerate(lines, start=1) if line.strip()]
    if len(rows) < 2:  # noqa: PLR2004 - the header and one row
        raise InstanceError(f"{file} has no rows below its header")
    if _is_number(rows[0].cells[1 if is_named and len(rows[0].cells) > 1 else 0]):
        raise rows[0].wrong("the header is missing")
    for row in rows[1:]:
        if len(row.cells) < columns or (is_named and len(row.cells) > columns):
            raise row.wrong(f"{columns} columns are wanted, there are {len(row.cells)}")
        yield row


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True


def write_instance(instance: Instance, folder: Path) -> None:
    """Write ``instance`` as the four files that :func:`read_instance` reads."""
    folder.mkdir(parents=True, exist_ok=True)
    tables: dict[str, tuple[str, list[tuple[object, ...]]]] = {
        "orders": (
            "order\tx\ty\tplacement_time\trestaurant\tready_time",
            [
                (one.name, one.door.x, one.door.y, one.placed_minute, one.restaurant, one.ready_minute)
                for one in instance.wishes
            ],
        ),
        "couriers": (
            "courier\tx\ty\ton_time\toff_time",
            [(one.name, one.start.x, one.start.y, one.on_minute, one.off_minute) for one in instance.duties],
        ),
        "restaurants": (
            "restaurant\tx\ty",
            [(name, place.x, place.y) for name, place in instance.restaurants.items()],
        ),
        "instance_parameters": (
            "\t".join(PARAMETERS),
            [
                (
                    instance.meters_per_minute,
                    instance.pick_up_minutes,
                    instance.drop_minutes,
                    instance.target_minutes,
                    MAXIMUM_MINUTES,
                    instance.pay_per_order,
                    instance.pay_per_hour,
                )
            ],
        ),
    }
    for name, (header, rows) in tables.items():
        lines = [header, *("\t".join(map(str, row)) for row in rows)]
        (folder / f"{name}.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")
