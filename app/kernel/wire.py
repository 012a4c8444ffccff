"""Statements on the wire: psycopg's libpq layer, prepared by name; several of a transaction may share an exchange.

Statements are text that was written for this database, so they need neither a compiler nor a result layer. Values go
out as text with the types below, anything else by psycopg's own dumpers; what comes back is loaded by psycopg. Errors
are those of SQLAlchemy, whose pool lends the connections (see decision 15 in docs/adr).
"""

import re
import select
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, date, datetime
from functools import lru_cache
from operator import itemgetter
from typing import TYPE_CHECKING, Any, cast
from uuid import UUID

import orjson
import psycopg
from psycopg.adapt import PyFormat, Transformer
from psycopg.pq import ConnStatus, ExecStatus, TransactionStatus
from psycopg.types.json import set_json_loads
from sqlalchemy import TextClause
from sqlalchemy.dialects.postgresql.psycopg import dialect
from sqlalchemy.exc import DBAPIError

if TYPE_CHECKING:
    from psycopg.pq.abc import PGconn, PGresult
    from sqlalchemy import Engine, PoolProxiedConnection

set_json_loads(orjson.loads)

_Key = tuple[str, tuple[int, ...]]
"""Under what a statement is prepared: its text, and the types of its values."""

_Send = tuple[bytes, list[bytes] | None, str]
"""A prepared statement's name, its values and its text."""

PREPARED_MAX = 1_000
"""Prepared statements of one connection; the oldest goes when there are more."""

_DIALECT = dialect()  # type: ignore[no-untyped-call]
_PLACEHOLDER = re.compile(r"%\((\w+)\)s|%%")
_INT4_MAX = 2**31 - 1
_UNKNOWN, _BOOL, _BYTEA, _INT8, _INT4, _FLOAT8, _TIMESTAMPTZ, _UUID = 0, 16, 17, 20, 23, 701, 1184, 2950

_BEGIN, _COMMIT, _PLANNED = b"linli_begin", b"linli_commit", b"linli_planned"
_DONE = frozenset({ExecStatus.TUPLES_OK, ExecStatus.COMMAND_OK})

observers: list[Callable[[str], None]] = []
"""Called once an exchange, with the statement or statements that it sends; benchmarks and tests count by it."""


class Row(tuple[Any, ...]):
    """A row: a tuple whose fields can be asked for by the names of their columns."""

    __slots__ = ()
    _fields: tuple[str, ...] = ()

    def _asdict(self) -> dict[str, Any]:
        """Return the row by column."""
        return dict(zip(self._fields, self, strict=True))

    @property
    def _mapping(self) -> dict[str, Any]:
        """The row by column, under the name that SQLAlchemy gives it."""
        return self._asdict()

    if TYPE_CHECKING:

        def __getattr__(self, name: str) -> Any:
            """Return a column's value."""


@lru_cache(maxsize=4_096)
def _row_class(names: tuple[str, ...]) -> type[Row]:
    columns = {name: property(itemgetter(place)) for place, name in enumerate(names) if name.isidentifier()}
    return type("Row", (Row,), {"__slots__": (), "_fields": names, **columns})


class Result:
    """What a statement returned: all rows, loaded; ``rowcount`` is the number of rows it returned or changed."""

    __slots__ = ("_rows", "rowcount")

    def __init__(self, rows: list[Row], rowcount: int) -> None:
        self._rows = rows
        self.rowcount = rowcount

    def __iter__(self) -> Iterator[Row]:
        return iter(self._rows)

    def fetchall(self) -> list[Row]:
        """Return all rows."""
        return self._rows

    def first(self) -> Row | None:
        """Return the first row, or None."""
        return self._rows[0] if self._rows else None

    def one(self) -> Row:
        """Return the only row; anything else is our mistake."""
        (row,) = self._rows
        return row

    def one_or_none(self) -> Row | None:
        """Return the only row, or None when there is none; more are our mistake."""
        return self.one() if self._rows else None

    def scalar_one(self) -> Any:
        """Return the first column of the only row."""
        return self.one()[0]

    def scalar_one_or_none(self) -> Any:
        """Return the first column of the only row, or None when there is none."""
        return self.one()[0] if self._rows else None

    def scalar(self) -> Any:
        """Return the first column of the first row, or None."""
        return self._rows[0][0] if self._rows else None

    def scalars(self) -> list[Any]:
        """Return the first column of every row."""
        return [row[0] for row in self._rows]

    def mappings(self) -> "Mappings":
        """Return the rows by column."""
        return Mappings(self._rows)


class Mappings:
    """Rows as dictionaries by column."""

    __slots__ = ("_rows",)

    def __init__(self, rows: list[Row]) -> None:
        self._rows = rows

    def __iter__(self) -> Iterator[dict[str, Any]]:
        return (row._asdict() for row in self._rows)

    def one(self) -> dict[str, Any]:
        """Return the only row; anything else is our mistake."""
        (row,) = self
        return row


@lru_cache(maxsize=4_096)
def _as_sent(statement: TextClause) -> tuple[str, tuple[str, ...]]:
    """Return a statement with numbered parameters, and their names in that order."""
    names: list[str] = []

    def number(found: re.Match[str]) -> str:
        name = found.group(1)
        if name is None:
            return "%"
        if name not in names:
            names.append(name)
        return f"${names.index(name) + 1}"

    return _PLACEHOLDER.sub(number, str(statement.compile(dialect=_DIALECT))), tuple(names)


_NEEDS_ESCAPE = re.compile(r'["\\]')


def _element(value: object) -> str:
    if value is None:
        return "NULL"
    if isinstance(value, list | tuple):
        return _array(value)
    if isinstance(value, bytes):
        return f'"\\\\x{value.hex()}"'
    text = value.isoformat() if isinstance(value, date) else str(value)
    return '"' + _NEEDS_ESCAPE.sub(r"\\\g<0>", text) + '"'


def _array(values: Sequence[object]) -> str:
    return "{" + ",".join(map(_element, values)) + "}"


def _dump_int(value: int) -> tuple[bytes, int]:
    return b"%d" % value, _INT4 if -_INT4_MAX <= value <= _INT4_MAX else _INT8


def _dump_instant(value: datetime) -> tuple[bytes, int]:
    assert value.tzinfo is not None, "instants are aware"
    return value.astimezone(UTC).isoformat().encode(), _TIMESTAMPTZ


_DUMPERS: dict[type, Callable[[Any], tuple[bytes | None, int]]] = {
    str: lambda value: (value.encode(), _UNKNOWN),
    type(None): lambda _value: (None, _UNKNOWN),
    UUID: lambda value: (value.hex.encode(), _UUID),
    int: _dump_int,
    bool: lambda value: (b"t" if value else b"f", _BOOL),
    bytes: lambda value: (b"\\x" + value.hex().encode(), _BYTEA),
    float: lambda value: (repr(value).encode(), _FLOAT8),
    datetime: _dump_instant,
    list: lambda value: (_array(value).encode(), _UNKNOWN),
    tuple: lambda value: (_array(value).encode(), _UNKNOWN),
}


class Wire:
    """One connection as transactions use it. Not for two threads at once."""

    def __init__(self, connection: psycopg.Connection[Any]) -> None:
        self._pgconn: PGconn = connection.pgconn
        self._transformer = Transformer(connection)
        self._seen: set[_Key] = set()
        self._prepared: dict[_Key, tuple[bytes, type[Row] | None]] = {}
        self._names = 0
        self._is_to_begin = False
        self._along: list[tuple[_Key, list[bytes]]] = []
        self._are_ends_prepared = False
        self._readable = select.poll()
        self._readable.register(self._pgconn.socket, select.POLLIN)

    @property
    def is_lost(self) -> bool:
        """Whether the server is gone."""
        return self._pgconn.status != ConnStatus.OK

    @property
    def is_idle(self) -> bool:
        """Whether no transaction is open, or about to be."""
        return not self._is_to_begin and self._pgconn.transaction_status == TransactionStatus.IDLE

    def begin(self) -> None:
        """Open a transaction: its first statement takes BEGIN along, in one exchange."""
        self._is_to_begin = True

    def begin_now(self) -> None:
        """Open the transaction that was begun, if no statement has; for who is to use the connection by other means."""
        assert not self._along, "what is to be taken along would be overtaken"
        if self._is_to_begin:
            self._is_to_begin = False
            self._check(self._pgconn.exec_(b"BEGIN"), "BEGIN")

    def commit(self) -> None:
        """Commit. A transaction that had failed is rolled back by the server, which would be our mistake to ignore."""
        if self._is_to_begin:  # nothing was sent
            self._is_to_begin = False
            return
        assert not self._along, "nothing came that would have taken this along"
        _assert_committed(self._check(self._pgconn.exec_(b"COMMIT"), "COMMIT"))

    def rollback(self) -> None:
        """Roll back."""
        self._along.clear()
        if self._is_to_begin:
            self._is_to_begin = False
            return
        self._check(self._pgconn.exec_(b"ROLLBACK"), "ROLLBACK")

    def take_along(self, statement: TextClause, params: Mapping[str, object]) -> None:
        """Have ``statement`` sent ahead of the next one, in its exchange; that one raises what is refused of it."""
        self._along.append(self._bound(statement, params))

    def execute(self, statement: TextClause, params: Mapping[str, object], *, then_commit: bool = False) -> Result:
        """Send one statement, behind what it takes along, and load what it returns.

        :param then_commit: send COMMIT behind it, in the same exchange; the server does so unless it refuses anything.
        :raises sqlalchemy.exc.DBAPIError: the server refuses it, or is gone.
        """
        bound = self._bound(statement, params)
        if self._along or then_commit:
            return self._execute_together(bound, then_commit=then_commit)
        return self._execute_bound(*bound)

    def plan(self, statement: TextClause) -> None:
        """Have the server plan ``statement``, and so read what it has to know for it, without doing anything.

        :raises sqlalchemy.exc.DBAPIError: it cannot be planned, or the server is gone.
        """
        sql, names = _as_sent(statement)
        self._check(self._pgconn.prepare(_PLANNED, sql.encode()), sql)
        values = f"({', '.join(['NULL'] * len(names))})" if names else ""
        self._check(self._pgconn.exec_(b"EXPLAIN EXECUTE %b%b" % (_PLANNED, values.encode())), sql)
        self._check(self._pgconn.exec_(b"DEALLOCATE " + _PLANNED), "DEALLOCATE")
        self._prepare_ends()

    def _bound(self, statement: TextClause, params: Mapping[str, object]) -> tuple[_Key, list[bytes]]:
        sql, names = _as_sent(statement)
        dumped = [self._dump(params[name]) for name in names]
        values = cast("list[bytes]", [value for value, _ in dumped])  # NULL is None, which the driver's types forget
        return (sql, tuple([oid for _, oid in dumped])), values

    def _execute_bound(self, key: _Key, values: list[bytes]) -> Result:
        for observer in observers:
            observer(key[0])
        prepared = self._prepared.get(key)
        if prepared is not None:
            if self._is_to_begin:
                found = self._exchange([(prepared[0], values, key[0])], then_commit=False)
            else:
                found = self._check(self._pgconn.exec_prepared(prepared[0], values), key[0])
            return self._load(found, key, prepared)
        self.begin_now()
        if key not in self._seen:  # once is no reason to prepare
            self._seen.add(key)
            return self._load(self._check(self._pgconn.exec_params(key[0].encode(), values, key[1]), key[0]), key, None)
        return self._prepare_and_execute(key, values)

    def _execute_together(self, last: tuple[_Key, list[bytes]], *, then_commit: bool) -> Result:
        """Send what is taken along and the ``last`` statement in one exchange, or one by one where one is too new."""
        calls, self._along = [*self._along, last], []
        sends = [
            (prepared[0], values, key[0]) for key, values in calls if (prepared := self._prepared.get(key)) is not None
        ]
        if len(sends) == len(calls):
            for observer in observers:
                observer(";\n".join(sql for _, _, sql in sends))
            return self._load(self._exchange(sends, then_commit=then_commit), last[0], self._prepared[last[0]])
        results = [self._execute_bound(*call) for call in calls]
        if then_commit:
            self.commit()
        return results[-1]

    def _exchange(self, sends: Sequence[_Send], *, then_commit: bool) -> "PGresult":
        """Send prepared statements with BEGIN before them, if it is due, and perhaps COMMIT behind them.

        What follows a refused one the server leaves undone, COMMIT as all else.

        :returns: what the last of ``sends`` gave.
        """
        self._prepare_ends()
        place = len(sends) - 1
        if self._is_to_begin:
            self._is_to_begin = False
            sends, place = [(_BEGIN, None, "BEGIN"), *sends], place + 1
        if then_commit:
            sends = [*sends, (_COMMIT, None, "COMMIT")]
        try:
            found = self._talk(sends)
        except psycopg.OperationalError as error:
            raise _as_error(error, sends[place][2], is_lost=True) from error
        for result, (_, _, sql) in zip(found, sends, strict=False):
            self._check(result, sql)
        if len(found) < len(sends):
            raise _as_error(psycopg.OperationalError("the server is gone"), sends[place][2], is_lost=True)
        if then_commit:
            _assert_committed(found[-1])
        return found[place]

    def _talk(self, sends: Sequence[_Send]) -> list["PGresult"]:
        """Send all of ``sends`` and wait for what each gives; there is less where the server is gone."""
        pgconn, found = self._pgconn, list["PGresult"]()
        pgconn.enter_pipeline_mode()
        for name, values, _ in sends:
            pgconn.send_query_prepared(name, values)
        pgconn.pipeline_sync()
        while not self.is_lost:
            while pgconn.is_busy():  # waited for here: get_result() would keep the other threads waiting, too
                self._readable.poll()
                pgconn.consume_input()
            result = pgconn.get_result()  # None stands between the results of two statements
            if result is None:
                continue
            if result.status == ExecStatus.PIPELINE_SYNC:
                pgconn.exit_pipeline_mode()
                break
            found.append(result)
        return found

    def _prepare_ends(self) -> None:
        if not self._are_ends_prepared:
            self._check(self._pgconn.prepare(_BEGIN, b"BEGIN"), "PREPARE")
            self._check(self._pgconn.prepare(_COMMIT, b"COMMIT"), "PREPARE")
            self._are_ends_prepared = True

    def _prepare_and_execute(self, key: _Key, values: list[bytes]) -> Result:
        if len(self._prepared) >= PREPARED_MAX:
            oldest = next(iter(self._prepared))
            name, _ = self._prepared.pop(oldest)
            self._check(self._pgconn.exec_(b"DEALLOCATE " + name), "DEALLOCATE")
        self._names += 1
        name = b"linli_%d" % self._names
        self._check(self._pgconn.prepare(name, key[0].encode(), key[1]), key[0])
        self._prepared[key] = (name, None)
        return self._load(self._check(self._pgconn.exec_prepared(name, values), key[0]), key, self._prepared[key])

    def _dump(self, value: object) -> tuple[bytes | None, int]:
        dumper = _DUMPERS.get(type(value))
        if dumper is not None:
            return dumper(value)
        if isinstance(value, str):  # a StrEnum
            return value.encode(), _UNKNOWN
        (dumped,) = self._transformer.dump_sequence([value], [PyFormat.TEXT])
        oid = self._transformer.types[0] if self._transformer.types else _UNKNOWN
        return (None if dumped is None else bytes(dumped)), oid

    def _load(
        self,
        found: "PGresult",
        key: _Key,
        prepared: tuple[bytes, type[Row] | None] | None,
    ) -> Result:
        if found.status != ExecStatus.TUPLES_OK:
            return Result([], found.command_tuples or 0)
        row_class = prepared[1] if prepared is not None else None
        if row_class is None:
            row_class = _row_class(tuple((found.fname(i) or b"").decode() for i in range(found.nfields)))
            if prepared is not None:
                self._prepared[key] = (prepared[0], row_class)
        self._transformer.set_pgresult(found)
        count = found.ntuples
        return Result(self._transformer.load_rows(0, count, row_class), count)

    def _check(self, found: "PGresult", sql: str) -> "PGresult":
        if found.status not in _DONE:
            error = psycopg.errors.error_from_result(found)
            if self.is_lost:  # the result itself has no code then
                error = psycopg.OperationalError(str(error))
            raise _as_error(error, sql, is_lost=self.is_lost)
        return found


def _assert_committed(done: "PGresult") -> None:
    assert done.command_status == b"COMMIT", "a failed transaction was to be committed"


def _as_error(error: psycopg.Error, sql: str | None, *, is_lost: bool) -> DBAPIError:
    """Return the driver's error as SQLAlchemy raises it, without values."""
    known = DBAPIError.instance(
        sql, None, error, psycopg.Error, hide_parameters=True, connection_invalidated=is_lost, dialect=_DIALECT
    )
    assert isinstance(known, DBAPIError), "the driver's errors are errors of the database"
    return known


def lend(engine: "Engine") -> "PoolProxiedConnection":
    """Lend a connection from the pool of ``engine``; closing it gives it back.

    :raises sqlalchemy.exc.DBAPIError: the server cannot be reached. :raises sqlalchemy.exc.TimeoutError: all are out.
    """
    try:
        return engine.pool.connect()
    except psycopg.Error as error:
        raise _as_error(error, None, is_lost=True) from error


def wire_of(lent: "PoolProxiedConnection") -> Wire:
    """Return the wire of a lent connection, the same for as long as the connection lives."""
    wire: Wire | None = lent.info.get("wire")
    if wire is None:
        wire = lent.info["wire"] = Wire(cast("psycopg.Connection[Any]", lent.driver_connection))
    return wire
