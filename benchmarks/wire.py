"""What one small transaction costs the client: SQLAlchemy's connection, psycopg's cursor and our wire, in turns.

``python -m benchmarks.wire postgresql://…`` needs a server on which it may make a temporary table.
"""

from __future__ import annotations

import statistics
import sys
import time
from typing import TYPE_CHECKING

from sqlalchemy import create_engine, text

from app.kernel.transaction import transaction_on
from app.kernel.wire import lend
from app.settings import sqlalchemy_url

if TYPE_CHECKING:
    from collections.abc import Callable

    from sqlalchemy import Engine

ROUNDS = 7
TRANSACTIONS = 1_000
_READ = text(
    """
    SELECT relname, oid, relpages, reltuples, relkind, relnatts, relchecks, relhasrules, relhastriggers, relowner
    FROM pg_class WHERE oid = :oid
    """
)
_WRITE = text("INSERT INTO bench_wire (number, note) VALUES (:number, :note)")
_PYFORMAT_READ = str(_READ).replace(":oid", "%(oid)s")
_PYFORMAT_WRITE = str(_WRITE).replace(":number", "%(number)s").replace(":note", "%(note)s")
_NOTE = "x" * 100
_PG_CLASS = 1259


def _by_sqlalchemy(engine: Engine) -> None:
    with engine.begin() as connection:
        connection.exec_driver_sql(_PYFORMAT_READ, {"oid": _PG_CLASS}).fetchall()
        connection.exec_driver_sql(_PYFORMAT_WRITE, {"number": 1, "note": _NOTE})


def _by_psycopg(engine: Engine) -> None:
    lent = lend(engine)
    connection = lent.driver_connection
    assert connection is not None, "just lent"
    connection.execute(_PYFORMAT_READ, {"oid": _PG_CLASS}).fetchall()
    connection.execute(_PYFORMAT_WRITE, {"number": 1, "note": _NOTE})
    connection.commit()
    lent.close()


def _by_wire(engine: Engine) -> None:
    with transaction_on(engine) as tx:
        tx.execute(_READ, {"oid": _PG_CLASS}).fetchall()
        tx.execute(_WRITE, {"number": 1, "note": _NOTE})


WAYS: dict[str, Callable[[Engine], None]] = {
    "SQLAlchemy's connection": _by_sqlalchemy,
    "psycopg's cursor": _by_psycopg,
    "our wire": _by_wire,
}


def main(url: str) -> None:
    """Print the CPU microseconds of the client per transaction, by way; medians of rounds that take turns."""
    engine = create_engine(sqlalchemy_url(url), pool_size=1, max_overflow=0)
    with engine.begin() as connection:
        connection.execute(text("CREATE TEMPORARY TABLE bench_wire (number bigint, note text)"))
    costs: dict[str, list[float]] = {name: [] for name in WAYS}
    for round_number in range(-1, ROUNDS):
        for name, way in WAYS.items():
            began = time.thread_time()
            for _ in range(TRANSACTIONS):
                way(engine)
            if round_number >= 0:
                costs[name].append((time.thread_time() - began) / TRANSACTIONS * 1e6)
    print("BEGIN, a read of ten columns, a write, COMMIT: CPU of the client per transaction")
    for name, values in costs.items():
        print(f"  {name:<26}{statistics.median(values):7.0f} µs")
    engine.dispose()


if __name__ == "__main__":
    main(sys.argv[1])
