"""A receipt (回单) of one act at a till, as text of a narrow printer and as PDF. It names no person."""

from dataclasses import dataclass
from datetime import datetime

from app.core.bills.states import BillPaymentState
from app.core.tills.states import TillActKind
from app.core.tills.words import in_words
from app.kernel.clock import SHANGHAI
from app.kernel.money import grouped_yuan
from app.web.pdf import FONT, MM, new_sheet

_WIDTH_MM, _STEP_MM, _MARGIN_MM = 80, 6, 6
KINDS = {
    TillActKind.OPENING: "开箱 Opening count",
    TillActKind.CASH_IN: "现金存入 Cash in",
    TillActKind.CASH_OUT: "现金支取 Cash out",
    TillActKind.BILL_IN_CASH: "现金缴费 Bill paid in cash",
    TillActKind.BILL_FROM_ACCOUNT: "账户缴费 Bill paid from the account",
    TillActKind.TRANSFER_IN_CASH: "现金转账 Transfer in cash",
    TillActKind.TRANSFER_FROM_ACCOUNT: "账户转账 Transfer from the account",
    TillActKind.SENT: "现金调出 Cash sent",
    TillActKind.RECEIVED: "现金调入 Cash received",
    TillActKind.TAKEN_BACK: "调出撤回 Cash taken back",
    TillActKind.CLOSING: "轧账 Closing count",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    """What a receipt says."""

    store: str
    till: str
    number: int
    kind: TillActKind
    amount_fen: int
    done_at: datetime
    reference: str
    about: tuple[str, ...] = ()
    """What a bill or a transfer adds."""


def bill_lines(biller: str, tail: str, state: BillPaymentState) -> tuple[str, ...]:
    """Return what a receipt says of a bill, as it stands when the receipt is printed."""
    said = {
        BillPaymentState.SUCCEEDED: ("已缴 Paid",),
        BillPaymentState.RETURNED: ("未缴成，已退到电子账户", "Not paid, returned to the account"),
    }
    open_words = ("已收款，等待答复，请勿重复缴费", "Not answered yet, do not pay again")
    return (biller, f"户号尾数 No. ****{tail}", *said.get(state, open_words))


def payee_lines(tail: str) -> tuple[str, ...]:
    """Return what a receipt says of a transfer: of the payee's phone, the last digits."""
    return f"收款手机尾号 To ****{tail}", "不可撤回 Cannot be taken back"


def as_text(receipt: Receipt) -> str:
    """Return the receipt as lines of text."""
    return "\n".join(_lines(receipt)) + "\n"


def as_pdf(receipt: Receipt) -> bytes:
    """Return the receipt as one narrow page; the same receipt is the same bytes."""
    lines = _lines(receipt)
    height_mm = _STEP_MM * (len(lines) + 2)
    page, out = new_sheet(_WIDTH_MM, height_mm)
    page.setTitle(f"receipt {receipt.number}")
    page.setFont(FONT, 9)
    for place, line in enumerate(lines):
        page.drawString(_MARGIN_MM * MM, (height_mm - _STEP_MM * (place + 1.5)) * MM, line)
    page.save()
    return out.getvalue()


def _lines(receipt: Receipt) -> list[str]:
    told_fen = receipt.amount_fen if receipt.kind is TillActKind.CLOSING else abs(receipt.amount_fen)
    return [
        f"邻里 {receipt.store} {receipt.till}",
        f"{KINDS[receipt.kind]}",
        f"凭证号 No. {receipt.number:08d}",
        f"时间 Time {receipt.done_at.astimezone(SHANGHAI):%Y-%m-%d %H:%M:%S}",
        f"金额 Amount ¥{grouped_yuan(told_fen)}",
        f"大写 {in_words(abs(receipt.amount_fen))}",
        *receipt.about,
        f"流水 {receipt.reference}",
    ]
