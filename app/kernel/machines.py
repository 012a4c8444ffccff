"""One reader for every table of transitions ``(state, action) → (state, who may)``."""

from collections.abc import Mapping
from enum import StrEnum
from typing import TypeVar

from app.kernel.actor import Role
from app.kernel.errors import Conflict, Forbidden

S = TypeVar("S", bound=StrEnum)
A = TypeVar("A", bound=StrEnum)

Table = Mapping[tuple[S, A], tuple[S, frozenset[Role]]]


class IllegalTransition(Conflict):
    """The thing is in a state from which this cannot be done."""

    code = "illegal_transition"
    title = "Not possible in the present state"


class NotYoursToDo(Forbidden):
    """The move exists, but is another party's."""

    code = "not_yours_to_do"
    title = "This is for another party to do"


def next_state(table: Table[S, A], state: S, action: A, role: Role) -> S:
    """Return the state that ``action`` by ``role`` leads to.

    :raises IllegalTransition: no such move from ``state``; parameters ``state`` and ``action``.
    :raises NotYoursToDo: the move exists, but not for ``role``.
    """
    move = table.get((state, action))
    if move is None:
        raise IllegalTransition(action=action.value, state=state.value)
    target, roles = move
    if role not in roles:
        raise NotYoursToDo(action=action.value, role=role.value)
    return target
