"""The kitchen's ticket (厨房小票): 58 mm of paper, 32 half-width columns, as lines, and as bytes for a printer.

The bytes are ESC/POS as the cheap printers of 58 mm understand it (initialize, double size, align, feed and cut), with
text in GB 18030; a character that it lacks is printed as a question mark.
"""

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from app.kernel.clock import SHANGHAI

COLUMNS = 32
_INIT, _BIG, _PLAIN, _CENTER, _LEFT = b"\x1b@", b"\x1d!\x11", b"\x1d!\x00", b"\x1ba\x01", b"\x1ba\x00"
_CHINESE = b"\x1c&"
_CUT = b"\n\n\n\x1dV\x42\x00"


@dataclass(frozen=True, slots=True, kw_only=True)
class TicketLine:
    """What to make, and how many."""

    name: str
    option: str
    quantity: int
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ticket:
    """What the kitchen has to know; nothing of who ordered."""

    number: str
    shop_name: str
    way: str
    lines: Sequence[TicketLine]
    note: str
    placed_at: datetime
    ready_by: datetime | None
    is_shorted: bool
    cutlery_count: int | None = None
    is_gift: bool = False


def width_of(text: str) -> int:
    """Return how many columns a text takes: two for a Chinese character, one for others."""
    return sum(2 if unicodedata.east_asian_width(character) in "WF" else 1 for character in text)


def wrapped(text: str, columns: int) -> list[str]:
    """Break a text into lines of at most ``columns``."""
    lines, line = [], ""
    for character in text:
        if width_of(line + character) > columns:
            lines.append(line)
            line = ""
        line += character
    return [*lines, line] if line or not lines else lines


def _row(name: str, quantity: int) -> list[str]:
    count = f"x{quantity}"
    first, *rest = wrapped(name, COLUMNS - width_of(count) - 1)
    return [first + " " * (COLUMNS - width_of(first) - width_of(count)) + count, *rest]


def body_of(ticket: Ticket) -> list[str]:
    """Return the ticket's lines below its heading, each at most 32 columns wide."""
    rule = "-" * COLUMNS
    lines = [f"{ticket.placed_at.astimezone(SHANGHAI):%m-%d %H:%M} 下单"]
    if ticket.ready_by is not None:
        lines.append(f"{ticket.ready_by.astimezone(SHANGHAI):%m-%d %H:%M} 前出餐")
    lines.append(rule)
    for line in ticket.lines:
        lines += _row(line.name, line.quantity)
        lines += [f"  {part}" for part in wrapped(line.option, COLUMNS - 2) if part]
        lines += [f"  * {part}" for part in wrapped(line.note, COLUMNS - 4) if part]
    lines.append(rule)
    lines.append(f"共 {sum(line.quantity for line in ticket.lines)} 件")
    if ticket.cutlery_count is not None:
        lines.append(f"餐具 {ticket.cutlery_count} 份" if ticket.cutlery_count else "不需要餐具")
    if ticket.is_gift:
        lines.append("礼物: 袋中勿放价格")
    if ticket.is_shorted:
        lines.append("已有缺货商品退款")
    if ticket.note:
        lines += wrapped(f"备注: {ticket.note}", COLUMNS)
    return lines


def heading_of(ticket: Ticket) -> list[str]:
    """Return the lines above, which are printed large: number, and how it goes out."""
    return [ticket.number, ticket.way]


def escpos_of(ticket: Ticket) -> bytes:
    """Return the ticket as bytes for a printer."""

    def encoded(lines: Sequence[str]) -> bytes:
        return b"".join(line.encode("gb18030", errors="replace") + b"\n" for line in lines)

    shop = encoded(wrapped(ticket.shop_name, COLUMNS))
    big = encoded([part for line in heading_of(ticket) for part in wrapped(line, COLUMNS // 2)])
    return b"".join([_INIT, _CHINESE, _CENTER, shop, _BIG, big, _PLAIN, _LEFT, encoded(body_of(ticket)), _CUT])
