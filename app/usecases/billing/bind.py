"""Bind an account with a biller (绑定户号), under a nickname such as home or parents; let it go again."""

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import text

from app.core.bills.errors import (
    BillAlreadyBound,
    BillBindingNotFound,
    BillerNotFound,
    BillNumberUnknown,
    TooManyBindings,
)
from app.core.bills.numbers import TAIL, CheckScheme, read_number
from app.core.bills.ports import AccountAtBiller, Biller
from app.core.bills.rules import BINDINGS_MAX
from app.kernel.actor import Actor
from app.kernel.ids import new_id
from app.kernel.sealing import blind_index, seal
from app.kernel.transaction import Claim, closing, opening, read, transaction
from app.kernel.wire import Row
from app.usecases.privacy.consents import HAS_AGREED, consent_needed, versions_in_force

NUMBER_CONTEXT, NICKNAME_CONTEXT = "utility_accounts.number", "bill_bindings.nickname"

_BILLER = text(
    """
    SELECT biller_id, code, check_scheme, digits_min, digits_max, is_part_allowed, is_prepaid, minimum_fen, maximum_fen
    FROM billers WHERE biller_id = :biller_id AND is_active
    """
)
_LOCK_ACCOUNT = opening(
    f"""
    SELECT a.account_id, {HAS_AGREED} AS has_agreed,
        (SELECT count(*) FROM bill_bindings AS b WHERE b.account_id = a.account_id
            AND (b.removed_at IS NULL OR b.bound_at > business_now() - interval '1 day')) AS binding_count
    FROM accounts AS a WHERE a.account_id = :account_id FOR NO KEY UPDATE OF a
    """
)
KNOW_ACCOUNT = text(
    """
    WITH made AS (
        INSERT INTO utility_accounts (utility_account_id, biller_id, number_sealed, number_index, tail)
        VALUES (:utility_account_id, :biller_id, :number_sealed, :number_index, :tail)
        ON CONFLICT (biller_id, number_index) DO UPDATE SET tail = excluded.tail RETURNING utility_account_id
    )
    SELECT m.utility_account_id, EXISTS (SELECT 1 FROM bill_bindings AS b WHERE b.account_id = :account_id
        AND b.utility_account_id = m.utility_account_id AND b.removed_at IS NULL) AS is_bound
    FROM made AS m
    """
)
_BIND = closing(
    """
    bound AS (
        INSERT INTO bill_bindings (binding_id, account_id, utility_account_id, nickname_sealed, is_reminded, bound_at,
            look_at)
        VALUES (:binding_id, :account_id, :utility_account_id, :nickname_sealed, true, business_now(), business_now())
    )"""
)
_CHANGE = text(
    """
    UPDATE bill_bindings SET nickname_sealed = :nickname_sealed, is_reminded = :is_reminded
    WHERE binding_id = :binding_id AND account_id = :account_id AND removed_at IS NULL
    """
)
_REMOVE = text(
    """
    UPDATE bill_bindings SET removed_at = business_now(), autopay_cap_fen = NULL, autopay_factor = NULL,
        nickname_sealed = ''
    WHERE binding_id = :binding_id AND account_id = :account_id AND removed_at IS NULL
    """
)


@dataclass(frozen=True, slots=True, kw_only=True)
class BindingMade:
    """An account that is bound now."""

    binding_id: UUID
    biller_id: UUID


def bind_account(
    actor: Actor, claim: Claim, billers: Biller, *, biller_id: UUID, number: str, nickname: str
) -> BindingMade:
    """Bind an account of one's own, or of somebody one pays for; its biller is asked first whether there is one.

    :raises BillerNotFound: there is none. :raises BillNumberInvalid: of form and check digit.
    :raises BillNumberUnknown: the biller knows none. :raises BillerUnavailable: it does not answer.
    :raises BillAlreadyBound, TooManyBindings: of what is bound.
    :raises ConsentNeeded: terms or privacy policy in force are not agreed to.
    """
    _, clean, _ = ask_by_number(billers, biller_id=biller_id, number=number)
    with transaction(claim) as tx:
        own = tx.open_one(_LOCK_ACCOUNT, {"account_id": actor.account_id, **versions_in_force()})
        assert own is not None, "who has a token has an account"
        if not own.has_agreed:
            raise consent_needed()
        if own.binding_count >= BINDINGS_MAX:
            raise TooManyBindings(bindings_max=BINDINGS_MAX)
        known = tx.execute(KNOW_ACCOUNT, {**sealed_number(biller_id, clean), "account_id": actor.account_id}).one()
        if known.is_bound:
            raise BillAlreadyBound(pointer="/number")
        made = BindingMade(binding_id=new_id(), biller_id=biller_id)
        tx.keep(made)
        tx.close(
            _BIND,
            {
                "binding_id": made.binding_id,
                "account_id": actor.account_id,
                "utility_account_id": known.utility_account_id,
                "nickname_sealed": seal(nickname, context=NICKNAME_CONTEXT),
            },
        )
    return made


def ask_by_number(billers: Biller, *, biller_id: UUID, number: str) -> tuple[Row, str, AccountAtBiller]:
    """Ask a biller about a number that a person named; return the biller, the number as it is kept, what was said.

    :raises BillerNotFound: there is none. :raises BillNumberInvalid: of form and check digit.
    :raises BillNumberUnknown: the biller knows none. :raises BillerUnavailable: it does not answer.
    """
    row = read(_BILLER, {"biller_id": biller_id}).one_or_none()
    if row is None:
        raise BillerNotFound(pointer="/biller_id")
    scheme = CheckScheme(row.check_scheme)
    clean = read_number(number, scheme, digits_min=row.digits_min, digits_max=row.digits_max)
    told = billers.ask(row.code, clean)
    if told is None:
        raise BillNumberUnknown(pointer="/number")
    return row, clean, told


def sealed_number(biller_id: UUID, number: str) -> dict[str, Any]:
    """Return what is kept of a number, as parameters of :data:`KNOW_ACCOUNT`."""
    return {
        "utility_account_id": new_id(),
        "biller_id": biller_id,
        "number_sealed": seal(number, context=NUMBER_CONTEXT),
        "number_index": blind_index(number, context=NUMBER_CONTEXT),
        "tail": number[-TAIL:],
    }


def change_binding(actor: Actor, *, binding_id: UUID, nickname: str, is_reminded: bool) -> None:
    """Give a bound account another nickname; have its reminders on or off.

    :raises BillBindingNotFound: there is none of the actor's.
    """
    with transaction() as tx:
        given = {
            "binding_id": binding_id,
            "account_id": actor.account_id,
            "nickname_sealed": seal(nickname, context=NICKNAME_CONTEXT),
            "is_reminded": is_reminded,
        }
        if tx.execute(_CHANGE, given).rowcount != 1:
            raise BillBindingNotFound


def unbind_account(actor: Actor, *, binding_id: UUID) -> None:
    """Let a bound account go; it is neither reminded of nor paid by itself any more.

    :raises BillBindingNotFound: there is none of the actor's.
    """
    with transaction() as tx:
        if tx.execute(_REMOVE, {"binding_id": binding_id, "account_id": actor.account_id}).rowcount != 1:
            raise BillBindingNotFound
