"""Search every table for a text, sealed fields opened: how an erasure is proven (``linli privacy search``)."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from cryptography.exceptions import InvalidTag
from sqlalchemy import text

from app.core.privacy.register import REGISTER
from app.kernel.sealing import SEALED, unseal
from app.kernel.transaction import Transaction

_TABLES = text(
    """
    SELECT n.nspname AS schema_name, c.relname AS table_name FROM pg_class AS c
    JOIN pg_namespace AS n ON n.oid = c.relnamespace
    WHERE c.relkind IN ('r', 'p') AND NOT c.relispartition AND n.nspname NOT IN ('pg_catalog', 'information_schema')
      AND n.nspname NOT LIKE 'pg_toast%' AND n.nspname NOT LIKE 'pg_temp%' ORDER BY 1, 2
    """
)
_CONTEXTS = sorted({context for holding in REGISTER for context in holding.sealed.values()})
_SEALED = re.compile(SEALED)


@dataclass(frozen=True, slots=True)
class Found:
    """Where a text was found, and in which form: ``clear``, ``bytes`` or ``sealed``."""

    table: str
    form: str


def search(tx: Transaction, needles: Sequence[str]) -> Iterator[Found]:
    """Yield every table in which a needle stands: in the clear, as bytes, or in a sealed field.

    Reads every row of every table the asker may read; for proofs, not for serving.
    """
    hexes = [needle.encode().hex() for needle in needles]
    for schema_name, table_name in [(row.schema_name, row.table_name) for row in tx.execute(_TABLES)]:
        name = f"{schema_name}.{table_name}"
        rows = tx.execute(text(f'SELECT CAST(t AS text) AS row FROM "{schema_name}"."{table_name}" AS t'))
        for row in rows:
            if any(needle in row.row for needle in needles):
                yield Found(name, "clear")
            if any(digits in row.row for digits in hexes):
                yield Found(name, "bytes")
            opened = (_opened(sealed) for sealed in _SEALED.findall(row.row))
            if any(needle in plain for plain in opened for needle in needles):
                yield Found(name, "sealed")


def _opened(sealed: str) -> str:
    for context in _CONTEXTS:
        try:
            return unseal(sealed, context=context)
        except (InvalidTag, KeyError, ValueError):
            continue
    return ""
