"""A receipt (回单) of one act at a till, as text of a narrow printer and as PDF. It names no person."""

from dataclasses import dataclass
from datetime import datetime

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
        f"流水 {receipt.reference}",
    ]
