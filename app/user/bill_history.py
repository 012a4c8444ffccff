"""What was paid for bills, by month and kind, as a chart wants it; and receipts."""

from datetime import date, datetime
from typing import Any
from uuid import UUID

from flask import Response, request
from marshmallow import fields
from sqlalchemy import text

from app.core.bills.errors import ReceiptNotReady
from app.core.bills.states import BillKind, BillPaymentState
from app.kernel.actor import Actor
from app.kernel.clock import SHANGHAI
from app.kernel.money import grouped_yuan
from app.kernel.transaction import read
from app.user.bills import bill_payment
from app.web.door import Door
from app.web.fields import Body, Choice, Day, Fen, Int, Many, Query
from app.web.pdf import new_slip
from app.web.policy import Relation, policy

MONTHS_MAX = 36
_KIND_ZH = {
    BillKind.WATER: "水费",
    BillKind.ELECTRICITY: "电费",
    BillKind.GAS: "燃气费",
    BillKind.TELEVISION: "有线电视费",
    BillKind.BROADBAND: "宽带费",
    BillKind.TELEPHONE: "电话费",
}
_MONTHS = text(
    """
    WITH span AS (
        SELECT CAST(m AS date) AS month FROM generate_series(
            date_trunc('month', business_now() AT TIME ZONE 'Asia/Shanghai') - (:months - 1) * interval '1 month',
            date_trunc('month', business_now() AT TIME ZONE 'Asia/Shanghai'), interval '1 month') AS m
    ), paid AS (
        SELECT CAST(date_trunc('month', p.requested_at AT TIME ZONE 'Asia/Shanghai') AS date) AS month, r.kind,
            sum(p.amount_fen) AS fen, count(*) AS payments
        FROM bill_payments AS p JOIN billers AS r ON r.biller_id = p.biller_id
        WHERE p.account_id = :account_id AND p.state = 'succeeded'
            AND p.requested_at >= (SELECT min(month) FROM span) AT TIME ZONE 'Asia/Shanghai'
        GROUP BY 1, 2
    )
    SELECT s.month, p.kind, CAST(coalesce(p.fen, 0) AS bigint) AS fen, coalesce(p.payments, 0) AS payments
    FROM span AS s LEFT JOIN paid AS p ON p.month = s.month ORDER BY s.month, p.kind
    """
)


class HistoryQuery(Query):
    """How many months, the present one included."""

    months = Int(low=1, high=MONTHS_MAX, load_default=12)


class KindPaidOut(Body):
    """What was paid for one kind in one month."""

    kind = Choice(BillKind, required=True)
    paid_fen = Fen(low=1, required=True)
    payment_count = Int(low=1, high=10**6, required=True)


class MonthOut(Body):
    """A month, by its first day; one without payments is here, too."""

    month = Day(required=True)
    paid_fen = Fen(required=True)
    kinds = Many(fields.Nested(KindPaidOut), high=len(BillKind), required=True)


class HistoryOut(Body):
    """Months, oldest first."""

    items = Many(fields.Nested(MonthOut), high=MONTHS_MAX, required=True)


def history(actor: Actor, *, months: int) -> dict[str, Any]:
    """Return the last months with what was paid in each."""
    found: dict[date, dict[str, Any]] = {}
    for row in read(_MONTHS, {"account_id": actor.account_id, "months": months}):
        month = found.setdefault(row.month, {"month": row.month, "paid_fen": 0, "kinds": []})
        if row.kind is not None:
            month["paid_fen"] += row.fen
            month["kinds"].append({"kind": row.kind, "paid_fen": row.fen, "payment_count": row.payments})
    return {"items": list(found.values())}


def receipt_lines(paid: dict[str, Any]) -> list[str]:
    """Return what a receipt says."""
    at: datetime = paid["requested_at"].astimezone(SHANGHAI)
    month = f"{paid['month']:%Y-%m}" if paid["month"] else "预付 prepaid"
    return [
        f"收费单位 Biller: {paid['name_zh']} {paid['name_en']}",
        f"项目 For: {_KIND_ZH[BillKind(paid['kind'])]} {paid['kind']}    账期 Month: {month}",
        f"户号 Account: *{paid['tail']}",
        f"金额 Amount: {grouped_yuan(paid['amount_fen'])} 元 yuan",
        f"缴费时间 Paid: {at:%Y-%m-%d %H:%M:%S} (北京时间)",
        f"流水号 Number: {paid['bill_payment_id']}",
        f"收费单位凭证号 Biller's number: {paid['biller_reference']}",
    ]


def receipt(paid: dict[str, Any]) -> bytes:
    """Return a PDF of a receipt; the same payment gives the same bytes."""
    return new_slip("生活缴费回单", receipt_lines(paid))


def add_bill_history(door: Door) -> None:
    """Add the routes to ``door``."""

    @door.get("/bill-history", query=HistoryQuery, answer=HistoryOut)
    @policy("bill.read", Relation.OWN)
    def read_bill_history(actor: Actor, *, query: dict[str, Any]) -> dict[str, Any]:
        """Read what one paid for bills by month and kind, oldest month first, as a chart wants it."""
        return history(actor, **query)

    @door.get("/bill-payments/<uuid:bill_payment_id>/receipt", pages=("application/pdf", "text/plain"))
    @policy("bill.read", Relation.OWN)
    def read_bill_receipt(actor: Actor, *, bill_payment_id: UUID) -> Response:
        """Read the receipt of a payment that the biller has taken: a PDF, or plain text by ``Accept``."""
        return _receipt_of(bill_payment(actor, bill_payment_id))


def _receipt_of(paid: dict[str, Any]) -> Response:
    if paid["state"] != BillPaymentState.SUCCEEDED:
        raise ReceiptNotReady(state=paid["state"])
    headers = {"Cache-Control": "no-store"}
    if request.accept_mimetypes.best_match(["application/pdf", "text/plain"]) == "text/plain":
        return Response("\n".join([*receipt_lines(paid), ""]), mimetype="text/plain", headers=headers)
    headers["Content-Disposition"] = "attachment; filename=receipt.pdf"
    return Response(receipt(paid), mimetype="application/pdf", headers=headers)
