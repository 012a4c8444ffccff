"""Billers and quoted bills, the same at the resident's and the store's door."""

from typing import Any

from flask import current_app
from marshmallow import fields
from sqlalchemy import text

from app.core.bills.numbers import CheckScheme
from app.core.bills.ports import Biller
from app.core.bills.states import BillKind
from app.kernel.transaction import read
from app.web.fields import Body, Choice, Day, Fen, Flag, Id, Instant, Int, Many, Pattern, Text
from app.web.paging import LIMIT_MAX, PageQuery, page, read_cursor

_BILLERS = text(
    """
    SELECT biller_id, kind, name_zh, name_en, region_code, region_zh, region_en, digits_min, digits_max, check_scheme,
        is_part_allowed, is_prepaid, minimum_fen, maximum_fen
    FROM billers WHERE is_active AND biller_id < :before AND kind = coalesce(CAST(:kind AS text), kind)
        AND region_code = coalesce(CAST(:region_code AS text), region_code)
    ORDER BY biller_id DESC LIMIT :limit
    """
)
NUMBER_HIGH = 40
REGION = r"[1-8][0-9]{5}"


class BillersQuery(PageQuery):
    """Which billers: of a kind, of a region by its six digits (GB/T 2260)."""

    kind = Choice(BillKind, load_default=None)
    region_code = Pattern(REGION, high=6, load_default=None)


class BillerOut(Body):
    """A biller, and what numbers of accounts look like there."""

    biller_id = Id(required=True)
    kind = Choice(BillKind, required=True)
    name_zh = Text(high=100, required=True)
    name_en = Text(high=100, required=True)
    region_code = Text(high=6, required=True)
    region_zh = Text(high=100, required=True)
    region_en = Text(high=100, required=True)
    digits_min = Int(low=1, high=24, required=True)
    digits_max = Int(low=1, high=24, required=True)
    check_scheme = Choice(CheckScheme, required=True)
    is_part_allowed = Flag(required=True)
    is_prepaid = Flag(required=True)
    minimum_fen = Fen(required=True)
    maximum_fen = Fen(required=True)


class BillersOut(Body):
    """A page of billers."""

    items = Many(fields.Nested(BillerOut), high=LIMIT_MAX, required=True)
    next_cursor = Text(high=64, required=True, allow_none=True)


class BillQuoteOut(Body):
    """What may be paid, and until when; without a bill, a prepaid top-up."""

    quote_id = Id(required=True)
    bill_id = Id(required=True, allow_none=True)
    month = Day(required=True, allow_none=True)
    due_on = Day(required=True, allow_none=True)
    amount_fen = Fen(required=True, allow_none=True)
    amount_min_fen = Fen(low=1, required=True)
    amount_max_fen = Fen(low=1, required=True)
    locked_until = Instant(required=True)


def billers_port() -> Biller:
    """Return what speaks to billers."""
    found: Biller = current_app.extensions["linli_billers"]
    return found


def list_of_billers(query: dict[str, Any]) -> dict[str, Any]:
    """Return a page of the billers of a kind and region."""
    asked = {**query, "before": read_cursor(query["cursor"]), "limit": query["limit"] + 1}
    return page([dict(row._mapping) for row in read(_BILLERS, asked)], limit=query["limit"], key="biller_id")
