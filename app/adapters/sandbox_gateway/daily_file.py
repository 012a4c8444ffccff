"""The gateway's daily file of what it booked, with a line missing or too many where the faults say so.

Which lines, the seed and the line's id decide: the file of a day is the same however often it is fetched.
"""

import hashlib
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

import orjson

from app.adapters.sandbox_gateway.faults import Dice
from app.adapters.sandbox_gateway.objects import ApiError
from app.adapters.sandbox_gateway.store import Rows
from app.core.payments.balance_files import balance_file

_SHANGHAI = ZoneInfo("Asia/Shanghai")


def daily_file(rows: Rows, day: str, dice: Dice) -> Iterator[str]:
    """Return the lines of the file of ``day``, which goes by the clock of Shanghai.

    :raises ApiError: there is no such day.
    """
    try:
        begins = datetime.combine(date.fromisoformat(day), datetime.min.time(), _SHANGHAI)
    except ValueError:
        raise ApiError(404, "resource_missing", f"No such day: {day[:20]}") from None
    span = (int(begins.timestamp()), int((begins + timedelta(days=1)).timestamp()))
    return balance_file("stripe", begins.date(), list(_lines(rows, span, dice)))


def _lines(rows: Rows, span: tuple[int, int], dice: Dice) -> Iterator[tuple[str, str, str, int, int]]:
    found = rows.connection.execute(
        "SELECT body FROM thing WHERE kind = 'balance_transaction' AND created >= ? AND created < ? ORDER BY seq", span
    )
    for (body,) in found.fetchall():
        line = orjson.loads(body)
        source, kind = str(line["source"]), line["type"]
        if kind == "adjustment":
            source, kind = line["id"], line["reporting_category"]  # a dispute may have several of a kind
        elif kind == "payment":
            charge = rows.get(source, "charge")
            source = source if charge is None else charge["payment_intent"]
        if not _is_hit(dice, "missing_line", line["id"]):
            yield line["id"], kind, source, line["amount"], line["fee"]
        if _is_hit(dice, "extra_line", line["id"]):
            yield f"{line['id']}_extra", "payment", f"pi_nobodys_{line['id'][4:]}", 1_234, 0


def _is_hit(dice: Dice, name: str, line_id: str) -> bool:
    rate: float = getattr(dice.plan, name)
    thrown = hashlib.sha256(f"{dice.seed}:{name}:{line_id}".encode()).digest()
    return int.from_bytes(thrown[:4]) / 2**32 < rate
