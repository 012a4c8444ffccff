"""Rewrite docs/machines.md from the tables of transitions: ``.venv/bin/python docs/draw_machines.py``."""
# ruff: noqa: INP001 - a script beside what it writes

import importlib
import pkgutil
import sys
from collections.abc import Iterator
from pathlib import Path

PAGE = Path(__file__).with_name("machines.md")
sys.path.insert(0, str(PAGE.parents[1]))

import app.core  # noqa: E402 - the checkout is on the path only now
from app.kernel.machines import Table  # noqa: E402 - the same

SUFFIX = "_TRANSITIONS"
INTRODUCTION = """\
# Machines

Drawn from the tables `app/core/*/states.py` by `docs/draw_machines.py`; a test fails when this page is not what the
tables say. An arrow names the action and who may do it. `next_state` of `app/kernel/machines.py` is the only reader
of the tables: a move that has no arrow here is refused with `illegal_transition`, an arrow of another party with
`not_yours_to_do`.

Trips and stops have states, but no table: they follow their deliveries. Refunds are rows beside the payment, which
stays paid.
"""


def tables() -> Iterator[tuple[str, str, Table]]:
    """Yield module, name and content of every table of transitions."""
    for domain in pkgutil.iter_modules(app.core.__path__):
        if not (Path(app.core.__path__[0]) / domain.name / "states.py").exists():
            continue
        module = importlib.import_module(f"app.core.{domain.name}.states")
        for name in sorted(vars(module)):
            if name.endswith(SUFFIX):
                yield f"app/core/{domain.name}/states.py", name.removesuffix(SUFFIX), vars(module)[name]


def draw(table: Table) -> str:
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
        f"## {name.replace('_', ' ').capitalize()}\n\n{_meaning(table)} (`{path}`)\n\n```mermaid\n{draw(table)}\n```\n"
        for path, name, table in tables()
    ]
    return "\n".join([INTRODUCTION, *sections])


def _meaning(table: Table) -> str:
    said = " ".join((type(next(iter(table))[0]).__doc__ or "").split())
    return said.replace("``", "`")


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
