from __future__ import annotations

import importlib
import pkgutil
from collections import Counter
from typing import Literal, TypeVar

import pytest

import app as linli
from app.core import events
from app.core.events import EVENT_KINDS, topics_of
from app.kernel.errors import LinliError
from app.kernel.outbox import Event
from app.web.messages import catalog
from app.web.problems import _HTTP_CODES, STATUS, status_of
from app.wiring import REACTIONS


def import_everything() -> None:
    for module in pkgutil.walk_packages(linli.__path__, "app."):
        if not module.name.endswith("__main__") and ".cli.dev" not in module.name:
            importlib.import_module(module.name)


Some = TypeVar("Some")


def below(family: type[Some]) -> set[type[Some]]:
    children: list[type[Some]] = family.__subclasses__()
    return {family}.union(*(below(child) for child in children))


import_everything()
ERRORS = sorted(
    (error for error in below(LinliError) - {LinliError, *STATUS} if error.__module__.startswith("app.")),
    key=lambda error: error.__qualname__,
)


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: error.__qualname__)
@pytest.mark.parametrize("language", ["zh", "en"])
def test_every_error_is_put_into_words(error: type[LinliError], language: Literal["zh", "en"]) -> None:
    words = catalog(language)[error.code]

    assert words["title"]
    assert words["detail"]


def test_every_code_belongs_to_one_error() -> None:
    counts = Counter(error.code for error in ERRORS)

    assert [code for code, count in counts.items() if count > 1] == []


def test_no_error_speaks_with_its_familys_code() -> None:
    codes = {family.code for family in STATUS} | {LinliError.code}

    assert [error for error in ERRORS if error.code in codes] == []


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: error.__qualname__)
def test_every_error_has_a_status_and_explains_itself_in_code(error: type[LinliError]) -> None:
    assert status_of(error.__new__(error)) in STATUS.values()
    assert error.__doc__


def test_every_refusal_of_http_itself_is_put_into_words() -> None:
    assert [code for code in {*_HTTP_CODES.values(), "internal_error"} if "detail" not in catalog("en")[code]] == []


def test_every_event_is_told_to_listeners_or_followed_by_a_reaction() -> None:
    unheard = [
        name
        for name, kind in EVENT_KINDS.items()
        if name not in REACTIONS and not topics_of(dict.fromkeys(kind.__dataclass_fields__, "some-id"))
    ]

    assert unheard == []


def test_every_reaction_follows_an_event_that_there_is() -> None:
    assert sorted(REACTIONS.keys() - EVENT_KINDS.keys()) == []


def test_every_event_carries_ids_fen_states_and_instants_only() -> None:
    fields = {
        f"{kind.__name__}.{field}"
        for kind in EVENT_KINDS.values()
        for field in kind.__dataclass_fields__
        if not (
            field.endswith(("_id", "_fen", "_at", "_code")) or field.startswith(("is_", "had_")) or field == "state"
        )
    }

    assert fields == set()


def test_every_event_is_listed() -> None:
    ours = [kind for kind in vars(events).values() if isinstance(kind, type) and issubclass(kind, Event)]
    families = {base for kind in ours for base in kind.__bases__}

    assert {kind.__name__ for kind in ours if kind not in families} == set(EVENT_KINDS)
