"""Take a list of merchants in: its rows arrive by COPY, batch by batch, and are merged when all of them are there.

How far a list has come is committed with each batch and each band, so that a second run goes on from there. See
:mod:`app.usecases.listing.merge` for what merging is.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

from sqlalchemy import text

from app.core.directory.cells import cell_of
from app.core.directory.rules import Listed, name_key
from app.core.search.words import normal
from app.kernel.transaction import Transaction, transaction

if TYPE_CHECKING:
    import psycopg

BATCH = 25_000
"""Rows of a list that arrive in one transaction."""

_BEGIN = text(
    """
    INSERT INTO listing_imports (digest, name, row_count, inserted_count, merged_count, refused_count)
    VALUES (:digest, :name, 0, 0, 0, 0) ON CONFLICT (digest) DO NOTHING
    """
)
_LOCK = text("SELECT 1 FROM listing_imports WHERE digest = :digest FOR UPDATE")
_LOOK = text(
    """
    SELECT import_number, row_count, inserted_count, merged_count, refused_count, merged_row,
        finished_at IS NOT NULL AS is_finished, finished_at IS NOT NULL OR row_count - refused_count = (
            SELECT count(*) FROM arrived_listings AS a WHERE a.import_number = i.import_number) AS is_whole
    FROM listing_imports AS i WHERE digest = :digest
    """
)
"""Asked once the list is locked: a statement that waited for the lock would count the rows of before it waited."""
_FORGET = text("DELETE FROM arrived_listings WHERE import_number = :import_number")
_READ_ANEW = text("UPDATE listing_imports SET row_count = 0, refused_count = 0 WHERE import_number = :import_number")
_PROGRESS = text(
    """
    UPDATE listing_imports SET row_count = row_count + :rows, refused_count = refused_count + :refused
    WHERE import_number = :import_number AND row_count = :row_count AND finished_at IS NULL
    """
)
_FINISH = text("UPDATE listing_imports SET finished_at = clock_timestamp() WHERE import_number = :import_number")
_COLUMNS = "import_number, line, cell, name_key, lat, lng, name, category, address, source"
_COPY = f"COPY arrived_listings ({_COLUMNS}) FROM STDIN"


class TakenElsewhere(Exception):
    """Another run takes the same list in at this moment."""


@dataclass(frozen=True, slots=True)
class Taken:
    """How many rows were read, became listings, were known, were refused."""

    rows: int = 0
    inserted: int = 0
    merged: int = 0
    refused: int = 0

    def __sub__(self, before: "Taken") -> "Taken":
        return Taken(
            self.rows - before.rows,
            self.inserted - before.inserted,
            self.merged - before.merged,
            self.refused - before.refused,
        )


@dataclass(frozen=True, slots=True)
class Import:
    """A list and how far it has come; the rows of the map before ``merged_row`` are merged."""

    number: int
    taken: Taken
    merged_row: int
    is_finished: bool


def prepare(listed: Listed, line: int) -> str:
    """Return a listing as it is copied, without the number of its import; done beside the database.

    :param line: its place in the list.
    """
    words = f"{listed.name}\t{listed.category}\t{listed.address}\t{listed.source}\n"
    if "\\" in words:
        words = words.replace("\\", "\\\\")
    cell = cell_of(listed.lat, listed.lng)
    return f"\t{line}\t{cell}\t{name_key(listed.name, normal)}\t{listed.lat!r}\t{listed.lng!r}\t{words}"


def begin(digest: bytes, name: str) -> Import:
    """Return how far the list with this digest has come; rows that a crash of the server lost are to be read anew."""
    with transaction() as tx:
        tx.execute(_BEGIN, {"digest": digest, "name": name})
        tx.execute(_LOCK, {"digest": digest})
        row = tx.execute(_LOOK, {"digest": digest}).one()
        taken = Taken(row.row_count, row.inserted_count, row.merged_count, row.refused_count)
        if not row.is_whole:
            tx.execute(_FORGET, {"import_number": row.import_number})
            tx.execute(_READ_ANEW, {"import_number": row.import_number})
            taken = Taken(0, taken.inserted, taken.merged, 0)
    return Import(row.import_number, taken, row.merged_row, row.is_finished)


def arrive(import_number: int, batch: Sequence[str], *, row_count: int, refused: int) -> int:
    """Take a batch of prepared rows in and return how many rows of the list were read now.

    :param row_count: how many were read before. :param refused: rows of the list between these that were no listings.
    :raises TakenElsewhere: more or fewer were.
    """
    rows = len(batch) + refused
    with transaction() as tx:
        progress = {"import_number": import_number, "row_count": row_count, "rows": rows, "refused": refused}
        if tx.execute(_PROGRESS, progress).rowcount != 1:
            raise TakenElsewhere
        if batch:
            _copy(tx, f"{import_number}".join(["", *batch]))
    return row_count + rows


def finish(import_number: int) -> None:
    """Say that a list was taken in to its end, and forget the rows that arrived."""
    with transaction() as tx:
        tx.execute(text("SET LOCAL statement_timeout = '300s'"))
        tx.execute(_FORGET, {"import_number": import_number})
        tx.execute(_FINISH, {"import_number": import_number})


def _copy(tx: Transaction, lines: str) -> None:
    driver = cast("psycopg.Connection", tx.connection.connection.driver_connection)
    with driver.cursor() as cursor, cursor.copy(_COPY) as copy:
        copy.write(lines)
