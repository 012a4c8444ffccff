"""Rewrite docs/machines.md and docs/machines/*.svg from the tables: ``.venv/bin/python docs/draw_machines.py``."""
# ruff: noqa: INP001 - a script beside what it writes

import sys
from pathlib import Path
from typing import Any

PAGE = Path(__file__).with_name("machines.md")
FOLDER = PAGE.with_suffix("")
sys.path.insert(0, str(PAGE.parents[1]))

from app.cli.dev.machines import tables  # noqa: E402 - the checkout is on the path only now
from app.cli.dev.machines.drawing import draw as draw_svg  # noqa: E402 - the same
from app.kernel.machines import Table  # noqa: E402 - the same

INTRODUCTION = """\
# Machines

Drawn from the tables `app/core/*/states.py` by `docs/draw_machines.py`, and proven by `dev.py machines`; a test fails
when this page is not what the tables say. An arrow names the action and who may do it. `next_state` of
`app/kernel/machines.py` is the only reader of the tables: a move that has no arrow here is refused with
`illegal_transition`, an arrow of another party with `not_yours_to_do`.

Trips and stops have states, but no table: they follow their deliveries. Refunds are rows beside the payment, which
stays paid.
"""


def drawings() -> dict[str, str]:
    """Return every machine as an SVG document, by the name of its file."""
    return {f"{name.lower()}.svg": draw_svg(name.lower(), table) for _, name, table in tables()}


def draw(table: Table[Any, Any]) -> str:
    """Return a table as a Mermaid diagram. A machine begins in the first state that its enumeration names."""
    states = type(next(iter(table))[0])
    left = {state for (state, _), (target, _) in table.items() if target is not state}
    arrows = [
        f"    {state.value} --> {target.value}: {action.value} ({', '.join(sorted(roles))})"
        for (state, action), (target, roles) in table.items()
    ]
    ends = [f"    {state.value} --> [*]" for state in states if state not in left]
    return "\n".join(["stateDiagram-v2", f"    [*] --> {next(iter(states)).value}", *arrows, *ends])


def page() -> str:
    """Return the whole page."""
    sections = [
        f"## {name.replace('_', ' ').capitalize()}\n\n"
        f"{_meaning(table)} (`{path}`, [drawn](machines/{name.lower()}.svg))\n\n"
        f"```mermaid\n{draw(table)}\n```\n"
        for path, name, table in tables()
    ]
    return "\n".join([INTRODUCTION, *sections])


def _meaning(table: Table[Any, Any]) -> str:
    said = " ".join((type(next(iter(table))[0]).__doc__ or "").split())
    return said.replace("``", "`")


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
    FOLDER.mkdir(exist_ok=True)
    for file, drawing in drawings().items():
        (FOLDER / file).write_text(drawing, encoding="utf-8")
