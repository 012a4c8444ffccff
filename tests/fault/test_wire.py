"""A transaction's BEGIN goes along with its first statement: nothing of what a transaction promises changes by it."""

from uuid import UUID

import pytest
from sqlalchemy import TextClause, insert, text
from sqlalchemy.exc import DBAPIError

from app.kernel.db import db
from app.kernel.ids import new_id
from app.kernel.transaction import read, transaction
from app.kernel.wire import lend, wire_of

_LEAVE = text("INSERT INTO idempotency_keys (principal_id, operation, key, request_hash) VALUES (:id, 'test', 'k', '')")
_COUNT = text("SELECT count(*) FROM idempotency_keys WHERE principal_id = :id")
_DIVIDE = text("SELECT 1 / CAST(:by AS bigint)")
_PID = text("SELECT pg_backend_pid()")
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
