"""What store staff read of tills: only of stores that they are members of; and the proof of one, in one statement."""

from typing import Any
from uuid import UUID

from sqlalchemy import text

from app.core.bills.states import BillPaymentState
from app.core.tills.errors import TillActNotFound, TillNotFound
from app.core.tills.states import TillActKind
from app.kernel.actor import Actor
from app.kernel.sealing import unseal
from app.kernel.transaction import read
from app.kernel.wire import Row
from app.usecases.tending_tills.drawer import MEMBER
from app.usecases.transferring.payees import PAYEE_CONTEXT
from app.web.paging import page, read_cursor
from app.web.till_receipts import Receipt, bill_lines, payee_lines

_MINE = f"JOIN memberships AS m ON m.organization_id = t.store_id AND {MEMBER}"
_TILLS = text(
    f"""
    SELECT t.till_id, t.store_id, t.name, t.state, t.shift_id, t.in_charge_id, t.business_on, t.cash_fen
    FROM tills AS t {_MINE} WHERE t.till_id < :before ORDER BY t.till_id DESC LIMIT :limit
    """
)
_PROOF = text(
    f"""
    SELECT t.till_id, t.state, t.cash_fen, business_now() AS proven_at,
        (SELECT coalesce(sum(a.amount_fen), 0)::bigint FROM till_acts AS a WHERE a.till_id = t.till_id) AS acts_fen,
        coalesce(-h.posted_fen, 0) AS book_fen,
        t.proven_fen + (SELECT coalesce(-sum(e.amount_fen), 0)::bigint FROM ledger.record AS e
            WHERE e.code = 'till_cash:' || t.till_id AND e.seq > t.proven_seq) AS journals_fen
    FROM tills AS t {_MINE} LEFT JOIN ledger.head AS h ON h.code = 'till_cash:' || t.till_id
    WHERE t.till_id = :till_id
    """
)
_ACTS = text(
    f"""
    SELECT t.till_id AS of_till_id, a.till_act_id, a.number, a.kind, a.amount_fen, a.cash_after_fen, a.clerk_id,
        a.transfer_id, a.account_fen, a.bill_payment_id, a.sent_transfer_id, a.done_at
    FROM tills AS t {_MINE} LEFT JOIN LATERAL (
        SELECT * FROM till_acts AS b WHERE b.till_id = t.till_id AND b.till_act_id < :before
        ORDER BY b.till_act_id DESC LIMIT :limit) AS a ON true
    WHERE t.till_id = :till_id ORDER BY a.till_act_id DESC
    """
)
_RECEIPT = text(
    f"""
    SELECT s.name AS store, t.name AS till, a.number, a.kind, coalesce(a.account_fen, a.amount_fen) AS amount_fen,
        a.done_at, a.till_act_id, b.state AS bill_state, r.name_zh AS biller, u.tail, y.phone_sealed
    FROM till_acts AS a JOIN tills AS t ON t.till_id = a.till_id {_MINE} JOIN stores AS s ON s.store_id = t.store_id
    LEFT JOIN bill_payments AS b ON b.bill_payment_id = a.bill_payment_id
    LEFT JOIN billers AS r ON r.biller_id = b.biller_id
    LEFT JOIN utility_accounts AS u ON u.utility_account_id = b.utility_account_id
    LEFT JOIN transfers AS x ON x.transfer_id = a.sent_transfer_id LEFT JOIN payees AS y ON y.payee_id = x.payee_id
    WHERE a.till_act_id = :till_act_id
    """
)
_DESK_BILLS = text(
    f"""
    SELECT b.bill_payment_id, a.till_act_id, a.till_id, a.number, a.clerk_id, b.amount_fen, b.state, b.refusal,
        CASE b.source WHEN 'desk_cash' THEN 'cash' ELSE 'e_account' END AS paid_from, r.biller_id, r.kind, r.name_zh,
        r.name_en, u.tail, l.month, a.done_at
    FROM till_acts AS a JOIN tills AS t ON t.till_id = a.till_id {_MINE}
    JOIN bill_payments AS b ON b.bill_payment_id = a.bill_payment_id
    JOIN billers AS r ON r.biller_id = b.biller_id
    JOIN utility_accounts AS u ON u.utility_account_id = b.utility_account_id
    LEFT JOIN bills AS l ON l.bill_id = b.bill_id
    WHERE a.bill_payment_id < :before AND (CAST(:state AS text) IS NULL OR b.state = :state)
    ORDER BY a.bill_payment_id DESC LIMIT :limit
    """
)
_BILL_STATE = text("SELECT state FROM bill_payments WHERE bill_payment_id = :bill_payment_id")
_TRANSFERS = text(
    f"""
    SELECT x.transfer_id, x.from_till_id, x.to_till_id, x.amount_fen, x.state, x.sent_by_id, x.sent_at,
        x.received_by_id, x.received_fen, x.ended_at
    FROM cash_transfers AS x
    WHERE x.transfer_id < :before AND (CAST(:state AS text) IS NULL OR x.state = :state) AND EXISTS (
        SELECT 1 FROM tills AS t {_MINE} WHERE t.till_id IN (x.from_till_id, x.to_till_id))
    ORDER BY x.transfer_id DESC LIMIT :limit
    """
)


def tills(actor: Actor, *, limit: int, cursor: str | None) -> dict[str, Any]:
    """Return a page of the tills of one's stores, newest first."""
    rows = read(_TILLS, {**actor.as_member, "before": read_cursor(cursor), "limit": limit + 1}).fetchall()
    return page([dict(row._mapping) for row in rows], limit=limit, key="till_id")


def proof(actor: Actor, *, till_id: UUID) -> dict[str, Any]:
    """Return whether a till's float is the sum of its acts and of its journals, now.

    :raises TillNotFound: it is none of the actor's.
    """
    row = read(_PROOF, {**actor.as_member, "till_id": till_id}).one_or_none()
    if row is None:
        raise TillNotFound
    proven = dict(row._mapping)
    sums = {proven[name] for name in ("cash_fen", "acts_fen", "book_fen", "journals_fen")}
    return {**proven, "is_sound": len(sums) == 1}


def acts(actor: Actor, *, till_id: UUID, limit: int, cursor: str | None) -> dict[str, Any]:
    """Return a page of a till's acts, newest first.

    :raises TillNotFound: it is none of the actor's.
    """
    params = {**actor.as_member, "till_id": till_id, "before": read_cursor(cursor), "limit": limit + 1}
    rows = read(_ACTS, params).fetchall()
    if not rows:
        raise TillNotFound
    shown = [dict(row._mapping) for row in rows if row.till_act_id is not None]
    for one in shown:
        del one["of_till_id"]
    return page(shown, limit=limit, key="till_act_id")


def receipt(actor: Actor, *, till_act_id: UUID) -> Receipt:
    """Return what the receipt of an act says.

    :raises TillActNotFound: it is none of a store of the actor's.
    """
    row = read(_RECEIPT, {**actor.as_member, "till_act_id": till_act_id}).one_or_none()
    if row is None:
        raise TillActNotFound
    return Receipt(
        store=row.store,
        till=row.till,
        number=row.number,
        kind=TillActKind(row.kind),
        amount_fen=row.amount_fen,
        done_at=row.done_at,
        reference=str(row.till_act_id),
        about=_about(row),
    )


def _about(row: Row) -> tuple[str, ...]:
    if row.bill_state is not None:
        return bill_lines(row.biller, row.tail, BillPaymentState(row.bill_state))
    if row.kind in {TillActKind.TRANSFER_IN_CASH, TillActKind.TRANSFER_FROM_ACCOUNT}:
        number = "" if row.phone_sealed is None else unseal(row.phone_sealed, context=PAYEE_CONTEXT)
        return payee_lines(number[-4:])
    return ()


def desk_bills(actor: Actor, *, limit: int, cursor: str | None, state: str | None) -> dict[str, Any]:
    """Return a page of the bills that were paid at the desks of one's stores, newest first."""
    params = {**actor.as_member, "before": read_cursor(cursor), "state": state, "limit": limit + 1}
    rows = read(_DESK_BILLS, params).fetchall()
    return page([dict(row._mapping) for row in rows], limit=limit, key="bill_payment_id")


def bill_state(bill_payment_id: UUID) -> str:
    """Return how far the payment of a bill is that the asker has just made."""
    return str(read(_BILL_STATE, {"bill_payment_id": bill_payment_id}).scalar_one())


def transfers(actor: Actor, *, limit: int, cursor: str | None, state: str | None) -> dict[str, Any]:
    """Return a page of cash on its way from and to the tills of one's stores, newest first."""
    params = {**actor.as_member, "before": read_cursor(cursor), "state": state, "limit": limit + 1}
    rows = read(_TRANSFERS, params).fetchall()
    return page([dict(row._mapping) for row in rows], limit=limit, key="transfer_id")
