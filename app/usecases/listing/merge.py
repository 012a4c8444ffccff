"""Merge rows that arrived into the directory, a band of the map a transaction.

What is known already, by name and within :data:`SAME_M_MAX` meters, keeps its id, and an address that it lacks is
filled in; of rows that are one merchant the first is kept. All of a band is compared at once, in sets: rows of one name
in one slice of latitude. What is inserted is in the order of the index of places, so that the index grows at its end.
"""

from sqlalchemy import text

from app.core.directory.cells import map_rows
from app.core.directory.rules import SAME_M_MAX, bands_of, firsts_of
from app.kernel.transaction import Transaction, transaction
from app.usecases.listing.take_in import Import, Taken

BAND = 400_000
"""Rows that are merged at once, about."""
FEW = 20_000
"""So many rows ask for the squares around each; more read the band of the directory."""
_ONE_AT_A_TIME = 7_146_115
_SLICE = 0.01
"""Degrees of latitude: 1.1 km, so that few rows lie within the distance of two."""
_REACH = 0.0009
"""The distance in degrees of latitude, and a little more."""

_SETTINGS = (text("SET LOCAL statement_timeout = '300s'"), text("SET LOCAL work_mem = '128MB'"))
_LOCK = text(f"SELECT pg_advisory_xact_lock({_ONE_AT_A_TIME})")
_OURS = text("SELECT merged_row FROM listing_imports WHERE import_number = :import_number FOR UPDATE")
_COUNTS = text(
    """
    SELECT cell >> 31 AS map_row, count(*) AS listings FROM arrived_listings
    WHERE import_number = :import_number AND cell >= :since GROUP BY 1 ORDER BY 1
    """
)
_BAND = text(
    f"""
    CREATE TEMPORARY TABLE band ON COMMIT DROP AS
    SELECT DISTINCT ON (name_key, lat, lng) min(line) OVER same AS line, cell, name_key, lat, lng, name,
        category, address, source, floor(lat / {_SLICE})::integer AS slice, CAST(NULL AS uuid) AS known_id,
        CAST(NULL AS bigint) AS first_line
    FROM arrived_listings
    WHERE import_number = :import_number AND cell >= :since AND cell < :until
    WINDOW same AS (PARTITION BY name_key, lat, lng)
    ORDER BY name_key, lat, lng, address = '', arrived_listings.line
    """
)
_BAND_SIZE = text(
    """
    SELECT count(*) AS listings FROM arrived_listings
    WHERE import_number = :import_number AND cell >= :since AND cell < :until
    """
)
_ANALYZE = text("ANALYZE band")
_PROBES = f"""
    probes AS (
        SELECT b.line, b.name_key, b.lat, b.lng, s.slice FROM band AS b
        CROSS JOIN LATERAL generate_series(
            floor((b.lat - {_REACH}) / {_SLICE})::integer, floor((b.lat + {_REACH}) / {_SLICE})::integer) AS s (slice)
        WHERE b.known_id IS NULL
    )"""
_IS_SAME = f"""
    abs({{one}}.lat - p.lat) < {_REACH}
    AND meters_between({{one}}.lat, {{one}}.lng, p.lat, p.lng) <= {SAME_M_MAX}"""
_KNOWN_OF_MANY = f"""
    WITH {_PROBES}
    SELECT p.line, l.listing_id FROM probes AS p
    JOIN listings AS l ON l.name_key = p.name_key AND floor(l.lat / {_SLICE})::integer = p.slice
        AND {_IS_SAME.format(one="l")}
    WHERE l.cell >= :since - (1::bigint << 31) AND l.cell < :until + (1::bigint << 31)"""
_KNOWN_OF_FEW = f"""
    WITH p AS (SELECT * FROM band),
    reach AS (
        SELECT DISTINCT c.cell FROM p CROSS JOIN LATERAL (SELECT {_REACH} / cos(radians(p.lat)) AS lng) AS d
        CROSS JOIN LATERAL (VALUES
            (map_cell(p.lat - {_REACH}, p.lng - d.lng, 16)), (map_cell(p.lat - {_REACH}, p.lng + d.lng, 16)),
            (map_cell(p.lat + {_REACH}, p.lng - d.lng, 16)), (map_cell(p.lat + {_REACH}, p.lng + d.lng, 16))
        ) AS c (cell)
    )
    SELECT p.line, l.listing_id FROM reach AS r JOIN listings AS l ON l.cell = r.cell
    JOIN p ON p.name_key = l.name_key AND {_IS_SAME.format(one="l")}"""
_MARK_KNOWN = """
    UPDATE band AS b SET known_id = k.listing_id FROM (
        SELECT DISTINCT ON (line) line, listing_id FROM ({found}) AS f ORDER BY line, listing_id
    ) AS k WHERE k.line = b.line"""
_FIND_KNOWN_OF_MANY = text(_MARK_KNOWN.format(found=_KNOWN_OF_MANY))
_FIND_KNOWN_OF_FEW = text(_MARK_KNOWN.format(found=_KNOWN_OF_FEW))
_TWINS = text(
    f"""
    WITH {_PROBES}
    SELECT p.line, e.line AS earlier FROM probes AS p
    JOIN band AS e ON e.name_key = p.name_key AND e.slice = p.slice AND e.line < p.line AND {_IS_SAME.format(one="e")}
    WHERE e.known_id IS NULL
    """
)
_MARK_MERGED = text(
    """
    UPDATE band AS b SET first_line = m.first_line
    FROM unnest(CAST(:lines AS bigint[]), CAST(:firsts AS bigint[])) AS m (line, first_line) WHERE m.line = b.line
    """
)
_ID = """CAST(encode(int8send(((CAST(extract(epoch FROM clock_timestamp()) * 1000 AS bigint)
            + ((row_number() OVER ()) >> 12)) << 16) | 28672 | ((row_number() OVER ()) & 4095))
        || substring(uuid_send(gen_random_uuid()) FROM 9), 'hex') AS uuid)"""
"""A UUIDv7 as those of :mod:`app.kernel.ids`: milliseconds, a count in the order of the rows, 62 random bits."""
_TAKE_IN = text(
    f"""
    WITH filled AS (
        UPDATE listings AS l SET address = k.address FROM (
            SELECT DISTINCT ON (known_id) known_id, address FROM band
            WHERE known_id IS NOT NULL AND address <> '' ORDER BY known_id, line
        ) AS k WHERE l.listing_id = k.known_id AND l.address = ''
    ),
    more AS (
        SELECT DISTINCT ON (first_line) first_line, address FROM band
        WHERE first_line IS NOT NULL AND address <> '' ORDER BY first_line, line
    )
    INSERT INTO listings (listing_id, cell, name_key, lat, lng, name, category, address, source)
    SELECT {_ID}, b.* FROM (
        SELECT b.cell, b.name_key, b.lat, b.lng, b.name, b.category, coalesce(nullif(b.address, ''), m.address, ''),
            b.source
        FROM band AS b LEFT JOIN more AS m ON m.first_line = b.line
        WHERE b.known_id IS NULL AND b.first_line IS NULL ORDER BY b.cell, b.category
    ) AS b
    """
)
_PROGRESS = text(
    """
    UPDATE listing_imports SET inserted_count = inserted_count + :inserted, merged_count = merged_count + :merged,
        merged_row = :merged_row
    WHERE import_number = :import_number
    """
)


def bands(of: Import) -> list[tuple[int, int, int]]:
    """Return what is to be merged yet: spans of rows of the map, and how many listings arrived in each."""
    with transaction() as tx:
        for setting in _SETTINGS:
            tx.execute(setting)
        since, _ = map_rows(of.merged_row, of.merged_row)
        rows = tx.execute(_COUNTS, {"import_number": of.number, "since": since}).fetchall()
    counts = [(row.map_row, row.listings) for row in rows]
    return [
        (begin, end, sum(count for map_row, count in counts if begin <= map_row < end))
        for begin, end in bands_of(counts, BAND)
    ]


def merge(import_number: int, begin: int, end: int) -> Taken:
    """Merge what arrived in the rows ``begin`` to ``end`` of the map, ``end`` excluded; one merges at a time.

    What another run of the same list merged meanwhile counts for nothing.
    """
    since, until = map_rows(begin, end)
    params = {"import_number": import_number, "since": since, "until": until}
    with transaction() as tx:
        for setting in _SETTINGS:
            tx.execute(setting)
        tx.execute(_LOCK)
        if tx.execute(_OURS, {"import_number": import_number}).scalar_one() > begin:
            return Taken()
        listings = tx.execute(_BAND_SIZE, params).scalar_one()
        inserted = _merge(tx, params, is_of_few=listings <= FEW)
        progress = {"inserted": inserted, "merged": listings - inserted, "merged_row": end}
        tx.execute(_PROGRESS, {"import_number": import_number, **progress})
    return Taken(inserted=inserted, merged=listings - inserted)


def _merge(tx: Transaction, params: dict[str, int], *, is_of_few: bool) -> int:
    tx.execute(_BAND, params)
    tx.execute(_ANALYZE)
    if is_of_few:
        tx.execute(_FIND_KNOWN_OF_FEW)
    else:
        tx.execute(_FIND_KNOWN_OF_MANY, {"since": params["since"], "until": params["until"]})
    merged = firsts_of((row.line, row.earlier) for row in tx.execute(_TWINS))
    if merged:
        tx.execute(_MARK_MERGED, {"lines": list(merged), "firsts": list(merged.values())})
    return tx.execute(_TAKE_IN).rowcount
