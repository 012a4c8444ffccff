"""The fund company's daily files: our orders out, its confirmations and holdings in, and both sides compared.

A file of a day can be made and taken any number of times: it says the same, and changes nothing the second time. What
is about nothing of ours, or other than before, is refused whole.
"""

import csv
import io
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from uuid import UUID

from sqlalchemy import text

from app.core import ledger
from app.core.ledger import Journal, JournalKind
from app.core.wealth.dates import today
from app.core.wealth.errors import (
    CalendarUnknown,
    ConfirmationContradicts,
    FundDayNotOver,
    FundFileMalformed,
    FundFileOfAnother,
    FundFileTooLarge,
    FundNotFound,
)
from app.core.wealth.states import FundOrderKind, FundOrderState
from app.kernel.transaction import Transaction, read, transaction
from app.kernel.wire import Row
from app.usecases.saving import journals

ORDERS_HEADER = ["fund", "trade_on", "order_id", "holder", "kind", "amount_fen"]
CONFIRMATIONS_HEADER = ["fund", "trade_on", "order_id", "state", "confirmed_fen"]
HOLDINGS_HEADER = ["fund", "day", "holder", "units_fen"]
BYTES_MAX = 64 * 1024 * 1024
LINES_MAX = 500_000
"""Below its header: holders of a fund, or orders of a day."""
REPAID = "repaid"
"""State of the line that says what the fund pays the bank for a day's fast redemptions."""
BATCH = 300
"""Orders confirmed by one transaction; a journal of them stays below :data:`journals.LEGS_MAX` legs."""
_NUMBER = re.compile(r"[0-9]{1,15}")
"""Far inside 64 bits."""
_DECIDED = {FundOrderState.CONFIRMED, FundOrderState.PART_CONFIRMED, FundOrderState.FAILED}

_FUND = text("SELECT fund_id, code, accrued_through, business_now() AS now FROM funds WHERE fund_id = :fund_id")
_LOCK_FUND = text("SELECT business_now() AS now FROM funds WHERE fund_id = :fund_id FOR NO KEY UPDATE")
_SEND = text(
    """
    UPDATE fund_orders SET state = 'sent' WHERE fund_id = :fund_id AND trade_on = :day AND state = 'accepted'
    """
)
_SENT = text(
    """
    SELECT fund_order_id, account_id, kind, amount_fen FROM fund_orders
    WHERE fund_id = :fund_id AND trade_on = :day AND state <> 'canceled' ORDER BY fund_order_id
    """
)
_OF_DAY = text(
    """
    SELECT fund_order_id, kind, amount_fen, confirmed_fen, state FROM fund_orders
    WHERE fund_id = :fund_id AND trade_on = :day AND kind IN ('buy', 'redeem') AND state <> 'canceled'
    """
)
_NEXT_TRADING = text("SELECT day FROM trading_days WHERE is_trading AND day > CAST(:day AS date) ORDER BY day LIMIT 1")
_LOCK_ORDERS = text(
    """
    SELECT fund_order_id, account_id, kind, amount_fen, confirm_on FROM fund_orders
    WHERE fund_order_id = ANY (CAST(:ids AS uuid[])) AND fund_id = :fund_id AND state = 'sent'
    ORDER BY fund_order_id FOR NO KEY UPDATE
    """
)
_DECIDE = text(
    """
    WITH decided AS (
        UPDATE fund_orders AS o SET state = d.state, confirmed_fen = d.confirmed_fen,
            earns_from = CASE WHEN o.kind = 'buy' AND d.confirmed_fen > 0 THEN o.confirm_on ELSE o.earns_from END,
            units_fen = CASE WHEN o.kind = 'buy' THEN d.confirmed_fen ELSE o.units_fen END
        FROM unnest(CAST(:ids AS uuid[]), CAST(:states AS text[]), CAST(:amounts AS bigint[]))
            AS d (fund_order_id, state, confirmed_fen)
        WHERE o.fund_order_id = d.fund_order_id
        RETURNING o.account_id, o.fund_id, o.kind, d.confirmed_fen
    )
    INSERT INTO fund_holdings AS h (account_id, fund_id, units_fen)
    SELECT account_id, fund_id, sum(confirmed_fen) FROM decided WHERE kind = 'buy' AND confirmed_fen > 0
    GROUP BY account_id, fund_id ORDER BY account_id
    ON CONFLICT (account_id, fund_id) DO UPDATE SET units_fen = h.units_fen + excluded.units_fen
    """
)
_REPAY = text(
    """
    WITH repaid AS (
        UPDATE fund_orders SET is_repaid = true
        WHERE fund_id = :fund_id AND trade_on = :day AND kind IN ('fast', 'pay') AND NOT is_repaid
        RETURNING amount_fen
    )
    SELECT coalesce(sum(amount_fen), 0) AS amount_fen FROM repaid
    """
)
_ADVANCED = text(
    """
    SELECT coalesce(sum(amount_fen), 0) FROM fund_orders
    WHERE fund_id = :fund_id AND trade_on = :day AND kind IN ('fast', 'pay')
    """
)
_EARNING = text("SELECT account_id, earning_fen FROM fund_holdings WHERE fund_id = :fund_id AND earning_fen > 0")
_RECONCILED = text(
    """
    UPDATE fund_days SET company_fen = :company_fen, difference_count = :difference_count,
        reconciled_at = business_now()
    WHERE fund_id = :fund_id AND day = :day
    """
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Confirmed:
    """What a file of confirmations came to."""

    decided_count: int
    repaid_fen: int
    waiting_count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Reconciled:
    """Our holders beside the fund company's, at the end of a day."""

    day: date
    ours_fen: int
    company_fen: int
    differences: tuple[tuple[str, int, int], ...]
    """Holder, ours, the company's: the first hundred."""


def written(header: Sequence[str], lines: Sequence[Sequence[object]]) -> str:
    """Return a file's content."""
    out = io.StringIO()
    csv.writer(out, lineterminator="\n").writerows([header, *lines])
    return out.getvalue()


def text_in(path: Path) -> str:
    """Return the content of a file; one that is too large is not read to its end.

    :raises FundFileTooLarge, FundFileMalformed: as :func:`text_of`.
    """
    with path.open("rb") as file:
        return text_of(file.read(BYTES_MAX + 1))


def text_of(content: bytes) -> str:
    """Return a file's content as text.

    :raises FundFileTooLarge: beyond :data:`BYTES_MAX`. :raises FundFileMalformed: it is no UTF-8.
    """
    if len(content) > BYTES_MAX:
        raise FundFileTooLarge(bytes_max=BYTES_MAX, lines_max=LINES_MAX)
    try:
        return content.decode()
    except UnicodeDecodeError as error:
        raise FundFileMalformed(line=content.count(b"\n", 0, error.start) + 1) from None


def lines_of(content: str, header: Sequence[str]) -> list[list[str]]:
    """Return the lines of a file below its header.

    :raises FundFileMalformed: the header is another, a line has more or fewer fields, or none can be told.
    :raises FundFileTooLarge: there are more than :data:`LINES_MAX`.
    """
    reader = csv.reader(io.StringIO(content))
    lines: list[list[str]] = []
    try:
        if next(reader, None) != list(header):
            raise FundFileMalformed(line=1)
        for number, line in enumerate(reader, start=2):
            if len(line) != len(header):
                raise FundFileMalformed(line=number)
            if len(lines) == LINES_MAX:
                raise FundFileTooLarge(bytes_max=BYTES_MAX, lines_max=LINES_MAX)
            lines.append(line)
    except csv.Error:
        raise FundFileMalformed(line=reader.line_num) from None
    return lines


def send_orders(fund_id: UUID, day: date) -> str:
    """Return the file of a day's orders, once the day is over; those that waited for it are sent.

    :raises FundNotFound: there is no such fund. :raises FundDayNotOver: orders of the day may still come.
    """
    with transaction() as tx:
        fund = _fund(tx, fund_id)
        if today(fund.now) <= day:
            raise FundDayNotOver
        tx.execute(_LOCK_FUND, {"fund_id": fund_id})
        tx.execute(_SEND, {"fund_id": fund_id, "day": day})
        rows = tx.execute(_SENT, {"fund_id": fund_id, "day": day}).fetchall()
    return written(
        ORDERS_HEADER,
        [
            [fund.code, day.isoformat(), row.fund_order_id, row.account_id, row.kind, row.amount_fen]
            for row in rows
        ],
    )  # fmt: skip


def _fund(tx: Transaction, fund_id: UUID) -> Row:
    fund = tx.execute(_FUND, {"fund_id": fund_id}).one_or_none()
    if fund is None:
        raise FundNotFound
    return fund


def import_confirmations(fund_id: UUID, day: date, content: str) -> Confirmed:
    """Take the confirmations of a day's orders on the trading day after it; each order is decided once.

    :raises FundFileMalformed, FundFileOfAnother: of the file. :raises FundDayNotOver: the trading day has not come.
    :raises ConfirmationContradicts: about no order of ours, not about its amount, or other than before.
    """
    with transaction() as tx:
        fund = _fund(tx, fund_id)
        due: date | None = tx.execute(_NEXT_TRADING, {"day": day}).scalar()
        if due is None:
            raise CalendarUnknown
        if today(fund.now) < due:
            raise FundDayNotOver
        orders = {row.fund_order_id: row for row in tx.execute(_OF_DAY, {"fund_id": fund_id, "day": day})}
        advanced_fen = int(tx.execute(_ADVANCED, {"fund_id": fund_id, "day": day}).scalar_one())
    decisions, repaid_fen = _parsed(content, fund.code, day)
    for order_id, (state, confirmed_fen) in decisions.items():
        _require_fitting(orders.get(order_id), state, confirmed_fen)
    if repaid_fen != advanced_fen:
        raise ConfirmationContradicts(order_id=REPAID)
    waiting = [order_id for order_id in decisions if orders[order_id].state == FundOrderState.SENT]
    decided = 0
    for first in range(0, len(waiting), BATCH):
        decided += _decide(fund_id, day, {one: decisions[one] for one in sorted(waiting)[first : first + BATCH]})
    return Confirmed(
        decided_count=decided, repaid_fen=_repay(fund_id, day), waiting_count=len(orders.keys() - decisions.keys())
    )


def _parsed(content: str, code: str, day: date) -> tuple[dict[UUID, tuple[FundOrderState, int]], int]:
    decisions: dict[UUID, tuple[FundOrderState, int]] = {}
    repaid_fen = None
    for number, (fund, trade_on, order_id, state, amount) in enumerate(
        lines_of(content, CONFIRMATIONS_HEADER), start=2
    ):
        if (fund, trade_on) != (code, day.isoformat()):
            raise FundFileOfAnother(line=number)
        if not _NUMBER.fullmatch(amount):
            raise FundFileMalformed(line=number)
        if state == REPAID and repaid_fen is None and not order_id:
            repaid_fen = int(amount)
            continue
        try:
            key, decision = UUID(order_id), FundOrderState(state)
        except ValueError:
            raise FundFileMalformed(line=number) from None
        if key in decisions or decision not in _DECIDED:
            raise FundFileMalformed(line=number)
        decisions[key] = (decision, int(amount))
    if repaid_fen is None:
        raise FundFileMalformed(line=1)
    return decisions, repaid_fen


def _require_fitting(order: Row | None, state: FundOrderState, confirmed_fen: int) -> None:
    """Refuse a decision that is not about this order: a money-market fund redeems whole or not yet."""
    if order is None:
        raise ConfirmationContradicts(order_id="?")
    fits = {
        FundOrderState.CONFIRMED: confirmed_fen == order.amount_fen,
        FundOrderState.PART_CONFIRMED: 0 < confirmed_fen < order.amount_fen and order.kind == FundOrderKind.BUY,
        FundOrderState.FAILED: confirmed_fen == 0 and order.kind == FundOrderKind.BUY,
    }[state]
    is_repeat = order.state in _DECIDED
    if not fits or order.state == FundOrderState.ACCEPTED or (
        is_repeat and (order.state, order.confirmed_fen) != (state, confirmed_fen)
    ):  # fmt: skip
        raise ConfirmationContradicts(order_id=str(order.fund_order_id))


def _decide(fund_id: UUID, day: date, decisions: Mapping[UUID, tuple[FundOrderState, int]]) -> int:
    """Decide up to :data:`BATCH` orders: one journal, one transaction. Locks the fund, orders, holdings, accounts."""
    with transaction() as tx:
        tx.execute(_LOCK_FUND, {"fund_id": fund_id})
        rows = tx.execute(_LOCK_ORDERS, {"ids": list(decisions), "fund_id": fund_id}).fetchall()
        if not rows:
            return 0
        moves = [
            journals.confirmed(row.account_id, row.amount_fen, decisions[row.fund_order_id][1])
            if row.kind == FundOrderKind.BUY
            else journals.paid_back(row.account_id, row.amount_fen)
            for row in rows
        ]
        tx.execute(
            _DECIDE,
            {
                "ids": [row.fund_order_id for row in rows],
                "states": [decisions[row.fund_order_id][0].value for row in rows],
                "amounts": [decisions[row.fund_order_id][1] for row in rows],
            },
        )
        journal = journals.batch_journal(
            f"fund-confirm:{rows[0].fund_order_id}",
            JournalKind.FUND_CONFIRMATION,
            moves,
            f"{fund_id}:{day}",
        )
        if journal is not None:
            ledger.post(tx, journal)
    return len(rows)


def _repay(fund_id: UUID, day: date) -> int:
    with transaction() as tx:
        tx.execute(_LOCK_FUND, {"fund_id": fund_id})
        amount_fen = int(tx.execute(_REPAY, {"fund_id": fund_id, "day": day}).scalar_one())
        if amount_fen:
            legs = journals.legs_of(journals.repaid(amount_fen))
            key = f"fund-repay:{fund_id}:{day}"
            ledger.post(tx, Journal(key=key, kind=JournalKind.FUND_REDEMPTION, legs=legs, ref=str(fund_id)))
    return amount_fen


def reconcile(fund_id: UUID, day: date, content: str) -> Reconciled:
    """Compare every holder's units at the end of ``day`` with the fund company's file, right after its accrual.

    :raises FundFileMalformed, FundFileOfAnother: of the file. :raises FundDayNotOver: the day is not the last accrued.
    """
    fund = read(_FUND, {"fund_id": fund_id}).one_or_none()
    if fund is None:
        raise FundNotFound
    if fund.accrued_through != day:
        raise FundDayNotOver
    theirs, total = _holdings(content, fund.code, day)
    with transaction() as tx:
        tx.execute(_LOCK_FUND, {"fund_id": fund_id})
        ours = {str(row.account_id): int(row.earning_fen) for row in tx.execute(_EARNING, {"fund_id": fund_id})}
        found = sorted(
            (holder, ours.get(holder, 0), theirs.get(holder, 0))
            for holder in ours.keys() | theirs.keys()
            if ours.get(holder, 0) != theirs.get(holder, 0)
        )
        count = len(found) + (sum(theirs.values()) != total)
        tx.execute(_RECONCILED, {"fund_id": fund_id, "day": day, "company_fen": total, "difference_count": count})
    return Reconciled(day=day, ours_fen=sum(ours.values()), company_fen=total, differences=tuple(found[:100]))


def _holdings(content: str, code: str, day: date) -> tuple[dict[str, int], int]:
    theirs: dict[str, int] = {}
    total = None
    for number, (fund, on, holder, units) in enumerate(lines_of(content, HOLDINGS_HEADER), start=2):
        if (fund, on) != (code, day.isoformat()):
            raise FundFileOfAnother(line=number)
        if not _NUMBER.fullmatch(units) or holder in theirs:
            raise FundFileMalformed(line=number)
        if holder:
            theirs[holder] = int(units)
        elif total is not None:
            raise FundFileMalformed(line=number)
        else:
            total = int(units)
    if total is None:
        raise FundFileMalformed(line=1)
    return theirs, total
