"""``dev.py bench-dispatch``: the policies beside each other and the published algorithm, and what a tick takes."""

from __future__ import annotations

import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import psutil
from rich.console import Console
from rich.table import Table

from app.cli.demo.seeded import chance
from app.cli.dev.simulate.evening import make_evening
from app.cli.dispatch.figures import means_of, percentile
from app.cli.dispatch.instance import InstanceError, write_instance
from app.cli.dispatch.replay import COLUMNS, LEGEND, WIDTH_MIN, solve_with_bar
from app.cli.dispatch.simulation import Simulation
from app.cli.dispatch.study import Task, find_instances
from app.core.dispatch.batch import BatchPolicy
from app.core.dispatch.policies import POLICIES
from app.core.dispatch.problem import Courier, Delivery, Problem
from app.core.dispatch.travel import PlaneTravel

if TYPE_CHECKING:
    from collections.abc import Sequence

    from app.cli.dispatch.study import Outcome

EVENINGS, EVENING_ORDERS = 8, 300
"""Generated instances when no path is given."""
BIG_DAY_ORDERS = 2_700
TICK_DELIVERIES, TICK_COURIERS, TICK_SHOPS = 735, 2_600, 180
SIDE_M = 12_000
PUBLISHED = ("0.25", "32.74", "49.3", "1.93", "11.42")
"""Reyes, Erera, Savelsbergh, Sahasrabudhe and O'Neil, The Meal Delivery Routing Problem (2018): rolling horizon, means
over all 240 public instances; the other columns are not published."""


def main(arguments: Sequence[str]) -> int:
    """Compare on the instances that ``arguments`` name, or on generated ones; exit code 1 when any is infeasible."""
    console = Console()
    console.width = max(console.width, WIDTH_MIN)
    with tempfile.TemporaryDirectory(prefix="linli-bench-") as scratch:
        try:
            folders = list(find_instances([Path(one) for one in arguments], Path(scratch)))
        except InstanceError as error:
            print(f"bench-dispatch: {error}", file=sys.stderr)
            return 1
        folders = folders or _evenings(Path(scratch))
        rows = {}
        for name in POLICIES:
            rows[name] = solve_with_bar([Task(folder=one, policy=name) for one in folders], name)
    console.print(_table(rows, is_public=bool(arguments)))
    console.print(_sizes(rows["batch"]), highlight=False)
    console.print(_one_tick(), highlight=False)
    console.print(_big_day(), highlight=False)
    faults = [f"{name}, {one.name}: {line}" for name, found in rows.items() for one in found for line in _wrong(one)]
    for fault in faults:
        print(fault, file=sys.stderr)
    return 1 if faults else 0


def _wrong(one: Outcome) -> list[str]:
    return [one.error] if one.error else one.faults


def _evenings(scratch: Path) -> list[Path]:
    folders = [scratch / f"evening-{seed}" for seed in range(1, EVENINGS + 1)]
    for seed, folder in enumerate(folders, start=1):
        write_instance(make_evening(seed, EVENING_ORDERS), folder)
    return folders


def _table(rows: dict[str, list[Outcome]], *, is_public: bool) -> Table:
    count = len(rows["batch"])
    table = Table(title=f"means over {count} instances", title_justify="left", caption=LEGEND, caption_justify="left")
    table.add_column("policy", no_wrap=True)
    for heading, _ in COLUMNS.values():
        table.add_column(heading, justify="right", no_wrap=True)
    for name, outcomes in rows.items():
        means = means_of([one.figures for one in outcomes if one.figures is not None])
        table.add_row(name, *(f"{means[figure].mean:.{digits}f}" for figure, (_, digits) in COLUMNS.items()))
    if is_public:
        table.add_row("published, 240 instances", *PUBLISHED)
    return table


def _sizes(outcomes: Sequence[Outcome]) -> str:
    solved = [one for one in outcomes if one.figures is not None]
    ticks = sorted(seconds * 1000 for one in solved for seconds in one.tick_seconds)
    orders, couriers = [one.orders for one in solved], [one.couriers for one in solved]
    return (
        f"sizes: {min(orders, default=0)} to {max(orders, default=0)} orders,"
        f" {min(couriers, default=0)} to {max(couriers, default=0)} couriers;"
        f" {len(ticks):,} ticks of batch: median {percentile(ticks, 0.5):.1f} ms,"
        f" 95 % within {percentile(ticks, 0.95):.1f} ms"
    )


def _one_tick() -> str:
    """Return what one tick with very many takes; the best of three, so that no first import is counted."""
    problem = make_crowd(TICK_DELIVERIES, TICK_COURIERS)
    taken = []
    for place in range(3):
        moved = replace(problem, now_s=problem.now_s + place)
        began = time.process_time()
        BatchPolicy().decide(moved)
        taken.append(time.process_time() - began)
    resident_mb = psutil.Process().memory_info().rss / 1e6
    return (
        f"one tick, {TICK_DELIVERIES} deliveries and {TICK_COURIERS:,} couriers: {min(taken):.2f} s of CPU (aim 1),"
        f" first {taken[0]:.2f} s; {resident_mb:.0f} MB resident (aim 500)"
    )


def make_crowd(deliveries: int, couriers: int, seed: int = 1) -> Problem:
    """Return a tick in a big zone at its busiest, everything open at once."""
    random = chance(seed, "crowd")
    noon = 12 * 3600

    def anywhere() -> tuple[float, float]:
        return random.uniform(0, SIDE_M), random.uniform(0, SIDE_M)

    shops = [anywhere() for _ in range(TICK_SHOPS)]
    return Problem(
        now_s=noon,
        tick_s=60,
        travel=PlaneTravel(300.0, step_s=60),
        deliveries=[
            Delivery(
                delivery_id=place,
                shop_id=place % TICK_SHOPS,
                shop=shops[place % TICK_SHOPS],
                door=anywhere(),
                placed_s=noon - random.randint(0, 1200),
                ready_s=noon + random.randint(-600, 1200),
                promised_s=noon + 2400,
            )
            for place in range(deliveries)
        ],
        couriers=[
            Courier(
                courier_id=place,
                place=anywhere(),
                free_s=noon + random.randint(-1200, 2400),
                on_s=noon - 3600,
                off_s=noon + 7200,
                done_count=random.randint(0, 4),
            )
            for place in range(couriers)
        ],
    )


def _big_day() -> str:
    solution = Simulation(make_evening(1, BIG_DAY_ORDERS), BatchPolicy()).run()
    ticks = sorted(solution.tick_seconds)
    resident_mb = psutil.Process().memory_info().rss / 1e6
    return (
        f"an evening of {BIG_DAY_ORDERS:,} orders: {len(ticks)} ticks,"
        f" 95 % within {percentile(ticks, 0.95):.3f} s (aim 0.2), longest {ticks[-1]:.3f} s;"
        f" {resident_mb:.0f} MB resident"
    )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
