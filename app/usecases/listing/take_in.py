"""Take listings into the directory, a batch a transaction: COPY into a scratch table, then one statement merges.

What is known already, by name and within :data:`SAME_M_MAX` meters, is merged: it keeps its id, and an address that it
lacks is filled in. How far a list was read is committed with the batch, so that a second run goes on from there.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from uuid import UUID

import psycopg
from sqlalchemy import text

from app.core.directory.cells import cell_of
from app.core.directory.rules import SAME_M_MAX, Listed, place_keys
from app.core.search.words import normal
from app.kernel.geo import distance_m
from app.kernel.ids import new_id
from app.kernel.transaction import Transaction, transaction

BATCH = 25_000
_ONE_AT_A_TIME = 7_146_115

_SCRATCH = """
    CREATE TEMPORARY TABLE incoming (
        line bigint, listing_id uuid, cell bigint, place_key bigint, keys bigint[], lat float8, lng float8, name text,
        category text, address text, source text, known_id uuid
    ) ON COMMIT DROP
"""
_FIND_KNOWN = text(
    """
    UPDATE incoming AS i SET known_id = (
        SELECT l.listing_id FROM listings AS l
        WHERE l.place_key = ANY (i.keys) AND meters_between(l.lat, l.lng, i.lat, i.lng) <= :same_m_max
        ORDER BY l.listing_id LIMIT 1)
    WHERE EXISTS (SELECT 1 FROM listings AS l WHERE l.place_key = ANY (i.keys))
    """
)
_TAKE_IN = text(
    """
    WITH filled AS (
        UPDATE listings AS l SET address = i.address FROM incoming AS i
        WHERE i.known_id = l.listing_id AND l.address = '' AND i.address <> ''
    )
    INSERT INTO listings (listing_id, cell, place_key, lat, lng, name, category, address, source)
    SELECT listing_id, cell, place_key, lat, lng, name, category, address, source FROM incoming
    WHERE known_id IS NULL ORDER BY line
    """
)
_LOCK = text(f"SELECT pg_advisory_xact_lock({_ONE_AT_A_TIME})")
_PROGRESS = text(
    """
    INSERT INTO listing_imports (digest, name, row_count, inserted_count, merged_count, refused_count, finished_at)
    VALUES (:digest, :name, :rows, :inserted, :merged, :refused, NULL)
    ON CONFLICT (digest) DO UPDATE SET row_count = listing_imports.row_count + excluded.row_count,
        inserted_count = listing_imports.inserted_count + excluded.inserted_count,
        merged_count = listing_imports.merged_count + excluded.merged_count,
        refused_count = listing_imports.refused_count + excluded.refused_count
    """
)
_READ = text(
    "SELECT row_count, inserted_count, merged_count, refused_count FROM listing_imports WHERE digest = :digest"
)
_FINISH = text("UPDATE listing_imports SET finished_at = clock_timestamp() WHERE digest = :digest")


@dataclass(frozen=True, slots=True)
class Taken:
    """How many rows were read, became listings, were known, were refused."""

    rows: int = 0
    inserted: int = 0
    merged: int = 0
    refused: int = 0

    def __add__(self, other: "Taken") -> "Taken":
        return Taken(
            self.rows + other.rows,
            self.inserted + other.inserted,
            self.merged + other.merged,
            self.refused + other.refused,
        )


@dataclass(frozen=True, slots=True)
class Prepared:
    """A listing with what the database is to know it by; ``keys`` begins with its own, see ``place_keys``."""

    listing_id: UUID
    cell: int
    keys: list[int]
    listed: Listed


def prepare(listed: Listed) -> Prepared:
    """Return a listing ready to be taken in; pure and slow, so it is done beside the database."""
    keys = place_keys(listed.name, listed.lat, listed.lng, normal)
    return Prepared(new_id(), cell_of(listed.lat, listed.lng), keys, listed)


def taken_so_far(digest: bytes) -> Taken:
    """Return how far the list with this digest has been read."""
    with transaction() as tx:
        row = tx.execute(_READ, {"digest": digest}).one_or_none()
    return Taken() if row is None else Taken(*row)


def take_in(digest: bytes, name: str, batch: Sequence[Prepared], *, refused: int) -> Taken:
    """Take a batch in and commit how far the list was read; of two runs at once the second waits.

    :param refused: rows of the list that were no listings and belong to this batch.
    """
    with transaction() as tx:
        tx.execute(_LOCK)
        inserted = _merge(tx, batch) if batch else 0
        taken = Taken(len(batch) + refused, inserted, len(batch) - inserted, refused)
        tx.execute(
            _PROGRESS,
            {
                "digest": digest,
                "name": name,
                "rows": taken.rows,
                "inserted": taken.inserted,
                "merged": taken.merged,
                "refused": taken.refused,
            },
        )
    return taken


def finish(digest: bytes) -> None:
    """Say that a list was read to its end."""
    with transaction() as tx:
        tx.execute(_FINISH, {"digest": digest})


def _distinct(batch: Sequence[Prepared]) -> list[Prepared]:
    """Return each merchant of a batch once, as it came first; an address that it lacks comes from a later one."""
    kept: list[Prepared] = []
    places: dict[int, list[int]] = {}
    for one in batch:
        row = one.listed
        same = next(
            (
                place
                for key in one.keys
                for place in places.get(key, ())
                if distance_m(kept[place].listed.lat, kept[place].listed.lng, row.lat, row.lng) <= SAME_M_MAX
            ),
            None,
        )
        if same is None:
            places.setdefault(one.keys[0], []).append(len(kept))
            kept.append(one)
        elif row.address and not kept[same].listed.address:
            kept[same] = replace(kept[same], listed=replace(kept[same].listed, address=row.address))
    return kept


def _merge(tx: Transaction, batch: Sequence[Prepared]) -> int:
    driver = tx.connection.connection.driver_connection
    assert isinstance(driver, psycopg.Connection), "psycopg is the driver"
    columns = "line, listing_id, cell, place_key, keys, lat, lng, name, category, address, source"
    with driver.cursor() as cursor:
        cursor.execute(_SCRATCH)
        with cursor.copy(f"COPY incoming ({columns}) FROM STDIN") as copy:
            for line, one in enumerate(_distinct(batch)):
                row, keys = one.listed, f"{{{','.join(map(str, one.keys))}}}"
                known_by = (line, one.listing_id, one.cell, one.keys[0], keys)
                copy.write_row((*known_by, row.lat, row.lng, row.name, row.category, row.address, row.source))
    tx.execute(_FIND_KNOWN, {"same_m_max": SAME_M_MAX})
    return int(tx.execute(_TAKE_IN).rowcount)
