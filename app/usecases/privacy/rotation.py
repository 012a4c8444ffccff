"""Rotation of keys: sealed fields under the newest key, blind indexes under the newest index key; in small batches.

Each batch is a transaction and finds its own work, so a rotation that was stopped goes on where it was, and one that
runs beside the application disturbs nobody: rows that somebody holds are left for the next round.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from sqlalchemy import text

from app.core.privacy.register import REGISTER
from app.kernel.sealing import blind_index, current_prefix, rotate, unseal
from app.kernel.transaction import Transaction, transaction

BATCH = 500

_KEY = text(
    """
    SELECT a.attname AS name FROM pg_index AS i
    JOIN pg_attribute AS a ON a.attrelid = i.indrelid AND a.attnum = ANY (i.indkey)
    WHERE i.indrelid = CAST(:table AS regclass) AND i.indisprimary
    """
)


@dataclass(frozen=True, slots=True)
class Step:
    """How far one column is: how many values there are to do, or were done by this batch."""

    field: str
    count: int


def count_sealed() -> dict[str, int]:
    """Return, for each sealed field, how many values are not under the newest key."""
    counts: dict[str, int] = {}
    with transaction() as tx:
        for table, column, _ in _sealed_fields():
            statement = text(f"SELECT count(*) FROM {table} WHERE {_stale(column)}")
            counts[f"{table}.{column}"] = tx.execute(statement, {"prefix": current_prefix()}).scalar_one()
    return counts


def rotate_keys() -> Iterator[Step]:
    """Bring every sealed value under the newest key; yield after each batch."""
    for table, column, context in _sealed_fields():
        while True:
            with transaction() as tx:
                done = _rotate_batch(tx, table, column, context)
            if not done:
                break
            yield Step(f"{table}.{column}", done)


def reindex() -> Iterator[Step]:
    """Make every blind index anew under the index key of the settings; yield after each batch.

    To be run while nothing else uses the database: a phone that is looked up by the new index before its row has it
    would seem to be nobody's. Codes that were sent are forgotten; they are looked up by a blind index, too.
    """
    with transaction() as tx:
        for table in ("sign_in_codes", "sign_in_failures", "sandbox_messages", "passkey_challenges"):
            tx.execute(text(f"DELETE FROM {table}"))
    for holding in REGISTER:
        for index, (column, context) in holding.indexes.items():
            yield from _reindex_field(holding.table, index, column, holding.sealed[column], context)


def _sealed_fields() -> list[tuple[str, str, str]]:
    return [(held.table, column, context) for held in REGISTER for column, context in held.sealed.items()]


def _stale(column: str) -> str:
    return f"{column} <> '' AND NOT starts_with({column}, :prefix)"


def _rotate_batch(tx: Transaction, table: str, column: str, context: str) -> int:
    # A locked row stays where it is until the transaction ends, whatever its key is made of.
    take = text(
        f"SELECT CAST(ctid AS text) AS place, {column} AS sealed FROM {table} WHERE {_stale(column)} "
        "LIMIT :limit FOR UPDATE"
    )
    put = text(f"UPDATE {table} SET {column} = :sealed WHERE ctid = CAST(:place AS tid)")
    rows = tx.execute(take, {"prefix": current_prefix(), "limit": BATCH}).fetchall()
    for row in rows:
        tx.execute(put, {"place": row.place, "sealed": rotate(row.sealed, context=context)})
    return len(rows)


def _reindex_field(table: str, index: str, column: str, sealed_in: str, context: str) -> Iterator[Step]:
    after = None
    while True:
        with transaction() as tx:
            key = tx.execute(_KEY, {"table": table}).scalar_one()
            take = text(
                f"SELECT {key} AS key, {column} AS sealed FROM {table} WHERE {column} <> '' "
                f"AND (CAST(:after AS uuid) IS NULL OR {key} > :after) ORDER BY {key} LIMIT :limit FOR UPDATE"
            )
            put = text(f"UPDATE {table} SET {index} = :index WHERE {key} = :key AND {index} <> :index")
            rows = tx.execute(take, {"after": after, "limit": BATCH}).fetchall()
            for row in rows:
                fresh = blind_index(unseal(row.sealed, context=sealed_in), context=context)
                tx.execute(put, {"key": row.key, "index": fresh})
        if not rows:
            return
        after = rows[-1].key
        yield Step(f"{table}.{index}", len(rows))
