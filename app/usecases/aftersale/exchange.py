"""The old piece for the new one (换货) at the store's counter or at the shop, the codes for it, and its end.

Whoever gives the new piece takes the old one in the same moment, against the resident's code. What a courier does is
in :mod:`app.usecases.aftersale.carried`.
"""

import hmac
from uuid import UUID

from sqlalchemy import text

from app.core.aftersale.errors import CaseNotFound
from app.core.aftersale.rules import ExchangeWay
from app.core.aftersale.states import CaseAction, CaseState
from app.core.delivery.checks import CODE_TRIES_MAX, tries_left
from app.core.orders.errors import CodeLocked, WrongCode
from app.core.orders.rules import CODE_DIGITS
from app.kernel.actor import Actor
from app.kernel.sealing import derived_code
from app.kernel.transaction import Claim, Transaction, transaction
from app.usecases.aftersale.cases import (
    LOCK_CASE_FOR_STORE,
    LOCK_OWN_CASE,
    Case,
    CaseStands,
    lock_case,
    move_case,
)
from app.usecases.aftersale.refund_case import refund_case, with_recourse

_COUNT_TRY = text(
    """
    UPDATE after_sale_cases
    SET wrong_codes = wrong_codes || jsonb_build_object(CAST(:key AS text), CAST(:tries AS bigint))
    WHERE case_id = :case_id
    """
)


def counter_code(case_id: UUID) -> str:
    """Return the code that the shop tells the courier who takes the new piece."""
    return derived_code(str(case_id), purpose="exchange_pick_up", digits=CODE_DIGITS)


def swap_code(case_id: UUID) -> str:
    """Return the code that the resident tells whoever gives the new piece for the old one."""
    return derived_code(str(case_id), purpose="exchange_swap", digits=CODE_DIGITS)


def swap_at_counter(actor: Actor, claim: Claim, *, case_id: UUID, code: str) -> CaseStands:
    """Give, at the store's counter, the new piece and take the old one for the shop.

    :raises CaseNotFound: none of the store's catchment. :raises WrongCode, CodeLocked: not what the resident tells.
    """
    with transaction(claim) as tx:
        case = lock_case(tx, LOCK_CASE_FOR_STORE, {**actor.as_member, "case_id": case_id})
        target = case.next(CaseAction.SWAP, actor.role)
        if case.exchange_way is not ExchangeWay.STORE:
            raise CaseNotFound
        tx.describe(whom_id=case.order.account_id)
        refusal = _wrong(tx, case, code, swap_code(case_id), f"swap:{actor.account_id}")
        if refusal is None:
            return move_case(tx, case, target)
    raise refusal


def end_exchange(
    tx: Transaction, case: Case, target: CaseState, *, is_resalable: bool = False, as_debt: bool = False
) -> CaseStands:
    """End an exchange; what the new piece costs less is refunded. Closes the transaction."""
    amount_fen = case.difference_fen
    if amount_fen == 0 and not is_resalable:
        return move_case(tx, case, target)
    return refund_case(tx, case, target, amount_fen=amount_fen, is_resalable=is_resalable, as_debt=as_debt)


def confirm_exchange(actor: Actor, claim: Claim, *, case_id: UUID) -> CaseStands:
    """Confirm that the replacement arrived; what it costs less goes back."""

    def act(as_debt: bool) -> CaseStands:  # noqa: FBT001 - as with_recourse calls it
        with transaction(claim) as tx:
            case = lock_case(tx, LOCK_OWN_CASE, {"case_id": case_id, "account_id": actor.account_id})
            return end_exchange(tx, case, case.next(CaseAction.CONFIRM_EXCHANGE, actor.role), as_debt=as_debt)

    return with_recourse(act)


def _wrong(tx: Transaction, case: Case, code: str, expected: str, key: str) -> WrongCode | None:
    """Return the refusal of a wrong code, to raise when it has been counted; None where it is right."""
    left = tries_left(case.wrong_codes, key)
    if left <= 0:
        raise CodeLocked
    if hmac.compare_digest(code, expected):
        return None
    tx.execute(_COUNT_TRY, {"case_id": case.case_id, "key": key, "tries": CODE_TRIES_MAX - left + 1})
    tx.release_claim()
    return WrongCode(pointer="/code", tries_left=left - 1)
