"""Ask a biller for an account's bills (查询账单): what it says is written down, and quoted for some minutes."""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from uuid import UUID

from sqlalchemy import text

from app.core.bills.errors import BillBindingNotFound, BillerUnavailable, BillNumberUnknown
from app.core.bills.ports import AccountAtBiller, Biller, OpenBill
from app.core.bills.rules import BILLS_MAX, LOCK_MAX, LOOK_AGAIN, next_look, payable, remind_at
from app.kernel.actor import Actor
from app.kernel.clock import business_now
from app.kernel.ids import new_id
from app.kernel.sealing import unseal
from app.kernel.timers import Timer
from app.kernel.transaction import Transaction, read, transaction
from app.kernel.wire import Row
from app.usecases.billing.bind import NUMBER_CONTEXT

BILL_DUE = "bill_due"
"""Timer: a bill is due in some days."""

_BOUND = """
    SELECT b.binding_id, b.utility_account_id, u.number_sealed, r.biller_id, r.code, r.is_part_allowed, r.is_prepaid,
        r.minimum_fen, r.maximum_fen
    FROM bill_bindings AS b JOIN utility_accounts AS u ON u.utility_account_id = b.utility_account_id
    JOIN billers AS r ON r.biller_id = u.biller_id
"""
_OWN = text(f"{_BOUND} WHERE b.binding_id = :binding_id AND b.account_id = :account_id AND b.removed_at IS NULL")
_BY_ID = text(f"{_BOUND} WHERE b.binding_id = :binding_id")
_TELL = text(
    """
    WITH clock AS MATERIALIZED (SELECT business_now() AS now), told AS (
        SELECT t.bill_id, t.bill_no, t.month, t.due_on, t.amount_fen, t.paid_fen
        FROM unnest(CAST(:bill_ids AS uuid[]), CAST(:bill_nos AS text[]), CAST(:months AS date[]),
            CAST(:dues AS date[]), CAST(:amounts AS bigint[]), CAST(:paids AS bigint[]))
            AS t (bill_id, bill_no, month, due_on, amount_fen, paid_fen)
    ), seen AS (
        INSERT INTO bills AS b (bill_id, utility_account_id, bill_no, month, due_on, amount_fen, told_paid_fen, told_at)
        SELECT t.bill_id, :utility_account_id, t.bill_no, t.month, t.due_on, t.amount_fen, t.paid_fen, c.now
        FROM told AS t, clock AS c ORDER BY t.bill_no
        ON CONFLICT (utility_account_id, bill_no) DO UPDATE SET due_on = excluded.due_on,
            amount_fen = greatest(excluded.amount_fen, b.taken_fen), told_paid_fen = excluded.told_paid_fen,
            told_at = excluded.told_at
        RETURNING b.bill_id, b.bill_no, b.month, b.due_on, b.amount_fen,
            greatest(0, b.amount_fen - greatest(b.taken_fen, b.told_paid_fen)) AS left_fen
    ), gone AS (
        UPDATE bills SET told_paid_fen = amount_fen, told_at = (SELECT now FROM clock)
        WHERE utility_account_id = :utility_account_id AND told_paid_fen < amount_fen
            AND NOT bill_no = ANY (CAST(:bill_nos AS text[]))
    ), asked AS (
        UPDATE utility_accounts SET balance_fen = CAST(:balance_fen AS bigint), asked_at = (SELECT now FROM clock)
        WHERE utility_account_id = :utility_account_id
    )
    SELECT s.*, c.now FROM seen AS s, clock AS c ORDER BY s.due_on, s.bill_no
    """
)
_QUOTE = text(
    """
    INSERT INTO bill_quotes (quote_id, binding_id, utility_account_id, account_id, bill_id, low_fen, high_fen, lock,
        locked_until)
    SELECT q.quote_id, CAST(:binding_id AS uuid), CAST(:named_id AS uuid), :account_id, q.bill_id, q.low_fen,
        q.high_fen, q.lock, business_now() + CAST(:lasts AS interval)
    FROM unnest(CAST(:quote_ids AS uuid[]), CAST(:bill_ids AS uuid[]), CAST(:lows AS bigint[]),
        CAST(:highs AS bigint[]), CAST(:locks AS text[])) AS q (quote_id, bill_id, low_fen, high_fen, lock)
    RETURNING locked_until
    """
)
_CLAIM_LOOK = text(
    """
    UPDATE bill_bindings SET look_at = business_now() + CAST(:again AS interval)
    WHERE binding_id = (
        SELECT binding_id FROM bill_bindings
        WHERE look_at <= business_now() AND removed_at IS NULL AND (is_reminded OR autopay_cap_fen IS NOT NULL)
        ORDER BY look_at LIMIT 1 FOR NO KEY UPDATE SKIP LOCKED)
    RETURNING binding_id
    """
)
_LOOKED = text("UPDATE bill_bindings SET look_at = :look_at WHERE binding_id = :binding_id")


@dataclass(frozen=True, slots=True, kw_only=True)
class Quoted:
    """What may be paid, and until when; without a bill, a prepaid top-up."""

    quote_id: UUID
    bill_id: UUID | None
    month: date | None
    due_on: date | None
    amount_fen: int | None
    amount_min_fen: int
    amount_max_fen: int
    locked_until: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What a biller says of an account."""

    binding_id: UUID
    balance_fen: int | None
    quotes: list[Quoted]


def ask_bills(actor: Actor, billers: Biller, *, binding_id: UUID) -> Asked:
    """Ask for the open bills of a bound account; each amount is locked for some minutes.

    :raises BillBindingNotFound: there is none of the actor's. :raises BillNumberUnknown: the biller has closed it.
    :raises BillerUnavailable: the biller does not answer.
    """
    row = read(_OWN, {"binding_id": binding_id, "account_id": actor.account_id}).one_or_none()
    if row is None:
        raise BillBindingNotFound
    told = billers.ask(row.code, unseal(row.number_sealed, context=NUMBER_CONTEXT))
    if told is None:
        raise BillNumberUnknown
    with transaction() as tx:
        about = {"account_id": actor.account_id, "utility_account_id": row.utility_account_id}
        quotes = quote(tx, told, row, **about, binding_id=binding_id)
        return Asked(binding_id=binding_id, balance_fen=told.balance_fen, quotes=quotes)


def tell_bills(tx: Transaction, utility_account_id: UUID, told: AccountAtBiller) -> list[Row]:
    """Write down what a biller said, and set a timer for what is due; return the open bills, first due first.

    A bill that it does not tell any more is paid, by whomever.
    """
    bills: list[OpenBill] = list(told.bills)[:BILLS_MAX]
    rows = list(
        tx.execute(
            _TELL,
            {
                "utility_account_id": utility_account_id,
                "bill_ids": [new_id() for _ in bills],
                "bill_nos": [one.bill_no for one in bills],
                "months": [one.month for one in bills],
                "dues": [one.due_on for one in bills],
                "amounts": [one.amount_fen for one in bills],
                "paids": [one.paid_fen for one in bills],
                "balance_fen": told.balance_fen,
            },
        )
    )
    for row in rows:
        if row.left_fen > 0:
            tx.schedule(Timer(BILL_DUE, row.bill_id, max(timedelta(), remind_at(row.due_on) - row.now)))
    return rows


def quote(
    tx: Transaction,
    told: AccountAtBiller,
    biller: Row,
    *,
    account_id: UUID,
    utility_account_id: UUID,
    binding_id: UUID | None = None,
) -> list[Quoted]:
    """Write down what a biller said of an account with it, and quote what ``account_id`` may pay.

    :param biller: its terms. :param binding_id: by which it was asked for; None: it was named at a desk.
    """
    bills = tell_bills(tx, utility_account_id, told)
    locks = {one.bill_no: one.lock for one in told.bills}
    made: list[tuple[Row | None, int, int, str | None]] = []
    for row in bills:
        if row.left_fen > 0:
            may = payable(row.left_fen, is_part_allowed=biller.is_part_allowed, minimum_fen=biller.minimum_fen)
            made.append((row, may.low_fen, may.high_fen, locks.get(row.bill_no)))
    if biller.is_prepaid:
        made.append((None, max(1, biller.minimum_fen), biller.maximum_fen, None))
    if not made:
        return []
    quote_ids = [new_id() for _ in made]
    until = (
        tx.execute(
            _QUOTE,
            {
                "binding_id": binding_id,
                "named_id": utility_account_id if binding_id is None else None,
                "account_id": account_id,
                "lasts": min(LOCK_MAX, timedelta(seconds=told.lock_s)),
                "quote_ids": quote_ids,
                "bill_ids": [row.bill_id if row else None for row, *_ in made],
                "lows": [low for _, low, _, _ in made],
                "highs": [high for _, _, high, _ in made],
                "locks": [lock for *_, lock in made],
            },
        )
        .fetchall()[0]
        .locked_until
    )
    return [
        Quoted(
            quote_id=quote_id,
            bill_id=row.bill_id if row else None,
            month=row.month if row else None,
            due_on=row.due_on if row else None,
            amount_fen=row.amount_fen if row else None,
            amount_min_fen=low,
            amount_max_fen=high,
            locked_until=until,
        )
        for quote_id, (row, low, high, _) in zip(quote_ids, made, strict=True)
    ]


def look_at_bills(billers: Biller, limit: int) -> int:
    """Ask billers by themselves for bound accounts whose time has come; return how many answered.

    One that does not answer is asked again in half an hour, and ends the round.
    """
    for done in range(limit):
        with transaction() as tx:
            claimed = tx.execute(_CLAIM_LOOK, {"again": LOOK_AGAIN}).one_or_none()
        if claimed is None:
            return done
        row = read(_BY_ID, {"binding_id": claimed.binding_id}).one()
        if row.number_sealed is None:
            continue
        try:
            told = billers.ask(row.code, unseal(row.number_sealed, context=NUMBER_CONTEXT))
        except BillerUnavailable:
            return done
        with transaction() as tx:
            if told is not None:
                tell_bills(tx, row.utility_account_id, told)
            look_at = next_look(business_now(tx), row.binding_id.int)
            tx.execute(_LOOKED, {"binding_id": row.binding_id, "look_at": look_at})
    return limit
