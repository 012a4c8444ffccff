"""An order on paper and in time: the kitchen's ticket, the resident's receipt, and what happened."""

from typing import Any
from uuid import UUID

from flask import Response
from marshmallow import fields
from sqlalchemy import TextClause, text

from app.core.orders.errors import OrderNotFound
from app.core.orders.models import Fulfillment
from app.core.orders.ticket import Ticket, TicketLine, body_of, escpos_of, heading_of, wrapped
from app.core.orders.timeline import Reader, Step, timeline
from app.kernel.actor import Actor
from app.kernel.clock import SHANGHAI
from app.kernel.money import yuan
from app.kernel.transaction import read
from app.kernel.wire import Row
from app.web.door import Door
from app.web.fields import Body, Choice, Fen, Instant, Many, Text
from app.web.pdf import A5_MM, FONT, MM, new_sheet
from app.web.policy import Relation, policy
from app.web.views import COUNT_MAX

STEPS_MAX = 500
WAYS = {
    Fulfillment.DELIVERY: "外送",
    Fulfillment.STORE_PICKUP: "体验店自提",
    Fulfillment.SHOP_PICKUP: "到店自提",
    Fulfillment.VOUCHER: "到店核销",
    Fulfillment.APPOINTMENT: "上门服务",
}

_WHOSE = {
    Reader.RESIDENT: "o.account_id = :account_id",
    Reader.MERCHANT: """o.paid_at IS NOT NULL AND EXISTS (
        SELECT 1 FROM memberships AS m WHERE m.organization_id = o.merchant_id AND m.organization_kind = 'merchant'
        AND m.account_id = :account_id AND m.role = ANY (CAST(:roles AS text[])))""",
    Reader.COURIER: """EXISTS (
        SELECT 1 FROM deliveries AS d JOIN trips AS t ON t.trip_id = d.trip_id
        WHERE d.order_id = o.order_id AND t.courier_id = :account_id)""",
    Reader.PLATFORM: "true",
}
_PAPER = """
    SELECT o.order_id, o.number, o.fulfillment, o.note, o.state, o.placed_at, o.paid_at, o.ended_at, o.payment_method,
        o.outside_fen,
        coalesce(o.slot_starts_at, o.accepted_at + o.preparation_minutes * interval '1 minute') AS ready_by,
        o.cutlery_count, o.gift_sealed IS NOT NULL AS is_gift, o.shorted_at, o.goods_fen,
        o.packing_fen, o.delivery_fen, o.discount_fen, o.total_fen, o.refunded_fen, s.name AS shop_name,
        (SELECT json_agg(json_build_object('name', l.name, 'option', l.option, 'quantity', l.quantity, 'note', l.note,
            'unit_price_fen', l.unit_price_fen, 'goods_fen', l.goods_fen, 'is_shorted', l.shorted_at IS NOT NULL)
            ORDER BY l.line) FROM order_lines AS l WHERE l.order_id = o.order_id) AS lines
    FROM orders AS o JOIN shops AS s ON s.shop_id = o.shop_id
"""
_TIMES = """
    SELECT o.order_id, o.state, o.placed_at, o.paid_at, o.accepted_at, o.shorted_at, o.ready_at, o.picked_up_at,
        o.delivered_at, o.cancel_requested_at, o.ended_at, o.fulfillment, p.rescheduled_at, p.set_out_at,
        p.checked_in_at, p.finished_at,
        (SELECT json_agg(b.at) FROM provider_breaches AS b WHERE b.order_id = o.order_id) AS lost,
        (SELECT to_json(d.failed_at) FROM deliveries AS d
         WHERE d.order_id = o.order_id AND d.case_id IS NULL) AS failed,
        (SELECT json_agg(json_build_array(r.requested_at, r.amount_fen)) FROM refunds AS r
         WHERE r.order_id = o.order_id) AS refunds,
        (SELECT json_agg(json_build_array(c.applied_at, c.ended_at)) FROM after_sale_cases AS c
         WHERE c.order_id = o.order_id) AS cases,
        (SELECT json_agg(json_build_array(u.used_at, u.amount_fen)) FROM voucher_uses AS u
         JOIN vouchers AS v ON v.voucher_id = u.voucher_id WHERE v.order_id = o.order_id) AS uses,
        (SELECT json_agg(r.answered_at) FROM replacements AS r
         WHERE r.order_id = o.order_id AND r.state = 'accepted') AS replaced,
        (SELECT json_build_array(l.paid_at, l.amount_fen) FROM late_compensations AS l
         WHERE l.order_id = o.order_id) AS made_good,
        (SELECT t.assigned_at FROM deliveries AS d JOIN trips AS t ON t.trip_id = d.trip_id
         WHERE d.order_id = o.order_id AND d.case_id IS NULL) AS courier_found_at
    FROM orders AS o LEFT JOIN appointments AS p ON p.order_id = o.order_id
"""


_METHODS = {"e_account": "电子账户", "wechat_pay": "微信支付", "card": "银行卡", "mixed": "组合支付"}


def _by_reader(select: str) -> dict[Reader, TextClause]:
    return {reader: text(f"{select} WHERE o.order_id = :order_id AND {whose}") for reader, whose in _WHOSE.items()}


_PAPERS, _TIMELINES = _by_reader(_PAPER), _by_reader(_TIMES)


class StepOut(Body):
    """Something that happened, in Chinese and English; with what went back or was released, where money moved."""

    step = Choice(Step, required=True)
    at = Instant(required=True)
    zh = Text(high=100, required=True)
    en = Text(high=100, required=True)
    amount_fen = Fen(high=COUNT_MAX, required=True, allow_none=True)


class TimelineOut(Body):
    """What happened to an order, oldest first."""

    items = Many(fields.Nested(StepOut), high=STEPS_MAX, required=True)


def _read(statements: dict[Reader, TextClause], reader: Reader, actor: Actor, order_id: UUID) -> Row:
    params: dict[str, object] = {"order_id": order_id}
    if reader in (Reader.RESIDENT, Reader.COURIER):
        params["account_id"] = actor.account_id
    elif reader is Reader.MERCHANT:
        params |= actor.as_member
    row = read(statements[reader], params).one_or_none()
    if row is None:
        raise OrderNotFound
    return row


def _instant(value: str | None) -> Any:
    return None if value is None else Instant().deserialize(value)


_ENDS = {"completed": Step.COMPLETED, "canceled": Step.CANCELED, "returned": Step.RETURNED}


def timeline_of(row: Row, reader: Reader) -> dict[str, Any]:
    """Return the timeline in a row of instants."""
    happened: list[tuple[Step, Any, int | None]] = [
        (Step.PLACED, row.placed_at, None),
        (Step.PAID, row.paid_at, None),
        (Step.ACCEPTED, row.accepted_at, None),
        (Step.COURIER_FOUND, row.courier_found_at, None),
        (Step.SHORTED, row.shorted_at, None),
        (Step.READY, None if row.fulfillment == Fulfillment.VOUCHER else row.ready_at, None),
        (Step.PICKED_UP, row.picked_up_at, None),
        (Step.DELIVERED, None if row.finished_at else row.delivered_at, None),
        (Step.CANCEL_REQUESTED, row.cancel_requested_at, None),
        (Step.RESCHEDULED, row.rescheduled_at, None),
        (Step.SET_OUT, row.set_out_at, None),
        (Step.CHECKED_IN, row.checked_in_at, None),
        (Step.FINISHED, row.finished_at, None),
    ]
    happened += [(Step.REFUNDED, _instant(at), fen) for at, fen in row.refunds or []]
    happened += [(Step.DELIVERY_FAILED, _instant(at), None) for at in row.failed or []]
    happened += [(Step.PROVIDER_LOST, _instant(at), None) for at in row.lost or []]
    happened += [(Step.REPLACED, _instant(at), None) for at in row.replaced or []]
    if row.made_good is not None:
        happened.append((Step.MADE_GOOD, _instant(row.made_good[0]), row.made_good[1]))
    happened += [(Step.USED, _instant(at), fen) for at, fen in row.uses or []]
    for opened, ended in row.cases or []:
        happened += [(Step.CASE_OPENED, _instant(opened), None), (Step.CASE_ENDED, _instant(ended), None)]
    if row.state in _ENDS:
        happened.append((_ENDS[row.state], row.ended_at, None))
    return {"items": timeline(happened, reader)[:STEPS_MAX]}


def ticket_of(row: Row) -> Ticket:
    """Return the ticket of an order's row."""
    return Ticket(
        number=row.number,
        shop_name=row.shop_name,
        way=WAYS[Fulfillment(row.fulfillment)],
        lines=[
            TicketLine(name=one["name"], option=one["option"], quantity=one["quantity"], note=one["note"])
            for one in row.lines
            if not one["is_shorted"]
        ],
        note=row.note,
        placed_at=row.placed_at,
        ready_by=row.ready_by,
        is_shorted=row.shorted_at is not None,
        cutlery_count=row.cutlery_count,
        is_gift=row.is_gift,
    )


def ticket_pdf(ticket: Ticket) -> bytes:
    """Return the ticket as a page of 58 mm by as much as it needs."""
    top = [(line, 9.0) for line in wrapped(ticket.shop_name, 32)] + [(line, 16.0) for line in heading_of(ticket)]
    lines = [*top, *((line, 9.0) for line in body_of(ticket))]
    height_mm = sum(size * 0.5 for _, size in lines) + 12
    canvas, file = new_sheet(58, height_mm)
    y = (height_mm - 6) * MM
    for place, (line, size) in enumerate(lines):
        y -= size * 0.5 * MM
        canvas.setFont(FONT, size)
        if place < len(top):
            canvas.drawCentredString(29 * MM, y, line)
        else:
            canvas.drawString(3 * MM, y, line)
    canvas.save()
    return file.getvalue()


def receipt_pdf(row: Row) -> bytes:
    """Return what a resident paid for an order, on A5; it is no invoice."""
    canvas, file = new_sheet(*A5_MM)
    y = 195.0

    def put(left: str, right: str = "", size: float = 10) -> None:
        nonlocal y
        if y < 15:  # noqa: PLR2004 - the foot of the page, mm
            canvas.showPage()
            y = 195.0
        canvas.setFont(FONT, size)
        canvas.drawString(14 * MM, y * MM, left)
        canvas.drawRightString(134 * MM, y * MM, right)
        y -= size * 0.6

    put("收据 Receipt", row.number, 16)
    put(row.shop_name, f"{row.paid_at.astimezone(SHANGHAI):%Y-%m-%d %H:%M}")
    put("")
    for one in row.lines:
        name = f"{one['name']} {one['option']}".strip()
        first, *rest = wrapped(name, 56)
        put(first, f"{yuan(one['unit_price_fen'])} x {one['quantity']} = {yuan(one['goods_fen'])}")
        for part in rest:
            put(part)
    put("")
    parts = [("包装费 Packing", row.packing_fen), ("配送费 Delivery", row.delivery_fen)]
    for label, fen in parts:
        if fen:
            put(label, yuan(fen))
    if row.discount_fen:
        put("优惠 Discount", f"-{yuan(row.discount_fen)}")
    put("实付 Paid", f"¥ {yuan(row.total_fen)}", 12)
    if row.refunded_fen:
        put("已退 Refunded", f"-¥ {yuan(row.refunded_fen)}")
    put("支付方式 Paid by", _METHODS.get(row.payment_method, ""))
    if row.outside_fen is not None:
        put("其中电子账户 From the e-account", yuan(row.total_fen - row.outside_fen))
        put("其中微信支付或银行卡 By WeChat Pay or card", yuan(row.outside_fen))
    put("")
    put("本收据不是发票。This receipt is not a tax invoice.", size=8)
    canvas.save()
    return file.getvalue()


def _file(content: bytes, media_type: str, name: str) -> Response:
    headers = {"Cache-Control": "no-store", "Content-Disposition": f'inline; filename="{name}"'}
    return Response(content, mimetype=media_type, headers=headers)


def add_timeline(door: Door, reader: Reader, relation: Relation) -> None:
    """Add the timeline of an order to ``door``."""

    @door.get("/orders/<uuid:order_id>/timeline", answer=TimelineOut)
    @policy("order.read", relation)
    def read_timeline(actor: Actor, *, order_id: UUID) -> dict[str, Any]:
        """Read what happened to an order, oldest first, in Chinese and English."""
        return timeline_of(_read(_TIMELINES, reader, actor, order_id), reader)


def add_receipt(door: Door) -> None:
    """Add the resident's receipt to ``door``."""

    @door.get("/orders/<uuid:order_id>/receipt", pages=("application/pdf",))
    @policy("order.read", Relation.OWN)
    def read_receipt(actor: Actor, *, order_id: UUID) -> Response:
        """Download a receipt of a paid order, PDF."""
        row = _read(_PAPERS, Reader.RESIDENT, actor, order_id)
        if row.paid_at is None:
            raise OrderNotFound
        return _file(receipt_pdf(row), "application/pdf", f"{row.number}.pdf")


def add_ticket(door: Door) -> None:
    """Add the kitchen's ticket to ``door``."""

    @door.get("/orders/<uuid:order_id>/ticket", pages=("application/pdf",))
    @policy("order.read", Relation.OWN_SHOP)
    def read_ticket(actor: Actor, *, order_id: UUID) -> Response:
        """Print the ticket of an order for the kitchen, PDF of 58 mm."""
        row = _read(_PAPERS, Reader.MERCHANT, actor, order_id)
        return _file(ticket_pdf(ticket_of(row)), "application/pdf", f"{row.number}.pdf")

    @door.get("/orders/<uuid:order_id>/ticket-bytes", pages=("application/octet-stream",))
    @policy("order.read", Relation.OWN_SHOP)
    def read_ticket_bytes(actor: Actor, *, order_id: UUID) -> Response:
        """Print the ticket of an order, ESC/POS bytes for a printer of 58 mm."""
        row = _read(_PAPERS, Reader.MERCHANT, actor, order_id)
        return _file(escpos_of(ticket_of(row)), "application/octet-stream", f"{row.number}.bin")
