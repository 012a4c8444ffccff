"""Three pictures of a day: how long residents waited, what each courier did, where they went."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path

    from app.cli.dispatch.solution import Solution

COURIERS_MAX = 60
"""Bars of the Gantt chart; with more couriers, those with the most trips."""
BLUE, ORANGE, GREY = "#2b6cb0", "#dd6b20", "#a0aec0"


def draw_charts(solution: Solution, folder: Path) -> None:
    """Draw ``waiting.png``, ``couriers.png`` and ``map.png`` into ``folder``."""
    import matplotlib as mpl  # noqa: PLC0415 - heavy, and wanted for pictures alone

    mpl.use("Agg")
    folder.mkdir(parents=True, exist_ok=True)
    for name, draw in (("waiting", _waiting), ("couriers", _couriers), ("map", _map)):
        figure, axes = _canvas()
        draw(axes, solution)
        figure.tight_layout()
        figure.savefig(folder / f"{name}.png", dpi=100)


def _canvas() -> tuple[Any, Any]:
    from matplotlib.figure import Figure  # noqa: PLC0415 - heavy, and wanted for pictures alone

    figure = Figure(figsize=(11, 6.5))
    return figure, figure.add_subplot()


def _title(solution: Solution, what: str) -> str:
    return f"{what}: {solution.instance.name}, policy {solution.policy}"


def _waiting(axes: Any, solution: Solution) -> None:
    """Draw each order by the minute of its placement: to the door, and from ready to picked up."""
    wishes = {wish.name: wish for wish in solution.instance.wishes}
    doors = [
        (wishes[name].placed_minute / 60, at - wishes[name].placed_minute) for name, at in solution.dropped().items()
    ]
    waits = [
        (wishes[name].placed_minute / 60, at - wishes[name].ready_minute) for name, at in solution.picked_up().items()
    ]
    for points, color, label in ((doors, BLUE, "click to door"), (waits, ORANGE, "ready to picked up")):
        if points:
            axes.scatter(*zip(*points, strict=True), s=9, alpha=0.6, color=color, label=label)
    missed = [wish.placed_minute / 60 for wish in solution.instance.wishes if wish.name not in solution.dropped()]
    for hour in missed:
        axes.axvline(hour, color="red", linewidth=0.8, alpha=0.6)
    axes.set(title=_title(solution, "Waiting over the day (red: undelivered)"), xlabel="placed, hour", ylabel="minutes")
    axes.grid(visible=True, alpha=0.3)
    if doors:
        axes.legend()


def _couriers(axes: Any, solution: Solution) -> None:
    """Draw shifts, ways to the shops and deliveries as bars, one row a courier."""
    trips: dict[str, list[Any]] = {duty.name: [] for duty in solution.instance.duties}
    for trip in solution.trips:
        trips[trip.courier].append(trip)
    busiest = sorted(solution.instance.duties, key=lambda duty: (-len(trips[duty.name]), duty.name))[:COURIERS_MAX]
    rows = sorted(busiest, key=lambda duty: (duty.on_minute, duty.off_minute, duty.name))
    for row, duty in enumerate(rows):
        axes.barh(row, (duty.off_minute - duty.on_minute) / 60, left=duty.on_minute / 60, height=0.8, color="#edf2f7")
        for trip in trips[duty.name]:
            left, picked = trip.pick_ups[0].left / 60, trip.pick_ups[-1].acted / 60
            axes.barh(row, picked - left, left=left, height=0.6, color=ORANGE)
            axes.barh(row, trip.free / 60 - picked, left=picked, height=0.6, color=BLUE)
    axes.set(title=_title(solution, "Couriers (pale: shift; orange: to the shop; blue: to doors)"), xlabel="hour")
    axes.set_yticks(range(len(rows)), [duty.name for duty in rows], fontsize=5)


def _map(axes: Any, solution: Solution) -> None:
    """Draw restaurants, doors, and the ways with what was carried."""
    places = {wish.name: wish.door for wish in solution.instance.wishes} | solution.instance.restaurants
    for trip in solution.trips:
        way = [places[visit.name] for visit in (*trip.pick_ups[-1:], *trip.drops)]
        axes.plot([place.x / 1000 for place in way], [place.y / 1000 for place in way], color=GREY, linewidth=0.5)
    doors = [wish.door for wish in solution.instance.wishes]
    shops = list(solution.instance.restaurants.values())
    axes.scatter([one.x / 1000 for one in doors], [one.y / 1000 for one in doors], s=8, color=BLUE, label="doors")
    axes.scatter(
        [one.x / 1000 for one in shops], [one.y / 1000 for one in shops], s=24, color=ORANGE, label="restaurants"
    )
    axes.set(title=_title(solution, "Where it went"), xlabel="km", ylabel="km", aspect="equal")
    axes.legend()
