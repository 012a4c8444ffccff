"""Routes of residents' vouchers: buy, show, give back."""

from typing import Any
from uuid import UUID

import segno
from marshmallow import fields
from sqlalchemy import text

from app.core.vouchers.errors import VoucherNotFound
from app.core.vouchers.rules import CODE_DIGITS, QUANTITY_MAX, USES_MAX
from app.core.vouchers.states import VoucherState
from app.kernel.actor import Actor
from app.kernel.transaction import Claim, read
from app.kernel.wire import Row
from app.usecases.ordering.place_checkout import Placed
from app.usecases.vouchers.issue import buy_vouchers, voucher_code
from app.usecases.vouchers.spend import VoucherStands, refund_voucher
from app.user.schemas import PlacedOut
from app.web.door import Door
from app.web.fields import Body, Choice, Fen, Id, Instant, Int, Many, Text
from app.web.paging import LIMIT_MAX, PageQuery, page, read_cursor
from app.web.policy import Relation, policy
from app.web.views import COUNT_MAX

_VOUCHERS = """
    SELECT v.voucher_id, v.order_id, v.shop_id, s.name AS shop_name, l.name, l.option, v.state, v.uses, v.uses_left,
        v.value_fen, v.value_left_fen, v.issued_at, v.expires_at
    FROM vouchers AS v JOIN shops AS s ON s.shop_id = v.shop_id
    JOIN order_lines AS l ON l.order_id = v.order_id AND l.line = v.line WHERE v.account_id = :account_id
"""
_PAGE = text(
    f"""
    {_VOUCHERS} AND v.voucher_id < :before AND (CAST(:state AS text) IS NULL OR v.state = :state)
    ORDER BY v.voucher_id DESC LIMIT :limit
    """
)
_ONE = text(f"{_VOUCHERS} AND v.voucher_id = :voucher_id")


class VouchersIn(Body):
    """What to buy, how many, and the price that was seen."""

    sku_id = Id(required=True)
    quantity = Int(low=1, high=QUANTITY_MAX, required=True)
    unit_price_fen = Fen(low=1, required=True)


class VoucherOut(Body):
    """A voucher; ``value_left_fen`` is what giving it back returns."""

    voucher_id = Id(required=True)
    order_id = Id(required=True)
    shop_id = Id(required=True)
    shop_name = Text(high=100, required=True)
    name = Text(high=200, required=True)
    option = Text(high=100, low=0, required=True)
    state = Choice(VoucherState, required=True)
    uses = Int(low=1, high=USES_MAX, required=True)
    uses_left = Int(low=0, high=USES_MAX, required=True)
    value_fen = Fen(high=COUNT_MAX, required=True)
    value_left_fen = Fen(high=COUNT_MAX, required=True)
    issued_at = Instant(required=True)
    expires_at = Instant(required=True)


class ShownVoucherOut(VoucherOut):
    """A voucher to be shown in the shop: its code, in digits and to be scanned; null once it is over."""

    code = Text(high=CODE_DIGITS, required=True, allow_none=True)
    qr_svg = Text(high=20_000, required=True, allow_none=True)


class VouchersOut(Body):
    """A page of vouchers, newest first."""

    items = Many(fields.Nested(VoucherOut), high=LIMIT_MAX, required=True)
    next_cursor = Text(high=64, required=True, allow_none=True)


class VouchersQuery(PageQuery):
    """One's vouchers of one state, or all."""

    state = Choice(VoucherState, load_default=None)


class VoucherStandsOut(Body):
    """Where a voucher stands after an act on it, and what was released or refunded."""

    voucher_id = Id(required=True)
    order_id = Id(required=True)
    state = Choice(VoucherState, required=True)
    uses_left = Int(low=0, high=USES_MAX, required=True)
    amount_fen = Fen(high=COUNT_MAX, required=True)


def _shown(row: Row) -> dict[str, Any]:
    code = voucher_code(row.voucher_id) if row.state == VoucherState.ISSUED else None
    drawn = None if code is None else segno.make_qr(code).svg_inline(scale=4)
    return {**row._mapping, "code": code, "qr_svg": drawn}


def add_vouchers(door: Door) -> None:
    """Add the routes to ``door``."""

    @door.post("/voucher-checkouts", body=VouchersIn, answer=PlacedOut, status=201, once=True)
    @policy("voucher.buy", Relation.OWN)
    def buy_voucher(actor: Actor, *, claim: Claim, body: dict[str, Any]) -> Placed:
        """Order vouchers; they are issued when the checkout is paid."""
        return buy_vouchers(actor, claim, **body)

    @door.get("/vouchers", query=VouchersQuery, answer=VouchersOut)
    @policy("voucher.read", Relation.OWN)
    def list_vouchers(actor: Actor, *, query: dict[str, Any]) -> dict[str, Any]:
        """List one's vouchers, newest first."""
        params = {
            "account_id": actor.account_id,
            "before": read_cursor(query["cursor"]),
            "state": query["state"],
            "limit": query["limit"] + 1,
        }
        rows = read(_PAGE, params).fetchall()
        return page([dict(row._mapping) for row in rows], limit=query["limit"], key="voucher_id")

    @door.get("/vouchers/<uuid:voucher_id>", answer=ShownVoucherOut)
    @policy("voucher.read", Relation.OWN)
    def show_voucher(actor: Actor, *, voucher_id: UUID) -> dict[str, Any]:
        """Show a voucher with the code that the shop scans."""
        row = read(_ONE, {"account_id": actor.account_id, "voucher_id": voucher_id}).one_or_none()
        if row is None:
            raise VoucherNotFound
        return _shown(row)

    @door.post("/vouchers/<uuid:voucher_id>/refund", answer=VoucherStandsOut, once=True)
    @policy("voucher.refund", Relation.OWN)
    def give_back(actor: Actor, *, claim: Claim, voucher_id: UUID) -> VoucherStands:
        """Give a voucher back; what it still holds goes to where it was paid from."""
        return refund_voucher(actor, claim, voucher_id=voucher_id)
