"""The waiting list (候补): what is not confirmed in time is held for who waited longest."""

from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import text

from app.core import ledger
from app.core.events import TermQuotaOffered
from app.core.ledger import codes
from app.core.wealth.errors import TermProductNotFound
from app.core.wealth.terms import BUCKETS, require_amount
from app.kernel.actor import Actor
from app.kernel.timers import Timer
from app.kernel.transaction import Claim, Transaction, closing, opening, transaction
from app.usecases.saving.term_sale import TAKE_ROW, TERM_OFFERS, TermMoved, hold_taken

_TO_WAIT = opening(
    """
    SELECT p.product_id, p.minimum_fen, p.step_fen, p.cap_fen,
        coalesce((SELECT o.amount_fen FROM term_positions AS o WHERE o.product_id = p.product_id
            AND o.account_id = :account_id), 0) AS held_fen
    FROM term_products AS p WHERE p.product_id = :product_id
    """
)
_WAIT = closing(
    """
    waits AS (
        INSERT INTO term_waiters (account_id, product_id, amount_fen, waits_since)
        VALUES (:account_id, :product_id, :amount_fen, business_now())
        ON CONFLICT (account_id, product_id) DO UPDATE SET amount_fen = excluded.amount_fen,
            waits_since = excluded.waits_since, offered_at = NULL
    )"""
)
_NEXT = text(
    """
    SELECT w.account_id, w.amount_fen, p.cap_fen, p.closes_at > business_now() AS is_open, business_now() AS now,
        coalesce((SELECT o.amount_fen FROM term_positions AS o WHERE o.product_id = w.product_id
            AND o.account_id = w.account_id), 0) AS held_fen
    FROM term_waiters AS w JOIN term_products AS p ON p.product_id = w.product_id
    WHERE w.product_id = :product_id AND w.offered_at IS NULL ORDER BY w.waits_since LIMIT 1
    FOR NO KEY UPDATE OF w SKIP LOCKED
    """
)
_OFFERED = text(
    """
    UPDATE term_waiters SET offered_at = business_now() WHERE product_id = :product_id AND account_id = :account_id
    """
)
_POSITION = text(
    """
    INSERT INTO term_positions AS p (account_id, product_id, amount_fen)
    VALUES (:account_id, :product_id, :amount_fen)
    ON CONFLICT (account_id, product_id) DO UPDATE SET amount_fen = p.amount_fen + excluded.amount_fen
    """
)
_HELD = text(
    """
    INSERT INTO term_subscriptions (subscription_id, product_id, account_id, amount_fen, state, held_at, confirm_by)
    VALUES (:subscription_id, :product_id, :account_id, :amount_fen, :state, business_now(), :confirm_by)
    """
)


@dataclass(frozen=True, slots=True, kw_only=True)
class TermWaiting:
    """A place on the waiting list of a product."""

    product_id: UUID
    amount_fen: int


def wait_for_term(actor: Actor, claim: Claim, *, product_id: UUID, amount_fen: int) -> TermWaiting:
    """Wait for an amount that others give back; asked again, one goes to the end.

    :raises TermProductNotFound: there is none. :raises TermAmountInvalid, TermCapExceeded: of the amount.
    """
    with transaction(claim) as tx:
        row = tx.open_one(_TO_WAIT, {"account_id": actor.account_id, "product_id": product_id})
        if row is None:
            raise TermProductNotFound
        require_amount(
            amount_fen,
            minimum_fen=row.minimum_fen,
            step_fen=row.step_fen,
            cap_fen=row.cap_fen,
            held_fen=row.held_fen,
        )
        waiting = TermWaiting(product_id=product_id, amount_fen=amount_fen)
        tx.keep(waiting)
        tx.close(_WAIT, {"account_id": actor.account_id, "product_id": product_id, "amount_fen": amount_fen})
    return waiting


def offer_to_next(tx: Transaction, product_id: UUID) -> None:
    """Hold for who waited longest, if quota and their money allow; then look after the next one."""
    row = tx.execute(_NEXT, {"product_id": product_id}).one_or_none()
    if row is None or not row.is_open:
        return
    account, amount_fen = row.account_id, row.amount_fen
    available = ledger.balance(tx, codes.e_account(account)).available_fen
    taken = None
    if available >= amount_fen and row.held_fen + amount_fen <= row.cap_fen:
        own = account.int % BUCKETS
        taken = tx.execute(TAKE_ROW, {"product_id": product_id, "amount_fen": amount_fen, "own": own}).one_or_none()
        if taken is None:
            return  # nothing that is large enough came back: the place in the list stays
    tx.execute(_OFFERED, {"account_id": account, "product_id": product_id})
    tx.schedule(Timer(TERM_OFFERS, product_id, timedelta(seconds=1)))
    if taken is None:
        return
    tx.execute(_POSITION, {"account_id": account, "product_id": product_id, "amount_fen": amount_fen})
    _hold(tx, account, product_id, amount_fen, row.now)


def _hold(tx: Transaction, account_id: UUID, product_id: UUID, amount_fen: int, now: datetime) -> None:
    moved = TermMoved.taken(product_id, amount_fen, now=now, is_confirmed=False)
    hold_taken(tx, moved, account_id)
    tx.execute(_HELD, {**asdict(moved), "account_id": account_id})
    tx.record(
        TermQuotaOffered(
            account_id=account_id, product_id=product_id, subscription_id=moved.subscription_id, amount_fen=amount_fen
        )
    )
