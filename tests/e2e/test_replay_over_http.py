"""A small evening through the whole API is driven exactly as in memory, refusals and all."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from typing import TYPE_CHECKING

from app.cli.dev.environment import ROOT
from app.cli.dev.simulate.evening import make_evening
from app.cli.dispatch.instance import write_instance

if TYPE_CHECKING:
    from pathlib import Path

LINLI = (sys.executable, "-c", "from app.cli import main; main(prog_name='linli')", "dispatch", "replay")
SEED, ORDERS, COURIERS = 7, 8, 3
CHEAP_MINUTES = 24
LONG_MINUTES = 40
"""Longer than an order of real life waits for a courier."""


def replay(folder: Path, out: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    options = ("--out", str(out), "--charts", "1", "--couriers-refuse", "0.25", "--seed", str(SEED), *arguments)
    return subprocess.run(
        [*LINLI, str(folder), *options], cwd=ROOT, capture_output=True, text=True, check=False, timeout=600
    )


def a_busy_hour(folder: Path) -> Path:
    """Write orders close together, so that trips are joined, refused and grown within an hour or so.

    The first is ready long before a courier comes.
    """
    evening = replace(make_evening(SEED, ORDERS), pick_up_minutes=2, drop_minutes=4)
    couriers = make_evening(SEED, 5 * COURIERS).duties
    first = min(wish.placed_minute for wish in evening.wishes)
    wishes = tuple(
        replace(
            wish,
            placed_minute=first + place * CHEAP_MINUTES // ORDERS,
            ready_minute=first + place * CHEAP_MINUTES // ORDERS + 5 + wish.ready_minute % 11,
            restaurant=("r1", "r2")[place % 2],
        )
        for place, wish in enumerate(evening.wishes)
    )
    early = replace(wishes[0], placed_minute=first - 55, ready_minute=first - 10 - LONG_MINUTES)
    duties = tuple(replace(duty, on_minute=first - 10, off_minute=first + 150) for duty in couriers)
    write_instance(replace(evening, wishes=(early, *wishes[1:]), duties=duties), folder)
    return folder


def test_a_day_over_http_is_the_day_in_memory(tmp_path: Path) -> None:
    folder = a_busy_hour(tmp_path / "hour")

    over_http = replay(folder, tmp_path / "http")
    in_memory = replay(folder, tmp_path / "memory", "--in-memory")

    for done in (over_http, in_memory):
        assert done.returncode == 0, f"seed {SEED}\n{done.stdout}\n{done.stderr}"
        assert "FEASIBLE: 1 of 1" in done.stdout
    assert "over HTTP" in over_http.stdout
    for name in ("assignments", "orders", "couriers"):
        file = f"hour/solution_info_{name}.txt"
        assert (tmp_path / "http" / file).read_text() == (tmp_path / "memory" / file).read_text(), f"seed {SEED}"
    figures = [json.loads((tmp_path / way / "hour" / "figures.json").read_text()) for way in ("http", "memory")]
    assert [one.pop("way") for one in figures] == ["over HTTP", "in memory"]
    assert figures[0] == figures[1]
    assert (tmp_path / "http" / "hour" / "map.png").stat().st_size > 1_000
