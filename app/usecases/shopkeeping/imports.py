"""A file of offers comes onto a shelf (批量导入): asked for in one transaction, read by a job, applied by one more.

A row is about the SKU that it names by its id, else by its barcode, else by name, group, brand and option, else about
a new one; in each case it says price, name, group, category, brand, option and state, and what it leaves blank stays.
Rows are judged before anything is written. What is applied is applied whole: the right rows of a file stand on the
shelf together, or none does. How far an import is, is committed beside that as rows are read and written.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from operator import itemgetter
from typing import Any, TypeVar
from uuid import UUID

import orjson
from sqlalchemy import text

from app.core.catalog.barcodes import is_in_store
from app.core.catalog.errors import ImportRunning, ShopNotFound, TooManyRows
from app.core.catalog.imports import TRIES_MAX, ImportFailure, ImportMode, ImportState
from app.core.catalog.matching import match_key
from app.core.catalog.sheet_files import ROWS_MAX, read_rows
from app.core.catalog.sheets import ERRORS_MAX, RowError, SheetRow, is_blank, read_head, read_row
from app.core.catalog.standing import Beside, Standing
from app.core.events import ShelfImportRequested
from app.kernel.actor import Actor
from app.kernel.errors import Invalid
from app.kernel.ids import new_id
from app.kernel.transaction import Claim, Transaction, closing, opening, read, transaction, write_alone, write_beside
from app.kernel.wire import Row
from app.usecases.shopkeeping.import_ends import ImportAsked, fail_import
from app.usecases.shopkeeping.shelf import MEMBER, lock

BATCH = 500
T = TypeVar("T")
KIND_OF = {"retail": "goods", "food": "dish", "home_service": "service", "leisure": "voucher"}
"""What a row of a sheet is, by the shop's vertical."""

_SHOP = f"SELECT s.shop_id FROM shops AS s {MEMBER} AND s.shop_id = :shop_id"
_READ_SHOP = text(_SHOP)
_LOCK_SHOP = opening(f"{_SHOP} FOR KEY SHARE OF s")
"""It stays; who asks does not wait for an import that writes, since one at a time is what the index keeps."""
_REQUEST = closing(
    """
    asked AS (
        INSERT INTO shelf_imports (import_id, shop_id, account_id, state, mode, is_dry_run, file, row_count,
            asked_at)
        VALUES (:import_id, :shop_id, :account_id, :state, :mode, :is_dry_run, CAST(:file AS bytea), :row_count,
            business_now())
        ON CONFLICT (shop_id) WHERE state IN ('waiting', 'reading', 'writing') DO NOTHING RETURNING import_id
    )""",
    answer="SELECT import_id FROM asked",
)
_BEGIN = text(
    """
    UPDATE shelf_imports AS i SET state = 'reading', read_count = 0, right_count = 0, wrong_count = 0,
        written_count = 0, try_count = i.try_count + 1
    FROM shops AS s
    WHERE i.import_id = :import_id AND i.state IN ('waiting', 'reading', 'writing') AND s.shop_id = i.shop_id
    RETURNING i.shop_id, i.mode, i.is_dry_run, i.file, i.try_count, s.vertical,
        ARRAY(SELECT c.code FROM categories AS c WHERE c.vertical = s.vertical) AS categories
    """
)
_RUNNING = "import_id = :import_id AND state IN ('reading', 'writing')"
_READ = text(
    f"""
    UPDATE shelf_imports SET read_count = :read_count, right_count = :right_count, wrong_count = :wrong_count
    WHERE {_RUNNING}
    """
)
_WRITTEN = text(f"UPDATE shelf_imports SET state = 'writing', written_count = :written_count WHERE {_RUNNING}")
_IS_RUNNING = text(f"SELECT 1 FROM shelf_imports WHERE {_RUNNING}")
_END = text(
    f"""
    UPDATE shelf_imports SET state = :state, read_count = :read_count, right_count = :right_count,
        wrong_count = :wrong_count, written_count = :written_count, made_count = :made_count,
        changed_count = :changed_count, errors = CAST(:errors AS jsonb), file = NULL, ended_at = business_now()
    WHERE {_RUNNING} RETURNING 1
    """
)
_SHELF = text(
    """
    SELECT k.sku_id, k.offer_id, k.barcode, k.option, f.name, f.category, f.brand,
        s.reviewed_until > business_now() AS is_new_shop
    FROM shops AS s LEFT JOIN offers AS f ON f.shop_id = s.shop_id AND f.state <> 'removed'
    LEFT JOIN skus AS k ON k.offer_id = f.offer_id AND k.removed_at IS NULL
    WHERE s.shop_id = :shop_id ORDER BY f.position, k.sku_id
    """
)
_LOCK = text("SELECT 1 FROM shops WHERE shop_id = :shop_id FOR NO KEY UPDATE")
"""Others who change the shelf wait; orders, which only name the shop, do not."""
_PRODUCTS = text(
    """
    INSERT INTO standard_products (standard_product_id, barcode, name, brand, content_amount, content_unit,
        content_count, category_code, match_key)
    SELECT r.product_id, r.barcode, r.name, r.brand, r.content_amount, r.content_unit, r.content_count,
        r.category_code, r.match_key
    FROM jsonb_to_recordset(CAST(:rows AS jsonb)) AS r (product_id uuid, barcode text, name text, brand text,
        content_amount bigint, content_unit text, content_count bigint, category_code text, match_key text)
    ORDER BY r.barcode ON CONFLICT (barcode) DO NOTHING
    """
)
_OFFERS = text(
    """
    INSERT INTO offers (offer_id, shop_id, kind, name, category, position, state, is_paused_after_review, category_code,
        brand, is_age_restricted, is_return_excluded)
    SELECT r.offer_id, :shop_id, :kind, r.name, r.category,
        r.place + (SELECT coalesce(max(position), 0) FROM offers WHERE shop_id = :shop_id),
        CASE WHEN g.is_sensitive OR CAST(:is_new_shop AS boolean) THEN 'in_review'
            ELSE coalesce(r.state, 'on_sale') END,
        coalesce(r.state = 'paused', false), r.category_code, r.brand, coalesce(g.is_age_restricted, false),
        coalesce(g.is_return_excluded, false)
    FROM jsonb_to_recordset(CAST(:rows AS jsonb)) AS r (offer_id uuid, name text, category text, place bigint,
        state text, category_code text, brand text)
    LEFT JOIN categories AS g ON g.code = r.category_code
    """
)
_SKU_COLUMNS = """(sku_id uuid, offer_id uuid, option text, price_fen bigint, packing_fen bigint, barcode text,
        content_amount bigint, content_unit text, content_count bigint, per_person_max bigint, on_hand bigint,
        state text, name text, category text, category_code text, brand text)"""
_SKUS = text(
    f"""
    INSERT INTO skus (sku_id, offer_id, shop_id, option, price_fen, packing_fen, barcode, content_amount, content_unit,
        content_count, per_person_max, standard_product_id)
    SELECT r.sku_id, r.offer_id, :shop_id, r.option, r.price_fen, r.packing_fen, r.barcode, r.content_amount,
        r.content_unit, r.content_count, r.per_person_max, p.standard_product_id
    FROM jsonb_to_recordset(CAST(:rows AS jsonb)) AS r {_SKU_COLUMNS}
    LEFT JOIN standard_products AS p ON p.barcode = r.barcode
    """
)
_CHANGED = text(
    f"""
    UPDATE skus AS k SET price_fen = r.price_fen,
        packing_fen = CASE WHEN CAST(:has_packing AS boolean) THEN r.packing_fen ELSE k.packing_fen END,
        option = CASE WHEN r.option <> '' THEN r.option ELSE k.option END,
        options = CASE WHEN r.option NOT IN ('', k.option) THEN '[]' ELSE k.options END,
        barcode = coalesce(r.barcode, k.barcode),
        standard_product_id = CASE WHEN r.barcode IS NULL THEN k.standard_product_id ELSE p.standard_product_id END,
        content_amount = coalesce(r.content_amount, k.content_amount),
        content_unit = coalesce(r.content_unit, k.content_unit),
        content_count = CASE WHEN r.content_amount IS NULL THEN k.content_count ELSE r.content_count END,
        per_person_max = CASE WHEN CAST(:has_per_person AS boolean) THEN r.per_person_max ELSE k.per_person_max END
    FROM jsonb_to_recordset(CAST(:rows AS jsonb)) AS r {_SKU_COLUMNS}
    LEFT JOIN standard_products AS p ON p.barcode = r.barcode
    WHERE k.sku_id = r.sku_id AND k.shop_id = :shop_id
        AND (k.price_fen <> r.price_fen OR r.option NOT IN ('', k.option)
            OR CAST(:has_packing AS boolean) AND k.packing_fen <> r.packing_fen
            OR CAST(:has_per_person AS boolean) AND k.per_person_max IS DISTINCT FROM r.per_person_max
            OR r.barcode IS NOT NULL
                AND (k.barcode, k.standard_product_id) IS DISTINCT FROM (r.barcode, p.standard_product_id)
            OR r.content_amount IS NOT NULL AND (k.content_amount, k.content_unit, k.content_count)
                IS DISTINCT FROM (r.content_amount, r.content_unit, r.content_count))
    """
)
"""A SKU that is what its row says is not touched, so that nothing is searched, priced or told anew for it."""
_NAMED = text(
    f"""
    UPDATE offers AS f SET name = r.name, category = r.category, brand = r.brand, category_code = r.category_code,
        is_age_restricted = f.is_age_restricted OR r.is_age_restricted,
        is_return_excluded = f.is_return_excluded OR r.is_return_excluded,
        state = CASE WHEN (CAST(:is_new_shop AS boolean) OR r.is_sensitive)
            AND (f.name, f.brand, f.category_code) IS DISTINCT FROM (r.name, r.brand, r.category_code)
            THEN 'in_review' ELSE f.state END,
        is_paused_after_review = f.state = 'paused' OR f.is_paused_after_review AND f.state IN ('in_review', 'refused')
    FROM (
        SELECT o.offer_id, s.name, s.category, coalesce(s.brand, o.brand) AS brand,
            coalesce(s.category_code, o.category_code) AS category_code,
            coalesce(g.is_age_restricted, false) AS is_age_restricted,
            coalesce(g.is_return_excluded, false) AS is_return_excluded, coalesce(g.is_sensitive, false) AS is_sensitive
        FROM (
            SELECT r.offer_id, max(r.name) AS name, max(r.category) AS category, max(nullif(r.brand, '')) AS brand,
                max(r.category_code) AS category_code
            FROM jsonb_to_recordset(CAST(:rows AS jsonb)) AS r {_SKU_COLUMNS} GROUP BY r.offer_id
        ) AS s
        JOIN offers AS o ON o.offer_id = s.offer_id AND o.shop_id = :shop_id
        LEFT JOIN categories AS g ON g.code = coalesce(s.category_code, o.category_code)
    ) AS r
    WHERE f.offer_id = r.offer_id
        AND (f.name, f.category, f.brand, f.category_code)
            IS DISTINCT FROM (r.name, r.category, r.brand, r.category_code)
    """
)
"""A row says the offer anew whose SKU it is about, blank cells apart; where the platform looks first, it waits."""
_STATES = text(
    f"""
    UPDATE offers AS f SET state = CASE WHEN f.state IN ('on_sale', 'paused') THEN r.state ELSE f.state END,
        is_paused_after_review = r.state = 'paused'
    FROM jsonb_to_recordset(CAST(:rows AS jsonb)) AS r {_SKU_COLUMNS}
    WHERE f.offer_id = r.offer_id AND f.state <> 'removed'
        AND CASE WHEN f.state IN ('on_sale', 'paused') THEN f.state <> r.state
            ELSE f.is_paused_after_review <> (r.state = 'paused') END
    """
)
_UNCOUNTED = text(
    f"""
    DELETE FROM stock AS n USING jsonb_to_recordset(CAST(:rows AS jsonb)) AS r {_SKU_COLUMNS}
    WHERE n.sku_id = r.sku_id AND r.on_hand IS NULL AND n.reserved = 0
    """
)
_STOCK = text(
    f"""
    INSERT INTO stock (sku_id, received, on_hand)
    SELECT r.sku_id, r.on_hand, r.on_hand FROM jsonb_to_recordset(CAST(:rows AS jsonb)) AS r {_SKU_COLUMNS}
    WHERE r.on_hand IS NOT NULL ORDER BY r.sku_id
    ON CONFLICT (sku_id) DO UPDATE
    SET on_hand = excluded.on_hand, received = excluded.on_hand + stock.reserved + stock.sold
    """
)


@dataclass(slots=True)
class _Judged:
    """Rows that are right by themselves and beside each other, and what is wrong with the others."""

    columns: frozenset[str] = frozenset()
    rows: list[SheetRow] = field(default_factory=list)
    errors: list[RowError] = field(default_factory=list)
    wrong: set[int] = field(default_factory=set)

    def refuse(self, errors: Sequence[RowError]) -> None:
        self.wrong |= {error.row for error in errors}
        self.errors += errors[: max(0, ERRORS_MAX - len(self.errors))]


def request_import(
    actor: Actor, claim: Claim, *, shop_id: UUID, file: bytes, mode: ImportMode, is_dry_run: bool
) -> ImportAsked:
    """Take a file for a shop's shelf; it is read by a job.

    :raises ShopNotFound: the shop is not the actor's. :raises ImportRunning: another one is under way.
    :raises FileTooLarge, FileUnreadable, ColumnsLacking, TooManyRows: it is not read at all.
    """
    shop: dict[str, object] = {"shop_id": shop_id, **actor.as_member}
    row_count = 0
    if read(_READ_SHOP, shop).first() is not None:  # a stranger's file is not read; below it is refused
        row_count = _count(file)
    with transaction(claim) as tx:
        lock(tx, _LOCK_SHOP, shop, ShopNotFound)
        asked = ImportAsked(import_id=new_id(), state=ImportState.WAITING.value)
        tx.record(ShelfImportRequested(shop_id=shop_id, import_id=asked.import_id))
        tx.keep(asked)
        made = tx.close(
            _REQUEST,
            {
                "import_id": asked.import_id,
                "shop_id": shop_id,
                "account_id": actor.account_id,
                "state": asked.state,
                "mode": mode.value,
                "is_dry_run": is_dry_run,
                "file": file,
                "row_count": row_count,
            },
        )
        if made.first() is None:
            raise ImportRunning
    return asked


def _count(file: bytes) -> int:
    rows = read_rows(file)
    read_head(next(rows, ()))
    row_count = sum(1 for _ in rows)
    if row_count > ROWS_MAX:
        raise TooManyRows(rows_max=ROWS_MAX)
    return row_count


def run_import(import_id: UUID) -> None:
    """Read the file of an import and apply it. A second run begins anew; one that has ended is let be.

    A file that cannot be read any more ends it, as :data:`TRIES_MAX` runs do that came to no end.
    """
    with transaction() as tx:
        asked = tx.execute(_BEGIN, {"import_id": import_id}).first()
    if asked is None:
        return
    if asked.try_count > TRIES_MAX:
        fail_import(import_id, ImportFailure.OURS)
        return
    if asked.file is None:
        fail_import(import_id, ImportFailure.UNREADABLE)
        return
    try:
        _run(import_id, asked)
    except Invalid:
        fail_import(import_id, ImportFailure.UNREADABLE)
    except _GivenUp:
        return


class _GivenUp(Exception):
    """The import was ended by somebody else while it was written: what was written goes back."""


def _run(import_id: UUID, asked: Row) -> None:
    judged = _Judged()
    shelf = read(_SHELF, {"shop_id": asked.shop_id}).fetchall()
    counts: dict[str, object] = {}
    for read_count in _judge(asked, shelf, judged):
        counts = {"read_count": read_count, "right_count": len(judged.rows), "wrong_count": len(judged.wrong)}
        write_alone(_READ, {"import_id": import_id, **counts})
    is_refused = bool(judged.wrong) and asked.mode == ImportMode.ALL_OR_NONE
    is_applied = not asked.is_dry_run and not is_refused

    with transaction() as tx:

        def tell(written_count: int) -> None:
            write_beside(_WRITTEN, {"import_id": import_id, "written_count": written_count})
            if tx.execute(_IS_RUNNING, {"import_id": import_id}).first() is None:
                raise _GivenUp  # at once: who gave it up waits for the shop

        made = changed = 0
        if is_applied:
            tx.execute(_LOCK, {"shop_id": asked.shop_id})
            if tx.execute(_IS_RUNNING, {"import_id": import_id}).first() is None:
                return  # another run of it held the shop, and has ended it
            made, changed = _apply(tx, asked, judged, tell)
        elif not is_refused:
            changed = sum(sku is not None for _, _, sku in Standing(shelf).each(judged.rows))
            made = len(judged.rows) - changed
        ended = tx.execute(
            _END,
            {
                "import_id": import_id,
                **counts,
                "state": (ImportState.REFUSED if is_refused else ImportState.DONE).value,
                "written_count": len(judged.rows) if is_applied else 0,
                "made_count": made,
                "changed_count": changed,
                "errors": orjson.dumps([error._asdict() for error in judged.errors]).decode(),
            },
        )
        if ended.first() is None:
            raise _GivenUp


def _judge(asked: Row, shelf: Sequence[Row], judged: _Judged) -> Iterator[int]:
    """Judge the rows of a file, and yield now and then how many were read."""
    rows = read_rows(bytes(asked.file))
    places, categories = read_head(next(rows)), frozenset(asked.categories)
    judged.columns = frozenset(places)
    beside = Beside(Standing(shelf))
    number = 1
    for number, cells in enumerate(rows, start=2):
        if is_blank(cells):
            continue
        found = read_row(number, cells, places, categories)
        if isinstance(found, list):
            judged.refuse(found)
        elif (flaw := beside.flaw_of(found)) is not None:
            judged.refuse([flaw])
        else:
            judged.rows.append(found)
        if number % BATCH == 0:
            yield number - 1
    yield number - 1


def _apply(tx: Transaction, asked: Row, judged: _Judged, tell: Callable[[int], None]) -> tuple[int, int]:
    """Write the rows, with the shop locked; return how many SKUs were made and how many were changed.

    What the file has no column for stays as it is.
    Products and changed SKUs are locked in the order of their keys, so that two imports do not wait for each other.

    :param tell: is told how many rows are written, after each batch of them; it may raise, and all goes back.
    """
    shelf = tx.execute(_SHELF, {"shop_id": asked.shop_id}).fetchall()
    known = Standing(shelf)
    stood = frozenset(known.names)
    fresh_offers: dict[UUID, dict[str, Any]] = {}
    made: list[tuple[dict[str, Any] | None, dict[str, Any]]] = []
    changed: list[dict[str, Any]] = []
    for row, offer_id, sku in known.each(judged.rows):
        if sku is not None:
            changed.append(_sku(row, sku.sku_id, offer_id))
            continue
        offer = None
        if offer_id not in stood:
            if offer_id not in fresh_offers:
                offer = fresh_offers[offer_id] = {"offer_id": offer_id}
            said = {"state": row.state, **_said(row)}
            fresh_offers[offer_id] |= {name: fresh_offers[offer_id].get(name) or one for name, one in said.items()}
        made.append((offer, _sku(row, new_id(), offer_id)))
    tell(0)
    products = [_product(row) for row in judged.rows if row.barcode is not None and not is_in_store(row.barcode)]
    for part in _batches(sorted(products, key=itemgetter("barcode"))):
        tx.execute(_PRODUCTS, {"rows": _json(part)})
    shop = {"shop_id": asked.shop_id}
    fresh = {"kind": KIND_OF[asked.vertical], "is_new_shop": bool(shelf[0].is_new_shop)}
    written = 0
    for some in _batches(made):
        offers = [offer for offer, _ in some if offer is not None]
        placed = [{**offer, "place": place} for place, offer in enumerate(offers, start=1)]
        tx.execute(_OFFERS, {"rows": _json(placed), **shop, **fresh})
        skus = _json([sku for _, sku in some])
        tx.execute(_SKUS, {"rows": skus, **shop})
        tx.execute(_STOCK, {"rows": skus})
        older = {"rows": _json([sku for _, sku in some if sku["offer_id"] in stood])}
        tx.execute(_NAMED, {**older, **shop, "is_new_shop": fresh["is_new_shop"]})
        tx.execute(_STATES, older)
        written += len(some)
        tell(written)
    for part in _batches(sorted(changed, key=itemgetter("sku_id"))):
        rows = {"rows": _json(part)}
        has = {"has_packing": "packing" in judged.columns, "has_per_person": "per_person" in judged.columns}
        tx.execute(_CHANGED, {**rows, **shop, **has})
        tx.execute(_NAMED, {**rows, **shop, "is_new_shop": fresh["is_new_shop"]})
        tx.execute(_STATES, rows)
        if "on_hand" in judged.columns:
            tx.execute(_UNCOUNTED, rows)
            tx.execute(_STOCK, rows)
        written += len(part)
        tell(written)
    return len(made), len(changed)


def _batches(rows: Sequence[T]) -> Iterator[Sequence[T]]:
    return (rows[start : start + BATCH] for start in range(0, len(rows), BATCH))


def _json(rows: Sequence[dict[str, Any]]) -> str:
    return orjson.dumps(rows).decode()


def _content(row: SheetRow) -> dict[str, Any]:
    content = row.content
    return {
        "content_amount": None if content is None else content.amount,
        "content_unit": None if content is None else content.unit.value,
        "content_count": 1 if content is None else content.count,
    }


def _product(row: SheetRow) -> dict[str, Any]:
    name = f"{row.name} {row.option}".strip()
    key = match_key(name, row.brand, row.content)
    about = {"barcode": row.barcode, "name": name, "brand": row.brand, "category_code": row.category_code}
    return {"product_id": new_id(), **about, "match_key": key, **_content(row)}


def _said(row: SheetRow) -> dict[str, Any]:
    return {name: getattr(row, name) for name in ("name", "category", "category_code", "brand")}


def _sku(row: SheetRow, sku_id: UUID, offer_id: UUID) -> dict[str, Any]:
    names = ("option", "price_fen", "packing_fen", "barcode", "per_person_max", "on_hand", "state")
    said = {name: getattr(row, name) for name in names}
    return {"sku_id": sku_id, "offer_id": offer_id, **said, **_said(row), **_content(row)}
