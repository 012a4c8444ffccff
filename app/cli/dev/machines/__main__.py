"""``dev.py machines``: draw every machine from its table, and prove it. Ends with 1 when a proof fails.

Proven: every state that a rule leads into can be reached; from each an end can be reached, where there is one; no rule
is written twice; every (state, action, party) that is not in the table is refused.
"""

from __future__ import annotations

import sys

from rich.console import Console
from rich.table import Table as Grid

from app.cli.dev.environment import ROOT
from app.cli.dev.machines import tables
from app.cli.dev.machines.drawing import draw
from app.cli.dev.machines.proof import faults, final_states, repeated, states_apart, states_of, triples

FOLDER = ROOT / "docs" / "machines"


def main() -> int:
    """Draw and prove all machines; return the exit code."""
    grid = Grid(title="dev.py machines")
    for heading in ("machine", "states", "final", "apart", "triples", "moves", "proof"):
        grid.add_column(heading)
    wrong: list[str] = []
    FOLDER.mkdir(exist_ok=True)
    for path, name, table in tables():
        (FOLDER / f"{name.lower()}.svg").write_text(draw(name.lower(), table), encoding="utf-8")
        found = [*faults(table), *(one for one in repeated(ROOT / path) if one.startswith(f"{name}_"))]
        wrong += [f"{name.lower()}: {one}" for one in found]
        every, moves = triples(table)
        verdict = "sound" if not found else f"{len(found)} faults"
        counts = (len(states_of(table)), len(final_states(table)), len(states_apart(table)), every, moves)
        grid.add_row(name.lower(), *map(str, counts), verdict)
    console = Console()
    console.print(grid)
    for one in wrong:
        console.print(one)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
