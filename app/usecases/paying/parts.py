"""The part of a mixed payment that is on hold on the e-account: placed, paid with the rest, or released.

It is held exactly as long as its attempt may still pay its checkout. Whoever ends either, ends the hold: with the
attempt in the same transaction, and by a reaction when the checkout was paid otherwise, canceled, or ran out.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

import orjson
from sqlalchemy import text

from app.core import ledger
from app.core.ledger import Ahead, JournalKind, Leg, codes
from app.core.orders.repository import Checkout
from app.core.payments.mixed import outside_shares
from app.core.payments.models import PART_IS_HELD
from app.core.verification.limits import giving_back
from app.kernel.transaction import Transaction

HELD_FOR = timedelta(days=7)
"""Nothing waits for a hold to run out: attempts are called off after minutes, checkouts end after fifteen."""

_HELD = text(f"SELECT 1 FROM payment_attempts WHERE payment_id = :payment_id AND {PART_IS_HELD}")
_LOCK_HELD = text(
    f"""
    SELECT attempt_id, account_part_fen, part_held_at,
        (SELECT p.account_id FROM payments AS p WHERE p.payment_id = payment_attempts.payment_id) AS account_id
    FROM payment_attempts WHERE attempt_id = :attempt_id AND {PART_IS_HELD} FOR UPDATE
    """
)
_IN_VAIN = text(
    f"""
    SELECT a.attempt_id FROM payment_attempts AS a
    JOIN payments AS p ON p.payment_id = a.payment_id JOIN checkouts AS c ON c.checkout_id = p.checkout_id
    WHERE a.payment_id = :payment_id AND {PART_IS_HELD} AND a.state IN ('requested', 'unknown') AND c.state <> 'placed'
    """
)
_ENDED = text("UPDATE payment_attempts SET part_ended_at = business_now() WHERE attempt_id = :attempt_id")


@dataclass(frozen=True, slots=True)
class Part:
    """What is on hold for an attempt, and since when it counts against its owner's limits."""

    attempt_id: UUID
    account_id: UUID
    amount_fen: int
    held_at: datetime


def hold_key(attempt_id: UUID) -> str:
    """Return the ledger's key of the part that is on hold for an attempt."""
    return f"part:{attempt_id}"


def is_part_held(tx: Transaction, payment_id: UUID) -> bool:
    """Say whether a part is on hold for a payment whose checkout the caller has locked."""
    return tx.execute(_HELD, {"payment_id": payment_id}).first() is not None


def hold_part(tx: Transaction, attempt_id: UUID, account_id: UUID, amount_fen: int, room: Ahead | None) -> None:
    """Set a part aside for an attempt, counted against its owner's limits.

    :raises InsufficientFunds: less is available. :raises LinliError: of ``room``.
    """
    source = codes.e_account(account_id)
    ledger.place_hold(tx, key=hold_key(attempt_id), account=source, amount_fen=amount_fen, ttl=HELD_FOR, ahead=room)


def pay_in_parts(tx: Transaction, checkout: Checkout, part: Part, *, outside: str) -> dict[str, object]:
    """Fund the escrow of each order from the hold and from the account ``outside``, by one journal.

    :returns: what :data:`app.usecases.paying.settlement.PAID_IN_PARTS` freezes.
    """
    escrows = [Leg(codes.escrow(order.order_id), order.total_fen) for order in checkout.orders]
    ledger.capture_hold(
        tx,
        hold_key(part.attempt_id),
        key=f"pay:{part.attempt_id}",
        kind=JournalKind.PAYMENT,
        legs=[Leg(outside, part.amount_fen - checkout.total_fen), *escrows],
        ref=str(checkout.checkout_id),
    )
    shares = outside_shares([order.total_fen for order in checkout.orders], part.amount_fen)
    frozen = {str(order.order_id): share for order, share in zip(checkout.orders, shares, strict=True)}
    return {"outside_shares": orjson.dumps(frozen).decode(), "part_held_at": part.held_at}


def release_part(tx: Transaction, part: Part) -> None:
    """Give a part back to its owner and to the limits; the caller marks it as ended, under the attempt's lock."""
    room = giving_back(part.account_id, amount_fen=part.amount_fen, paid_at=part.held_at)
    ledger.void_hold(tx, hold_key(part.attempt_id), ahead=room)


def releasing(part: Part) -> Ahead:
    """Return what releases a part ahead of a posting."""
    room = giving_back(part.account_id, amount_fen=part.amount_fen, paid_at=part.held_at)
    return Ahead(
        call=f"(SELECT CASE WHEN {room.call} THEN ledger.void_hold(:part_key) IS NOT NULL END)",
        params={**room.params, "part_key": hold_key(part.attempt_id)},
    )


def release_held(tx: Transaction, attempt_id: UUID) -> None:
    """Release the part that is on hold for an attempt that failed, if one is."""
    row = tx.execute(_LOCK_HELD, {"attempt_id": attempt_id}).one_or_none()
    if row is not None:
        release_part(tx, Part(row.attempt_id, row.account_id, row.account_part_fen, row.part_held_at))
        tx.execute(_ENDED, {"attempt_id": attempt_id})


def release_in_vain(tx: Transaction, payment_id: UUID) -> None:
    """Release the part that is on hold for a payment whose checkout was paid otherwise, canceled, or ran out.

    The gateway is not waited for: what its code still brings goes back as late money.
    """
    for row in tx.execute(_IN_VAIN, {"payment_id": payment_id}).fetchall():
        release_held(tx, row.attempt_id)  # one at most: an index holds it
