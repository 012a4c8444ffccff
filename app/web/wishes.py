"""Wishes as the sides say and see them."""

from typing import Any
from uuid import UUID

import orjson
from marshmallow import ValidationError, fields, validates_schema

from app.core.orders.errors import NoteOfNoShop
from app.core.orders.quote import LINES_MAX
from app.core.orders.wishes import (
    CUTLERY_MAX,
    GIFT_CONTEXT,
    INVOICE_CONTEXT,
    MESSAGE_MAX,
    NOTE_MAX,
    SENDER_MAX,
    TAX_NUMBER,
    TITLE_MAX,
    Gift,
    Invoice,
    InvoiceKind,
    Wishes,
)
from app.kernel.sealing import unseal
from app.kernel.wire import Row
from app.web.fields import Body, Choice, Id, Int, Many, Pattern, Text


class ShopNoteIn(Body):
    """A note to one shop."""

    shop_id = Id(required=True)
    note = Text(high=NOTE_MAX, low=0, required=True)


class InvoiceOut(Body):
    """On whom the invoice is made out."""

    kind = Choice(InvoiceKind, required=True)
    title = Text(high=TITLE_MAX, required=True)
    tax_number = Pattern(TAX_NUMBER, high=20, load_default=None, allow_none=True)


class InvoiceIn(InvoiceOut):
    """An invoice that is wished for; a company names its tax number."""

    @validates_schema
    def names_its_number(self, data: dict[str, object], **_kwargs: object) -> None:
        """Want the tax number of a company."""
        if data.get("kind") == InvoiceKind.COMPANY and data.get("tax_number") is None:
            raise ValidationError("field_required", "tax_number")


class GiftIn(Body):
    """What goes along with a gift; without a ``sender_name`` nobody on the way is told who sends it."""

    message = Text(high=MESSAGE_MAX, low=0, load_default="")
    sender_name = Text(high=SENDER_MAX, load_default=None, allow_none=True)


class WishesIn(Body):
    """What is wished beside the goods."""

    notes = Many(fields.Nested(ShopNoteIn), high=LINES_MAX, load_default=list)
    cutlery_count = Int(low=0, high=CUTLERY_MAX, load_default=None, allow_none=True)
    invoice = fields.Nested(InvoiceIn, load_default=None, allow_none=True)
    gift = fields.Nested(GiftIn, load_default=None, allow_none=True)


class WishesOut(Body):
    """Invoice and gift as they were wished for; null where they were not."""

    invoice = fields.Nested(InvoiceOut, required=True, allow_none=True)
    gift = fields.Nested(GiftIn, required=True, allow_none=True)


def wishes_of(body: dict[str, Any]) -> Wishes:
    """Take the wishes out of a body.

    :raises NoteOfNoShop: a shop is named twice.
    """
    said = {name: body.pop(name) for name in ("notes", "cutlery_count", "invoice", "gift")}
    notes: dict[UUID, str] = {one["shop_id"]: one["note"] for one in said["notes"]}
    if len(notes) < len(said["notes"]):
        raise NoteOfNoShop(pointer="/notes")
    invoice, gift = said["invoice"], said["gift"]
    return Wishes(
        notes=notes,
        cutlery_count=said["cutlery_count"],
        invoice=None if invoice is None else Invoice(**{**invoice, "kind": InvoiceKind(invoice["kind"])}),
        gift=None if gift is None else Gift(**gift),
    )


SEALED_WISHES = "o.invoice_sealed, o.gift_sealed"
"""Columns that :func:`shown_wishes` reads."""


def shown_wishes(row: Row) -> dict[str, Any]:
    """Return invoice and gift of an order's row."""
    return {
        "invoice": _opened(row.invoice_sealed, INVOICE_CONTEXT),
        "gift": _opened(row.gift_sealed, GIFT_CONTEXT),
    }


def _opened(sealed: str | None, context: str) -> dict[str, Any] | None:
    if sealed is None:
        return None
    found: dict[str, Any] = orjson.loads(unseal(sealed, context=context))
    return found
