"""What must be true of every machine, told from its table and from the text that it was written as."""

import ast
from collections import Counter
from enum import StrEnum
from itertools import product
from pathlib import Path
from typing import Any

from app.cli.dev.machines import SUFFIX
from app.kernel.actor import Role
from app.kernel.machines import IllegalTransition, NotYoursToDo, Table, next_state


def start_of(table: Table[Any, Any]) -> StrEnum:
    """Return where a machine begins: the first state of its enumeration."""
    first: StrEnum = next(iter(states_of(table)))
    return first


def states_of(table: Table[Any, Any]) -> type[StrEnum]:
    """Return the enumeration of a machine's states."""
    return type(next(iter(table))[0])


def actions_of(table: Table[Any, Any]) -> type[StrEnum]:
    """Return the enumeration of a machine's actions."""
    return type(next(iter(table))[1])


def reached(table: Table[Any, Any], start: StrEnum) -> set[StrEnum]:
    """Return every state that can be reached from ``start``, itself among them."""
    seen, ahead = {start}, [start]
    while ahead:
        state = ahead.pop()
        for (source, _), (target, _) in table.items():
            if source is state and target not in seen:
                seen.add(target)
                ahead.append(target)
    return seen


def final_states(table: Table[Any, Any]) -> set[StrEnum]:
    """Return the states that nothing leads out of."""
    return set(states_of(table)) - {source for source, _ in table} - states_apart(table)


def states_apart(table: Table[Any, Any]) -> set[StrEnum]:
    """Return the states, other than the start, that no rule leads into: reserved words that nothing gets into yet."""
    return set(states_of(table)) - {start_of(table)} - {target for target, _ in table.values()}


def faults(table: Table[Any, Any]) -> list[str]:
    """Return what is wrong with a machine, in words; nothing when it is sound. A machine without an end may go on."""
    states, final, start = set(states_of(table)) - states_apart(table), final_states(table), start_of(table)
    found = [f"{state} cannot be reached" for state in states - reached(table, start)]
    if final:
        found += [f"from {state} no end can be reached" for state in states if not reached(table, state) & final]
    found += [f"{action} never happens" for action in actions_of(table) if action not in {one for _, one in table}]
    found += [f"{source}, {action} names nobody" for (source, action), (_, roles) in table.items() if not roles]
    for state, action, role in product(states_of(table), actions_of(table), Role):
        move = table.get((state, action))
        expected: Any = IllegalTransition if move is None else move[0] if role in move[1] else NotYoursToDo
        try:
            answered: Any = next_state(table, state, action, role)
        except (IllegalTransition, NotYoursToDo) as refusal:
            answered = type(refusal)
        if answered is not expected:
            found.append(f"({state}, {action}, {role}) answers {answered}")
    return sorted(found)


def repeated(path: Path) -> list[str]:
    """Return rules that a file writes down twice: a second one of the same key would silently replace the first."""
    found: list[str] = []
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name) and node.target.id.endswith(SUFFIX):
            assert isinstance(node.value, ast.Dict), f"{node.target.id} is not written as a table"
            counts = Counter(ast.unparse(key) for key in node.value.keys if key is not None)
            found += [f"{node.target.id}: {key} stands {count} times" for key, count in counts.items() if count > 1]
    return found


def triples(table: Table[Any, Any]) -> tuple[int, int]:
    """Return how many (state, action, party) there are, and how many of them are moves."""
    every = len(states_of(table)) * len(actions_of(table)) * len(Role)
    return every, sum(len(roles) for _, roles in table.values())
