"""Who may call what: one ``@policy(verb, relation)`` on every endpoint, deny by default.

Three gates guard a row. The first is here: the side that the token is for, one per door, and the verb, which one of the
person's roles must hold (:mod:`app.core.accounts.permissions`). The second is the row itself, fetched through the actor
and, where there is one, the membership in such a role, so that what is not yours looks absent. The third is the move:
the machine's table names who may. An endpoint without a policy, or with a verb that nobody holds, stops the start of
the application.
"""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, TypeVar

from flask import Flask

from app.core.accounts.permissions import holders
from app.kernel.actor import Side

View = TypeVar("View", bound=Callable[..., Any])


_SIDES = frozenset(side.value for side in Side)


class Relation(StrEnum):
    """What the asker must be to the thing asked about."""

    ANYONE = "anyone"
    """No sign-in."""
    SIGNED = "signed"
    """The body is signed by a party that shares a secret with us."""
    SIDE = "side"
    """Anyone with a token of this door."""
    OWN = "own"
    """The thing is the asker's."""
    OWN_SHOP = "own_shop"
    """The asker is a member of the shop's merchant."""
    OWN_STORE = "own_store"
    """The asker is a member of the store."""
    OWN_TRIP = "own_trip"
    """The asker is the trip's courier."""
    PLATFORM = "platform"
    """The asker is a member of the platform."""


@dataclass(frozen=True, slots=True)
class Policy:
    """What an endpoint lets be done (``verb``), and to whom it lets it be done."""

    verb: str
    relation: Relation

    @property
    def needs_token(self) -> bool:
        """True unless anyone, or a signature, will do."""
        return self.relation not in {Relation.ANYONE, Relation.SIGNED}


def policy(verb: str, relation: Relation) -> Callable[[View], View]:
    """Declare who may call the decorated view."""

    def mark(view: View) -> View:
        view.policy = Policy(verb, relation)  # type: ignore[attr-defined]
        return view

    return mark


def policy_of(view: Callable[..., Any]) -> Policy | None:
    """Return the declared policy of a view, or None."""
    found = getattr(view, "policy", None)
    return found if isinstance(found, Policy) else None


def refuse_unguarded(app: Flask) -> None:
    """Stop the start when an endpoint has no policy, or one whose verb nobody at its side holds."""
    unguarded = [name for name, view in app.view_functions.items() if policy_of(view) is None]
    assert not unguarded, f"endpoints without a policy: {', '.join(sorted(unguarded))}"
    unheld = []
    for name, view in app.view_functions.items():
        declared, side = policy_of(view), name.partition(".")[0]
        if declared is None or not declared.needs_token:
            continue
        if side not in _SIDES or not holders(Side(side), declared.verb):
            unheld.append(f"{name} ({declared.verb})")
    assert not unheld, f"verbs that nobody holds, see app/core/accounts/permissions.py: {', '.join(sorted(unheld))}"
