"""Routes for many offers at once: files in and out, prices and counts, a shelf copied; what a barcode is known as."""

from enum import StrEnum
from typing import Any
from uuid import UUID

from flask import Response, request
from marshmallow import ValidationError, fields, validates_schema
from sqlalchemy import text

from app.core.catalog.barcodes import read_barcode
from app.core.catalog.content import Content, ContentUnit
from app.core.catalog.errors import ImportNotFound, ShelfPartNotFound, ShopNotFound
from app.core.catalog.imports import ImportFailure, ImportMode, ImportState
from app.core.catalog.sheet_files import FILE_BYTES_MAX, ROWS_MAX, FileKind, write_rows
from app.core.catalog.sheets import ERRORS_MAX, EXAMPLE, HEAD
from app.kernel.actor import Actor
from app.kernel.money import yuan
from app.kernel.transaction import Claim, read
from app.kernel.wire import Row
from app.merchant.shelf import ON_HAND_MAX, PRICE_FEN_MAX, OfferChangedOut
from app.usecases.shopkeeping.import_ends import ImportAsked, cancel_import
from app.usecases.shopkeeping.imports import request_import
from app.usecases.shopkeeping.many import CHANGES_MAX, ShelfChanged, SkuChange, change_many, copy_shelf
from app.usecases.shopkeeping.products import PROPOSALS_MAX, confirm_product, product_of_barcode, proposals
from app.usecases.shopkeeping.skus import OfferChanged
from app.web.door import Door
from app.web.fields import Body, Choice, Fen, Flag, Id, Instant, Int, Many, Pattern, Query, Text
from app.web.messages import choose_language, say
from app.web.policy import Relation, policy
from app.web.views import COUNT_MAX, ProductOut, shown_product

PARTS_MAX = 1_000

_MEDIA = {
    FileKind.CSV: "text/csv",
    FileKind.XLSX: "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}
_MEMBER = """
    JOIN memberships AS m ON m.organization_id = s.merchant_id AND m.organization_kind = 'merchant'
        AND m.account_id = :account_id AND m.role = ANY (CAST(:roles AS text[]))
"""
_IMPORT = text(
    f"""
    SELECT i.import_id, i.shop_id, i.state, i.mode, i.is_dry_run, i.row_count, i.read_count,
        i.right_count, i.wrong_count, i.written_count, i.made_count, i.changed_count, i.errors, i.asked_at, i.ended_at,
        i.failure
    FROM shelf_imports AS i JOIN shops AS s ON s.shop_id = i.shop_id {_MEMBER} WHERE i.import_id = :import_id
    """
)
_SHELF = text(
    f"""
    SELECT r.*, c.sku_count
    FROM shops AS s {_MEMBER}
    CROSS JOIN LATERAL (
        SELECT count(*) AS sku_count
        FROM offers AS f JOIN skus AS k ON k.offer_id = f.offer_id AND k.removed_at IS NULL
        WHERE f.shop_id = s.shop_id AND f.state <> 'removed'
    ) AS c
    LEFT JOIN LATERAL (
        SELECT f.position, f.offer_id, k.sku_id, k.barcode, f.name, f.category, f.category_code, f.brand, k.option,
            k.content_amount, k.content_unit, k.content_count, k.price_fen, k.packing_fen, n.on_hand, k.per_person_max,
            f.state
        FROM offers AS f JOIN skus AS k ON k.offer_id = f.offer_id AND k.removed_at IS NULL
        LEFT JOIN stock AS n ON n.sku_id = k.sku_id
        WHERE f.shop_id = s.shop_id AND f.state <> 'removed'
        ORDER BY f.position, f.offer_id, k.sku_id LIMIT :limit OFFSET :skip
    ) AS r ON true
    WHERE s.shop_id = :shop_id ORDER BY r.position, r.offer_id, r.sku_id
    """
)
"""The count stands beside the shop, so that it is made once and not for each row."""


class FileQuery(Query):
    """CSV opens anywhere; XLSX keeps long numbers as they are."""

    format = Choice(FileKind, load_default=FileKind.XLSX.value)


class ShelfQuery(FileQuery):
    """A part holds as many rows as an import takes; the answer's ``Shelf-Parts`` says how many parts there are."""

    part = Int(low=1, high=PARTS_MAX, load_default=1)


class ImportQuery(Query):
    """What becomes of right rows beside wrong ones; a dry run changes nothing and tells what would be."""

    mode = Choice(ImportMode, load_default=ImportMode.ALL_OR_NONE.value)
    is_dry_run = Flag(load_default=False)


class ImportAskedOut(Body):
    """Where an import stands."""

    import_id = Id(required=True)
    state = Choice(ImportState, required=True)


class RowErrorOut(Body):
    """What is wrong in one cell; rows count as a spreadsheet does, the head is 1."""

    row = Int(low=1, high=COUNT_MAX, required=True)
    column = Text(high=50, required=True)
    detail = Text(high=200, required=True)


class ImportOut(ImportAskedOut):
    """How far an import is, and what it came to.

    While ``reading``, ``read_count`` of ``row_count`` rows are judged, each right, wrong or blank. While ``writing``,
    ``written_count`` of ``right_count`` are written; all of them are on the shelf together when the import is ``done``.
    SKUs made and changed (in a dry run: that would be), and what is wrong, are told at the end. One that ``failed``
    changed nothing and says why: a ``failure``, and its ``reason`` in the reader's language.
    """

    shop_id = Id(required=True)
    mode = Choice(ImportMode, required=True)
    is_dry_run = Flag(required=True)
    row_count = Int(low=0, high=COUNT_MAX, required=True)
    read_count = Int(low=0, high=COUNT_MAX, required=True)
    right_count = Int(low=0, high=COUNT_MAX, required=True)
    wrong_count = Int(low=0, high=COUNT_MAX, required=True)
    written_count = Int(low=0, high=COUNT_MAX, required=True)
    made_count = Int(low=0, high=COUNT_MAX, required=True)
    changed_count = Int(low=0, high=COUNT_MAX, required=True)
    errors = Many(fields.Nested(RowErrorOut), high=ERRORS_MAX, required=True)
    asked_at = Instant(required=True)
    ended_at = Instant(required=True, allow_none=True)
    failure = Choice(ImportFailure, required=True, allow_none=True)
    reason = Text(high=200, required=True, allow_none=True)


class SkuChangeItemIn(Body):
    """A new price, a new count, or both."""

    sku_id = Id(required=True)
    price_fen = Fen(low=1, high=PRICE_FEN_MAX, load_default=None, allow_none=True)
    on_hand = Int(low=0, high=ON_HAND_MAX, load_default=None, allow_none=True)

    @validates_schema(skip_on_field_errors=True)
    def says_something(self, data: dict[str, Any], **_kwargs: object) -> None:
        """Want one of both at least."""
        if data["price_fen"] is None and data["on_hand"] is None:
            message = "field_required"
            raise ValidationError(message, "price_fen")


class SkuChangesIn(Body):
    """All of them are done, or none."""

    items = Many(fields.Nested(SkuChangeItemIn), low=1, high=CHANGES_MAX, required=True)


class CopyIn(Body):
    """Where the shelf is copied to: another of one's shops, of the same vertical."""

    to_shop_id = Id(required=True)


class ShelfChangedOut(Body):
    """How many SKUs were reached."""

    shop_id = Id(required=True)
    sku_count = Int(low=0, high=COUNT_MAX, required=True)


class BarcodeQuery(Query):
    """What was scanned."""

    barcode = Pattern(r"[0-9]{8}([0-9]{5})?", high=13, required=True)


class ProposalsOut(Body):
    """Standard products that a SKU reads like."""

    items = Many(fields.Nested(ProductOut), high=PROPOSALS_MAX, required=True)


class ConfirmIn(Body):
    """Which of the proposed; null makes a new one of what the SKU says."""

    standard_product_id = Id(required=True, allow_none=True)


class _Words(StrEnum):
    ON_SALE = "在售"
    PAUSED = "暂停"
    IN_REVIEW = "审核中"
    REFUSED = "未通过"


def add_bulk(door: Door) -> None:
    """Add the routes to ``door``."""

    @door.post(
        "/shops/<uuid:shop_id>/imports",
        query=ImportQuery,
        answer=ImportAskedOut,
        status=202,
        once=True,
        upload=FILE_BYTES_MAX,
    )
    @policy("offer.write", Relation.OWN_SHOP)
    def import_shelf(actor: Actor, *, claim: Claim, shop_id: UUID, query: dict[str, Any], file: bytes) -> ImportAsked:
        """Bring a CSV or XLSX file of offers onto the shelf; a job reads it, and says how far it is."""
        mode = ImportMode(query["mode"])
        return request_import(actor, claim, shop_id=shop_id, file=file, mode=mode, is_dry_run=query["is_dry_run"])

    @door.get("/imports/<uuid:import_id>", answer=ImportOut)
    @policy("offer.read", Relation.OWN_SHOP)
    def read_import(actor: Actor, *, import_id: UUID) -> dict[str, Any]:
        """Read how far an import is, and what is wrong in which row."""
        row = read(_IMPORT, {"import_id": import_id, **actor.as_member}).one_or_none()
        if row is None:
            raise ImportNotFound
        language = choose_language(request.headers.get("Accept-Language", ""))
        reason = None if row.failure is None else say(row.failure, "detail", language, {})
        return {**row._mapping, "reason": reason}

    @door.post("/imports/<uuid:import_id>/cancellation", answer=ImportAskedOut, once=True)
    @policy("offer.write", Relation.OWN_SHOP)
    def cancel_shelf_import(actor: Actor, *, claim: Claim, import_id: UUID) -> ImportAsked:
        """Give up an import that waits or runs, so that another may begin; nothing of it comes onto the shelf."""
        return cancel_import(actor, claim, import_id=import_id)

    @door.get("/shops/<uuid:shop_id>/shelf-file", query=ShelfQuery, pages=tuple(_MEDIA.values()))
    @policy("offer.read", Relation.OWN_SHOP)
    def export_shelf(actor: Actor, *, shop_id: UUID, query: dict[str, Any]) -> Response:
        """Read the shelf, or a part of a long one, as a file that can be changed and imported again."""
        part, span = query["part"], {"limit": ROWS_MAX, "skip": (query["part"] - 1) * ROWS_MAX}
        rows = read(_SHELF, {"shop_id": shop_id, **actor.as_member, **span}).fetchall()
        if not rows:
            raise ShopNotFound
        part_count = max(1, -(-rows[0].sku_count // ROWS_MAX))
        if part > part_count:
            raise ShelfPartNotFound(pointer="/part", part_count=part_count)
        shelf = [_cells(row) for row in rows if row.sku_id is not None]
        name = "shelf" if part_count == 1 else f"shelf-{part}-of-{part_count}"
        response = _file(FileKind(query["format"]), [HEAD, *shelf], name)
        response.headers["Shelf-Parts"] = str(part_count)
        return response

    @door.get("/shelf-template", query=FileQuery, pages=tuple(_MEDIA.values()))
    @policy("offer.read", Relation.SIDE)
    def read_template(_actor: Actor, *, query: dict[str, Any]) -> Response:
        """Read an empty file with the columns of a shelf and one row as an example."""
        return _file(FileKind(query["format"]), [HEAD, EXAMPLE], "template")

    _add_many(door)
    _add_products(door)


def _add_many(door: Door) -> None:
    @door.post("/shops/<uuid:shop_id>/sku-changes", body=SkuChangesIn, answer=ShelfChangedOut, once=True)
    @policy("offer.write", Relation.OWN_SHOP)
    def change_skus(actor: Actor, *, claim: Claim, shop_id: UUID, body: dict[str, Any]) -> ShelfChanged:
        """Set prices and counts of many SKUs at once, all or none."""
        return change_many(actor, claim, shop_id=shop_id, changes=[SkuChange(**item) for item in body["items"]])

    @door.post("/shops/<uuid:shop_id>/shelf-copies", body=CopyIn, answer=ShelfChangedOut, status=201, once=True)
    @policy("offer.write", Relation.OWN_SHOP)
    def copy(actor: Actor, *, claim: Claim, shop_id: UUID, body: dict[str, Any]) -> ShelfChanged:
        """Copy a shelf to another of one's shops; counted stock begins at nothing there."""
        return copy_shelf(actor, claim, shop_id=shop_id, to_shop_id=body["to_shop_id"])


def _add_products(door: Door) -> None:
    @door.get("/standard-products", query=BarcodeQuery, answer=ProductOut)
    @policy("offer.read", Relation.SIDE)
    def read_product(_actor: Actor, *, query: dict[str, Any]) -> dict[str, Any]:
        """Read what is known of a scanned barcode, to fill a new offer in with."""
        barcode = read_barcode(query["barcode"])
        assert barcode is not None, "it is required"
        return shown_product(product_of_barcode(barcode))

    @door.get("/shops/<uuid:shop_id>/skus/<uuid:sku_id>/product-proposals", answer=ProposalsOut)
    @policy("offer.read", Relation.OWN_SHOP)
    def list_proposals(actor: Actor, *, shop_id: UUID, sku_id: UUID) -> dict[str, Any]:
        """List the standard products that a SKU without a barcode reads like."""
        return {"items": [shown_product(row) for row in proposals(actor, shop_id=shop_id, sku_id=sku_id)]}

    @door.put("/shops/<uuid:shop_id>/skus/<uuid:sku_id>/product", body=ConfirmIn, answer=OfferChangedOut, once=True)
    @policy("offer.write", Relation.OWN_SHOP)
    def confirm(actor: Actor, *, claim: Claim, shop_id: UUID, sku_id: UUID, body: dict[str, Any]) -> OfferChanged:
        """Confirm which standard product a SKU is, or that it is a new one."""
        return confirm_product(actor, claim, shop_id=shop_id, sku_id=sku_id, **body)


def _file(kind: FileKind, rows: list[tuple[str, ...]], name: str) -> Response:
    response = Response(write_rows(kind, rows), mimetype=_MEDIA[kind])
    response.headers["Content-Disposition"] = f'attachment; filename="{name}.{kind.value}"'
    response.headers["Cache-Control"] = "no-store"
    return response


def _cells(row: Row) -> tuple[str, ...]:
    content = ""
    if row.content_amount is not None:
        content = str(Content(row.content_amount, ContentUnit(row.content_unit), row.content_count))
    return (
        str(row.sku_id),
        row.barcode or "",
        row.name,
        row.category,
        row.category_code or "",
        row.brand,
        row.option,
        content,
        yuan(row.price_fen),
        yuan(row.packing_fen),
        "" if row.on_hand is None else str(row.on_hand),
        "" if row.per_person_max is None else str(row.per_person_max),
        _Words[row.state.upper()].value,
    )
