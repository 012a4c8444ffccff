"""BEGIN goes along with a first statement, COMMIT with a last: nothing of what a transaction promises changes by it."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from typing import Any, NoReturn
from uuid import UUID

import psycopg
import pytest
from flask import Flask
from sqlalchemy import TextClause, insert, text
from sqlalchemy.exc import DBAPIError

from app.kernel.db import db
from app.kernel.errors import Busy
from app.kernel.ids import new_id
from app.kernel.transaction import Claim, Replayed, closing, opening, read, transaction
from app.kernel.wire import Wire, _as_error, lend, wire_of
from app.settings import SERVER_MISSED_WITHIN
from tests.support.sandbox_gateway import wait_until

_LEAVE = text("INSERT INTO idempotency_keys (principal_id, operation, key, request_hash) VALUES (:id, 'test', 'k', '')")
_COUNT = text("SELECT count(*) FROM idempotency_keys WHERE principal_id = :id")
_DIVIDE = text("SELECT 1 / CAST(:by AS bigint)")
_PID = text("SELECT pg_backend_pid()")
_PAUSE = text("SELECT pg_sleep(CAST(:s AS float8))")
_PAUSING = text("SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND wait_event = 'PgSleep'")
_END = text("SELECT pg_terminate_backend(CAST(:pid AS integer), 5000)")

pytestmark = pytest.mark.usefixtures("app")


def prepare_everywhere(statement: TextClause, params: dict[str, object]) -> None:
    """Send a statement twice on each connection of the pool at once, so that it is prepared wherever it runs next."""
    lent = [lend(db.engine) for _ in range(db.engine.pool.size())]  # type: ignore[attr-defined]
    for one in lent:
        for _ in range(2):
            wire_of(one).execute(statement, params)
    for one in lent:
        one.close()


class Boom(Exception):
    pass


def write_and_fail(*before: tuple[TextClause, dict[str, object]], one: UUID) -> None:
    """Send some statements and leave a row in one transaction, which then fails."""
    with transaction() as tx:
        for statement, params in before:
            tx.execute(statement, params)
        tx.execute(_LEAVE, {"id": one})
        raise Boom


def _met(statement: TextClause) -> DBAPIError | None:
    """Return what a transaction of one statement failed by."""
    try:
        with transaction() as tx:
            tx.execute(statement)
    except DBAPIError as error:
        return error
    return None


def insert_and_fail(one: UUID) -> None:
    """Leave a row by SQLAlchemy's connection in a transaction that then fails."""
    with transaction() as tx:
        values = {"principal_id": one, "operation": "test", "key": "k", "request_hash": b""}
        tx.connection.execute(insert(db.metadata.tables["idempotency_keys"]).values(**values))
        raise Boom


def test_what_the_first_statement_wrote_goes_with_the_transaction() -> None:
    prepare_everywhere(_COUNT, {"id": new_id()})
    for _ in range(3):
        one = new_id()

        with pytest.raises(Boom):
            write_and_fail(one=one)

        assert read(_COUNT, {"id": one}).scalar_one() == 0


def test_a_prepared_first_statement_begins_the_transaction_that_holds_the_next() -> None:
    one = new_id()
    prepare_everywhere(_COUNT, {"id": one})

    with pytest.raises(Boom):
        write_and_fail((_COUNT, {"id": one}), one=one)

    assert read(_COUNT, {"id": one}).scalar_one() == 0


def test_a_first_statement_that_fails_leaves_a_connection_that_serves_the_next() -> None:
    one = new_id()
    prepare_everywhere(_DIVIDE, {"by": 1})

    for _ in range(3):
        with pytest.raises(DBAPIError) as refused, transaction() as tx:
            tx.execute(_DIVIDE, {"by": 0})
        assert getattr(refused.value.orig, "sqlstate", None) == "22012"

    with transaction() as tx:
        tx.execute(_LEAVE, {"id": one})
    assert read(_COUNT, {"id": one}).scalar_one() == 1


def test_a_transaction_that_sends_nothing_begins_none() -> None:
    one = new_id()

    with transaction():
        pass
    with pytest.raises(Boom), transaction():
        raise Boom
    read(_LEAVE, {"id": one})  # alone: it would be lost, were it the first of a transaction that nobody ends

    with transaction() as tx:
        assert tx.execute(_COUNT, {"id": one}).scalar_one() == 1


def test_a_server_that_ends_the_connection_is_told_and_the_next_transaction_works() -> None:
    prepare_everywhere(_PID, {})
    with transaction() as tx:
        pid = tx.execute(_PID).scalar_one()
    lent = [lend(db.engine) for _ in range(2)]
    killer = next(one for one in lent if wire_of(one).execute(_PID, {}).scalar_one() != pid)
    wire_of(killer).execute(_END, {"pid": pid})
    for one in lent:
        one.close()

    told = [error for _ in range(db.engine.pool.size()) if (error := _met(_PID)) is not None]  # type: ignore[attr-defined]

    assert [error.connection_invalidated for error in told] == [True]
    with transaction() as tx:
        assert tx.execute(_PID).scalar_one() != pid


def test_sqlalchemys_connection_is_in_the_transaction() -> None:
    one = new_id()

    with pytest.raises(Boom):
        insert_and_fail(one)

    assert read(_COUNT, {"id": one}).scalar_one() == 0


# ----------------------------------------------------------------------------------- what the last exchange takes along

_OPENED = opening("SELECT 1 AS one")
_END_ALL = closing("made AS (SELECT 1)", expecting={"wanted": "CAST(:is_wanted AS boolean)"}, telling="'what it had'")


def _claim(one: UUID) -> Claim:
    return Claim(principal_id=one, operation="test", key="k", request_hash=b"h")


def _end(
    one: UUID,
    *,
    is_wanted: bool = True,
    divisor: int | None = None,
    pause_s: float | None = None,
    then: TextClause | None = None,
) -> None:
    """Claim, take a statement along as the ledger does, and end, as a request of ``one`` does."""
    with transaction(_claim(one)) as tx:
        tx.open(_OPENED, {})
        if divisor is not None:
            tx.take_along(_DIVIDE, {"by": divisor}, nullcontext())
        if pause_s is not None:
            tx.take_along(_PAUSE, {"s": pause_s}, nullcontext())
        tx.keep({"done": True})
        tx.close(_END_ALL, {"is_wanted": is_wanted}, unmet={"wanted": lambda told: Busy(told=told)})
        if then is not None:
            tx.execute(then)


def _close_and_fail(one: UUID) -> None:
    """Leave a row and close in a transaction of nobody's request, which then fails."""
    with transaction() as tx:
        tx.execute(_LEAVE, {"id": one})
        tx.close(_END_ALL, {"is_wanted": True})
        raise Boom


def _take_along_in_vain() -> None:
    with transaction() as tx:
        tx.execute(_PID)
        tx.take_along(_DIVIDE, {"by": 1}, nullcontext())


def _ended(one: UUID) -> bool:
    return bool(read(_COUNT, {"id": one}).scalar_one())


@pytest.fixture(params=["one by one", "in one exchange"])
def ways(request: pytest.FixtureRequest) -> None:
    """The two ways in which the last statements go: a connection that has not prepared them sends each by itself."""
    db.engine.dispose()
    if request.param == "in one exchange":
        lent = [lend(db.engine) for _ in range(db.engine.pool.size())]  # type: ignore[attr-defined]
        for one in lent:
            one.close()
            for _ in range(3):
                _end(new_id(), divisor=1)
                _end(new_id(), pause_s=0.0)


def exchanges_of(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Count the statements of each exchange of several, from now on."""
    seen: list[int] = []
    inner = Wire._talk

    def talk(wire: Wire, sends: Sequence[Any]) -> Any:
        seen.append(len(sends))
        return inner(wire, sends)

    monkeypatch.setattr(Wire, "_talk", talk)
    return seen


@pytest.mark.usefixtures("ways")
def test_a_closing_that_says_what_it_expects_commits_and_a_repeat_finds_it_done() -> None:
    one = new_id()

    _end(one, divisor=1)

    assert _ended(one)
    with pytest.raises(Replayed):
        _end(one, divisor=1)


@pytest.mark.usefixtures("ways")
def test_what_was_expected_in_vain_undoes_all_and_is_told_by_its_name() -> None:
    one = new_id()

    with pytest.raises(Busy) as refused:
        _end(one, is_wanted=False, divisor=1)

    assert refused.value.params["told"] == "what it had"
    assert not _ended(one)
    _end(one)
    assert _ended(one)


@pytest.mark.usefixtures("ways")
def test_what_is_taken_along_and_refused_keeps_the_closing_from_being_done() -> None:
    one = new_id()

    with pytest.raises(DBAPIError, match="division by zero"):
        _end(one, divisor=0)

    assert not _ended(one)
    assert read(_DIVIDE, {"by": 1}).scalar_one() == 1


@pytest.mark.usefixtures("ways")
def test_a_server_that_dies_in_the_last_exchange_leaves_nothing_and_a_repeat_does_it_once(app: Flask) -> None:
    one = new_id()

    def end() -> None:
        with app.app_context():
            _end(one, pause_s=60.0)

    with ThreadPoolExecutor(1) as other:
        under_way = other.submit(end)
        pid = wait_until(lambda: read(_PAUSING).scalar_one_or_none())
        read(_END, {"pid": pid})
        with pytest.raises(DBAPIError) as lost:
            under_way.result(timeout=30)

    assert lost.value.connection_invalidated
    assert not _ended(one)
    _end(one)
    assert _ended(one)


@pytest.mark.usefixtures("ways")
def test_an_answer_that_is_lost_behind_commit_is_given_to_the_repeat(monkeypatch: pytest.MonkeyPatch) -> None:
    one = new_id()
    with monkeypatch.context() as patch:
        _lose_the_answer_behind_commit(patch)
        with pytest.raises(DBAPIError) as lost:
            _end(one, divisor=1)

    assert lost.value.connection_invalidated
    with pytest.raises(Replayed):
        _end(one, divisor=1)


def _lose_the_answer_behind_commit(patch: pytest.MonkeyPatch) -> None:
    """Let the server commit, and the connection go before the answer is read, whichever way COMMIT is sent."""
    talk, commit = Wire._talk, Wire.commit

    def lose(wire: Wire) -> NoReturn:
        wire._pgconn.finish()
        raise psycopg.OperationalError("the connection is gone")

    def talk_and_lose(wire: Wire, sends: Sequence[Any]) -> Any:
        found = talk(wire, sends)
        return lose(wire) if sends[-1][2] == "COMMIT" else found

    def commit_and_lose(wire: Wire) -> None:
        commit(wire)
        try:
            lose(wire)
        except psycopg.OperationalError as error:
            raise _as_error(error, "COMMIT", is_lost=True) from error

    patch.setattr(Wire, "_talk", talk_and_lose)
    patch.setattr(Wire, "commit", commit_and_lose)


def test_a_server_whose_machine_falls_silent_is_missed_within_seconds() -> None:
    lent = lend(db.engine)
    parameters = lent.driver_connection.info.get_parameters()  # type: ignore[union-attr]
    lent.close()

    assert {name: parameters.get(name) for name in SERVER_MISSED_WITHIN} == {
        name: str(value) for name, value in SERVER_MISSED_WITHIN.items()
    }


def test_posting_closing_and_commit_are_one_exchange_once_they_are_prepared(monkeypatch: pytest.MonkeyPatch) -> None:
    for _ in range(3 * db.engine.pool.size()):  # type: ignore[attr-defined]
        _end(new_id(), divisor=1)
    seen = exchanges_of(monkeypatch)

    _end(new_id(), divisor=1)

    assert seen == [2, 3]  # BEGIN and the opening; what is taken along, the closing and COMMIT


def test_an_expectation_that_nobody_answers_for_is_our_mistake() -> None:
    with pytest.raises(AssertionError, match="wanted"), transaction() as tx:
        tx.close(_END_ALL, {"is_wanted": False})


def test_nothing_may_follow_the_end_of_a_request() -> None:
    one = new_id()

    with pytest.raises(AssertionError, match="the transaction is over"):
        _end(one, then=_PID)

    assert _ended(one)


def test_a_transaction_without_a_claim_goes_on_behind_such_a_closing() -> None:
    one = new_id()

    with pytest.raises(Boom):
        _close_and_fail(one)

    assert not _ended(one)


def test_what_is_to_be_taken_along_and_is_not_is_our_mistake() -> None:
    with pytest.raises(AssertionError, match="taken this along"):
        _take_along_in_vain()

    assert read(_DIVIDE, {"by": 1}).scalar_one() == 1
