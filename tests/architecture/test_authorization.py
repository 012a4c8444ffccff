"""A sample of ``dev.py authz`` and ``dev.py authz-mutants``, and what no column of the database gets through a body."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Any

import pytest

from app.core.accounts.permissions import PERMISSIONS
from app.kernel import wire
from app.kernel.actor import Side
from app.kernel.db import Base
from app.kernel.ids import new_id
from app.web.fields import Choice
from tests.authorization.matrix import TABLE, Cell, Matrix, Route, cells, missing, routes, unseen_fields
from tests.authorization.mutants import mutants
from tests.authorization.world import Relation, World
from tests.factories import a_resident
from tests.factories.rows import look
from tests.support.races import a_seed

if TYPE_CHECKING:
    from flask import Flask

CELLS = 250
MUTANTS = 25
OFTEN_MISTAKEN = ("is_admin", "admin", "role", "roles", "permissions", "user_id", "owner_id", "side", "aud")


@pytest.fixture(scope="module")
def world(app: Flask) -> World:
    with app.app_context():
        return World()


@pytest.fixture
def matrix(app: Flask, world: World) -> Matrix:
    return Matrix(app, world)


def test_the_matrix_knows_every_kind_of_thing_that_a_route_names(app: Flask) -> None:
    assert missing(routes(app)) == []


def test_a_sample_of_the_matrix_answers_as_the_table_says(app: Flask, matrix: Matrix) -> None:
    every = [cell for route in routes(app) for cell in cells(route, matrix.world)]
    sample = random.Random(a_seed()).sample(every, CELLS)

    assert [found for found in map(matrix.judge, sample) if found is not None] == []


def test_without_a_token_no_route_opens_and_nothing_is_said_but_that(app: Flask, matrix: Matrix) -> None:
    answers = {}
    for route in routes(app):
        cell = Cell(route, matrix.world.of(route.side)[0], None, "anonymous")
        answer = matrix.send(cell, {kind: new_id() for kind in route.kinds})
        answers[route.name] = (answer.status_code, (answer.get_json() or {}).get("code"))

    assert set(answers.values()) == {(401, "token_invalid")}, answers


def test_no_word_that_is_not_listed_is_taken_for_a_choice(app: Flask, matrix: Matrix) -> None:
    """No action, state, role or kind but those of its list: not ``refund`` where one cancels."""
    taken = []
    for route in routes(app):
        body = route.view.operation.body
        choices = [] if body is None else [name for name, one in body.fields.items() if isinstance(one, Choice)]
        who = next(one for one in matrix.world.of(route.side) if one.part in TABLE[route.side][route.declared.verb])
        for name in choices:
            answer = send_more(matrix, route, who, {name: "refund"})
            pointers = {error["pointer"] for error in (answer.get_json() or {}).get("errors", ())}
            if answer.status_code != 422 or f"/{name}" not in pointers:
                taken.append(f"{route.name} {name}")

    assert taken == []


def test_no_other_spelling_of_a_path_opens_it(app: Flask, matrix: Matrix) -> None:
    sample = random.Random(a_seed()).sample(routes(app), 20)

    assert [found for route in sample for found in matrix.spellings(route)] == []


def test_no_side_is_shown_a_field_that_is_for_another(app: Flask) -> None:
    assert list(unseen_fields(routes(app))) == []


def test_a_sample_of_changed_lines_of_the_policy_is_noticed(app: Flask, matrix: Matrix) -> None:
    sample = random.Random(a_seed()).sample(list(mutants(routes(app), matrix.world)), MUTANTS)

    unseen = [mutant.name for mutant in sample if mutant.is_caught(matrix) is None]

    assert set(unseen) <= {"courier shift.write with suspended"}, "start_shift refuses once more, under its lock"
    assert {side: dict(table) for side, table in PERMISSIONS.items()} == TABLE


def test_no_column_of_the_database_is_taken_from_a_body(app: Flask, matrix: Matrix) -> None:
    """Every column, and words that others have fallen for, in every body that does not ask for them: refused whole."""
    columns = {column.name for table in Base.metadata.sorted_tables for column in table.columns} | set(OFTEN_MISTAKEN)
    before = privileges()
    taken = []

    for route in routes(app):
        body = route.view.operation.body
        if body is not None:
            who = next(one for one in matrix.world.of(route.side) if one.part in TABLE[route.side][route.declared.verb])
            extra = dict.fromkeys(columns - set(body.fields), "admin")
            answer = send_more(matrix, route, who, extra)
            pointers = {error["pointer"] for error in (answer.get_json() or {}).get("errors", ())}
            if answer.status_code != 422 or not {f"/{name}" for name in extra} <= pointers:
                taken.append(route.name)

    assert taken == []
    assert privileges() == before


def send_more(matrix: Matrix, route: Route, who: Any, extra: dict[str, str]) -> Any:
    relation = Relation.OWN if route.kinds else None
    values = {kind: str(who.person.account_id) for kind in route.kinds}
    cell = Cell(route, who, relation)
    return matrix.send(cell, values, more=extra)


def privileges() -> list[tuple[Any, ...]]:
    rows = look("SELECT account_id, organization_kind, organization_id, role FROM memberships ORDER BY 1, 2, 3")
    states = look("SELECT account_id, state, verification_level FROM accounts ORDER BY 1")
    return [tuple(row) for row in (*rows, *states)]


def test_every_side_is_in_the_matrix(world: World) -> None:
    assert {principal.side for principal in world.principals} == set(Side)


def test_authorization_asks_once_and_not_at_all_where_one_browses(app: Flask) -> None:
    person, seen = a_resident(), list[str]()
    client = app.test_client()
    counts = {}
    for path in ("/user/v1/addresses", "/user/v1/security-notices", "/user/v1/cart", "/user/v1/communities"):
        seen.clear()
        wire.observers.append(seen.append)
        assert client.get(path, headers=person.headers).status_code == 200
        wire.observers.remove(seen.append)
        counts[path] = (len(seen), sum("AS is_live" in statement for statement in seen))

    assert counts == {
        "/user/v1/addresses": (2, 1),
        "/user/v1/security-notices": (2, 1),
        "/user/v1/cart": (1, 0),
        "/user/v1/communities": (1, 0),
    }
