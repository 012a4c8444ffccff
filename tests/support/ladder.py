"""The ladder that every endpoint is tested on, from no token to the same request twice.

A test class names one endpoint by a :class:`Case` that succeeds, and inherits the rungs that apply to it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING, Any

from sqlalchemy import text

from app.kernel.actor import Side
from app.kernel.ids import new_id
from app.kernel.transaction import transaction
from tests.factories import (
    Person,
    a_courier,
    a_merchant_with_shop,
    a_resident,
    a_store_clerk,
    an_operator,
    idempotent,
)
from tests.support.forged_tokens import sound_token

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from flask import Flask
    from flask.testing import FlaskClient
    from sqlalchemy import TextClause
    from werkzeug.test import TestResponse

_UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_TABLES = text(
    """
    SELECT format('%I.%I', schemaname, tablename) FROM pg_tables
    WHERE schemaname IN ('public', 'ledger') ORDER BY 1
    """
)


@dataclass(frozen=True)
class Case:
    """A request that succeeds."""

    person: Person
    path: str
    body: Mapping[str, Any] | None = None
    query: Mapping[str, Any] = field(default_factory=dict)

    @property
    def absent_path(self) -> str:
        """The path with ids that nobody has."""
        return _UUID.sub(lambda _: str(new_id()), self.path)


_ALONE_BY_SCANS = text(
    """
    SELECT set_config('max_parallel_workers_per_gather', '0', true), set_config('enable_seqscan', 'on', true)
    """
)
"""Otherwise two processes are started for a few pages of each table."""


def row_counts() -> dict[str, int]:
    """Return how many rows each table holds."""
    statement = _counting()
    with transaction() as tx:
        tx.execute(_ALONE_BY_SCANS)
        return {row.table_name: int(row.row_count) for row in tx.execute(statement)}


@cache
def _counting() -> TextClause:
    with transaction() as tx:
        names = [str(name) for name in tx.execute(_TABLES).scalars()]
    return text(
        " UNION ALL ".join(f"SELECT '{name}' AS table_name, count(*) AS row_count FROM {name}" for name in names)
    )


def assert_problem(response: TestResponse, status: int, code: str, *, pointer: str | None = None) -> dict[str, Any]:
    """Hold an answer to be the problem document of ``code``, pointing at ``pointer`` when that is given."""
    assert response.status_code == status, response.text
    assert response.mimetype == "application/problem+json"
    document: dict[str, Any] = response.get_json()
    assert document["code"] == code, response.text
    assert document["status"] == status
    assert document["type"].endswith(f"/problems/{code}")
    assert document["title"]
    assert document["detail"]
    if pointer is not None:
        assert pointer in [error["pointer"] for error in document["errors"]], response.text
    return document


def a_stranger(side: Side) -> Person:
    """Return somebody at ``side`` who has nothing to do with anything."""
    if side is Side.MERCHANT:
        return a_merchant_with_shop().owner
    made: dict[Side, Callable[[], Person]] = {
        Side.USER: a_resident,
        Side.COURIER: a_courier,
        Side.STORE: a_store_clerk,
        Side.PLATFORM: an_operator,
    }
    return made[side]()


class Endpoint:
    """An endpoint that wants a token of its side."""

    method = "GET"
    status = 200

    def case(self) -> Case:
        raise NotImplementedError

    def send(
        self,
        client: FlaskClient,
        case: Case,
        *,
        headers: Mapping[str, str] | None = None,
        path: str | None = None,
        body: object = None,
    ) -> TestResponse:
        """Send the case's request; what is given replaces a part of it. Without ``headers``, as its person, once."""
        return client.open(
            path or case.path,
            method=self.method,
            headers={**case.person.headers, **idempotent()} if headers is None else dict(headers),
            json=body if body is not None else case.body,
            query_string=dict(case.query),
        )

    def test_who_may_gets_the_answer(self, client: FlaskClient) -> None:
        case = self.case()

        response = self.send(client, case)

        assert response.status_code == self.status, response.text

    def test_without_a_token_nothing_opens(self, client: FlaskClient) -> None:
        case = self.case()
        before = row_counts()

        response = self.send(client, case, headers=idempotent())

        assert_problem(response, 401, "token_invalid")
        assert response.headers["WWW-Authenticate"].startswith("Bearer")
        assert row_counts() == before

    def test_neither_an_expired_nor_a_forged_token_opens(self, app: Flask, client: FlaskClient) -> None:
        case = self.case()
        keys = app.config["LINLI"].token_keys
        expired = sound_token(case.person, keys, exp=1_700_000_000)
        forged = sound_token(case.person, {next(iter(keys)): b"\1" * 32})

        answers = [
            self.send(client, case, headers={"Authorization": f"Bearer {token}", **idempotent()})
            for token in (expired, forged)
        ]

        for answer in answers:
            assert_problem(answer, 401, "token_invalid")

    def test_a_token_of_another_side_does_not_open(self, client: FlaskClient) -> None:
        case = self.case()
        other = Side.COURIER if case.person.side is Side.USER else Side.USER

        response = self.send(client, case, headers=a_stranger(other).once())

        assert_problem(response, 401, "token_invalid")


class Owned(Endpoint):
    """An endpoint about a thing that belongs to somebody."""

    absent_code: str

    def test_anothers_looks_exactly_like_an_absent_one(self, client: FlaskClient) -> None:
        case = self.case()
        stranger = a_stranger(case.person.side)
        before = row_counts()

        anothers = self.send(client, case, headers=stranger.once())
        absent = self.send(client, case, headers=stranger.once(), path=case.absent_path)

        assert_problem(anothers, 404, self.absent_code)
        assert anothers.data == absent.data
        assert row_counts() == before


class Once(Endpoint):
    """An act that takes an Idempotency-Key."""

    method = "POST"

    def test_without_a_key_it_is_refused(self, client: FlaskClient) -> None:
        case = self.case()
        before = row_counts()

        response = self.send(client, case, headers=case.person.headers)

        assert_problem(response, 422, "idempotency_key_needed", pointer="Idempotency-Key")
        assert row_counts() == before

    def test_twice_with_one_key_answers_the_same_bytes_and_does_nothing_more(self, client: FlaskClient) -> None:
        case = self.case()
        headers = case.person.once()
        first = self.send(client, case, headers=headers)
        after_first = row_counts()

        second = self.send(client, case, headers=headers)

        assert first.status_code == self.status, first.text
        assert (second.status_code, second.data) == (first.status_code, first.data)
        assert row_counts() == after_first


class OnceOwned(Once, Owned):
    """An act on somebody's thing: its key belongs to the thing, too."""

    def test_a_key_used_for_another_thing_is_refused(self, client: FlaskClient) -> None:
        case = self.case()
        headers = case.person.once()
        self.send(client, case, headers=headers)
        after_first = row_counts()

        response = self.send(client, case, headers=headers, path=case.absent_path)

        assert_problem(response, 409, "idempotency_key_reused", pointer="Idempotency-Key")
        assert row_counts() == after_first


class OnceWithBody(Once):
    """An act with a body: its key belongs to the body, too."""

    other_body: Mapping[str, Any]

    def test_a_key_used_with_another_body_is_refused(self, client: FlaskClient) -> None:
        case = self.case()
        headers = case.person.once()
        self.send(client, case, headers=headers)
        after_first = row_counts()

        response = self.send(client, case, headers=headers, body={**(case.body or {}), **self.other_body})

        assert_problem(response, 409, "idempotency_key_reused", pointer="Idempotency-Key")
        assert row_counts() == after_first

    def test_an_unknown_field_is_refused_by_name(self, client: FlaskClient) -> None:
        case = self.case()
        before = row_counts()

        response = self.send(client, case, body={**(case.body or {}), "hue": 1})

        assert_problem(response, 422, "input_invalid", pointer="/hue")
        assert row_counts() == before
