"""``dev.py bench-ledger``: postings against the bare minimum, and what proving the books takes.

The books are proven whole at 1,000,000 entries, and then for a day of 20,000 orders, each paid with two legs, completed
with four, settled with two: as the worker's round does it, which proved the day but for its last minute in earlier
rounds and looks at that again, and all at once. ``--scale 0.1`` makes a tenth of both.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

import psycopg

from app.cli.dev.environment import libpq_url
from app.cli.dev.postgres import EmbeddedPostgres

if TYPE_CHECKING:
    from collections.abc import Sequence

ENTRIES, ORDERS = 1_000_000, 20_000
WHOLE_S_MAX, SINCE_S_MAX = 5.0, 0.3
RUNS = 3
MINUTE = 20
"""Orders of the last minute: a day of 20,000 has 14 in each."""
_BATCH = 10_000


def _statement(name: str, kind: str, **legs: int) -> str:
    """Return a posting for each ``n``: account kinds and amounts, of whom ``n`` picks one where there are many."""
    accounts = ", ".join(_CODES.get(account, f"'{account}'") for account in legs)
    amounts = ", ".join(map(str, legs.values()))
    return (
        f"SELECT ledger.post('{name}:' || n, '{kind}', NULL, NULL, ARRAY[{accounts}]::text[],"
        f" ARRAY[{amounts}]::bigint[]) FROM generate_series(%(first)s::bigint, %(last)s::bigint) AS n"
    )


_MANY = {
    "e_account": 10_000,
    "escrow": 10**9,
    "merchant_pending": 300,
    "merchant_available": 300,
    "courier_available": 100,
}
_CODES = {
    kind: f"'{kind}:00000000-0000-7000-8000-' || lpad((n %% {count})::text, 12, '0')" for kind, count in _MANY.items()
}
_GIVE = _statement("give", "opening", e_account=1_000_000, bank_settlement=-1_000_000)
_LIFE = (
    _statement("pay", "payment", e_account=-3000, escrow=3000),
    _statement("done", "completion", courier_available=600, escrow=-3000, merchant_pending=2280, commission=120),
    _statement("settle", "settlement", merchant_available=2280, merchant_pending=-2280),
)


def main(arguments: Sequence[str]) -> int:
    """Measure; exit 1 when the books are not sound afterwards."""
    from benchmarks import ledger_posting  # noqa: PLC0415 - benchmarks stand beside the package
    from tests.support.ledger_database import SQL_FOLDER, ledger_database, ledger_source  # noqa: PLC0415 - as they do

    parser = argparse.ArgumentParser(prog="dev.py bench-ledger", description=__doc__)
    parser.add_argument("--scale", type=float, default=1.0)
    parser.add_argument("--skip-postings", action="store_true", help="the proofs alone")
    asked = parser.parse_args(list(arguments))
    with tempfile.TemporaryDirectory(prefix="linli-bench-") as folder, EmbeddedPostgres(Path(folder)) as postgres:
        url = libpq_url(postgres.url())
        if not asked.skip_postings:
            ledger_posting.main(url)
        source = ledger_source() + (SQL_FOLDER / "ledger_since.sql").read_text(encoding="utf-8")
        with (
            ledger_database(url, source=source) as scratch,
            psycopg.connect(scratch, autocommit=True) as connection,
        ):
            connection.execute("SET synchronous_commit = off")
            connection.execute("SET plan_cache_mode = force_generic_plan")  # as our sessions have it
            return _prove(connection, int(ENTRIES * asked.scale), max(1, int(ORDERS * asked.scale)))


def _prove(connection: psycopg.Connection, entries: int, orders: int) -> int:
    # A resident is given money once: 2 entries each; every order makes 8.
    _run(connection, (_GIVE,), 0, _MANY["e_account"])
    before = max(0, entries - 20_000) // 8
    _run(connection, _LIFE, 0, before)
    connection.execute("VACUUM ANALYZE ledger.entry, ledger.journal, ledger.account, ledger.hold")
    mark = _number(connection, "SELECT ledger.latest_journal()")
    count = _number(connection, "SELECT count(*) FROM ledger.entry")
    whole_s, unsound = _timed(connection, "SELECT count(*) FROM ledger.finding")
    print(f"whole proof, {count:,} entries: {whole_s:.2f} s (aim {WHOLE_S_MAX:.0f})")
    _run(connection, _LIFE, before, before + orders - MINUTE)
    proven = _number(connection, "SELECT ledger.latest_journal()")
    print_ = _number(connection, f"SELECT ledger.print_of({mark}, {proven})")
    _run(connection, _LIFE, before + orders - MINUTE, before + orders)
    again = f"(SELECT count(*) FROM ledger.findings_again({mark}, {proven}, {print_}))"
    round_s, unsound_again = _timed(connection, f"SELECT {again} + count(*) FROM ledger.findings_since({proven})")
    print(f"proof since a mark, {orders:,} orders of 8 entries: {round_s:.2f} s (aim {SINCE_S_MAX})")
    since_s, unsound_since = _timed(connection, f"SELECT count(*) FROM ledger.findings_since({mark})")
    print(f"the same where no round was before: {since_s:.2f} s")
    return 1 if unsound or unsound_again or unsound_since else 0


def _run(connection: psycopg.Connection, statements: Sequence[str], first: int, end: int) -> None:
    """Post for ``first`` to ``end`` in batches; the numbers of a batch share a transaction."""
    for start in range(first, end, _BATCH):
        for statement in statements:
            connection.execute(statement.encode(), {"first": start, "last": min(end, start + _BATCH) - 1})


def _number(connection: psycopg.Connection, statement: str) -> int:
    row = connection.execute(statement.encode()).fetchone()
    assert row is not None, statement
    return int(row[0])


def _timed(connection: psycopg.Connection, statement: str) -> tuple[float, int]:
    """Return the seconds of the middle one of the runs, and what the last one found."""
    took, found = [], 0
    for _ in range(RUNS):
        began = time.monotonic()
        found = _number(connection, statement)
        took.append(time.monotonic() - began)
    return statistics.median(took), found


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
