"""Payees: added by phone, usable a day later, removed at any time."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from app.core.transfers.errors import PayeeIsOneself, PayeeNotFound, TooManyPayees
from app.core.transfers.rules import COOLING, PAYEES_DAY_MAX, PAYEES_MAX
from app.kernel.actor import Actor
from app.kernel.ids import new_id
from app.kernel.sealing import seal
from app.kernel.transaction import Claim, Transaction, closing, opening, transaction
from app.kernel.wire import Row
from app.usecases.people.phones import normalize_phone, phone_index

PAYEE_CONTEXT = "payees.phone"

ADDING = """a.account_id, a.phone_index AS own_index, business_now() AS now,
        (SELECT count(*) FROM payees AS p WHERE p.account_id = a.account_id AND p.removed_at IS NULL) AS payees_count,
        (SELECT count(*) FROM payees AS p WHERE p.account_id = a.account_id
            AND p.added_at > business_now() - interval '1 day') AS added_count,
        k.payee_id AS known_id, k.usable_at AS known_usable_at"""
KNOWN = """
    LEFT JOIN payees AS k ON k.account_id = a.account_id AND k.phone_index = :phone_index AND k.removed_at IS NULL
"""
_TO_ADD = opening(f"SELECT {ADDING} FROM accounts AS a {KNOWN} WHERE a.account_id = :account_id FOR NO KEY UPDATE OF a")
_ADD = closing(
    """
    added AS (
        INSERT INTO payees (payee_id, account_id, phone_sealed, phone_index, added_at, usable_at)
        VALUES (:payee_id, :account_id, :phone_sealed, :phone_index, business_now(), :usable_at)
    )"""
)
_OWN = opening(
    """
    SELECT payee_id FROM payees WHERE payee_id = :payee_id AND account_id = :account_id AND removed_at IS NULL
    FOR UPDATE
    """
)
_REMOVE = closing("removed AS (UPDATE payees SET removed_at = business_now() WHERE payee_id = :payee_id)")


@dataclass(frozen=True, slots=True, kw_only=True)
class PayeeAdded:
    """A payee, and from when on they can be sent money."""

    payee_id: UUID
    usable_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class PayeeRemoved:
    """A payee who is none any more."""

    payee_id: UUID


def add_payee(actor: Actor, claim: Claim, *, phone: str) -> PayeeAdded:
    """Add somebody as a payee; one who is there already stays as they are. It is the same for a phone without account.

    :raises PhoneInvalid: it is no mainland mobile number. :raises PayeeIsOneself: it is one's own.
    :raises TooManyPayees: there are many already, or were added within a day.
    """
    number = normalize_phone(phone)
    index = phone_index(number)
    with transaction(claim) as tx:
        row = tx.open_one(_TO_ADD, {"account_id": actor.account_id, "phone_index": index})
        assert row is not None, "the door knows the account"
        return added(tx, row, number=number, index=index)


def added(tx: Transaction, row: Row, *, number: str, index: bytes) -> PayeeAdded:
    """Make a phone a payee of whom :data:`ADDING` has read, and close the transaction.

    :raises PayeeIsOneself, TooManyPayees: as :func:`add_payee`.
    """
    if bytes(row.own_index) == index:
        raise PayeeIsOneself(pointer="/phone")
    if row.known_id is not None:
        known = PayeeAdded(payee_id=row.known_id, usable_at=row.known_usable_at)
        tx.keep(known)
        return known
    if row.payees_count >= PAYEES_MAX or row.added_count >= PAYEES_DAY_MAX:
        raise TooManyPayees(payees_max=PAYEES_MAX)
    made = PayeeAdded(payee_id=new_id(), usable_at=row.now + COOLING)
    tx.keep(made)
    tx.close(
        _ADD,
        {
            "payee_id": made.payee_id,
            "account_id": row.account_id,
            "phone_sealed": seal(number, context=PAYEE_CONTEXT),
            "phone_index": index,
            "usable_at": made.usable_at,
        },
    )
    return made


def remove_payee(actor: Actor, claim: Claim, *, payee_id: UUID) -> PayeeRemoved:
    """Remove a payee; added again, they cool again.

    :raises PayeeNotFound: there is none of the actor's.
    """
    with transaction(claim) as tx:
        if tx.open_one(_OWN, {"payee_id": payee_id, "account_id": actor.account_id}) is None:
            raise PayeeNotFound
        removed = PayeeRemoved(payee_id=payee_id)
        tx.keep(removed)
        tx.close(_REMOVE, {"payee_id": payee_id})
    return removed
