"""The old piece for the new one (换货): at the door by a courier, at the store's counter, or at the shop.

Whoever carries the new piece takes the old one in the same moment, against the resident's code. A courier earns the
carriage by that, and who is at fault bears it: a merchant out of what is settled, the rest as a debt.
"""

import hmac
from datetime import timedelta
from uuid import UUID

from sqlalchemy import text

from app.core import ledger
from app.core.aftersale.errors import CaseNotFound
from app.core.aftersale.rules import CARRIAGE_FEN, PAYER_OF, ExchangeWay, Payer, recourse
from app.core.aftersale.states import CaseAction, CaseState
from app.core.delivery.checks import CODE_TRIES_MAX, tries_left
from app.core.delivery.errors import NotOnShift
from app.core.ledger import Journal, JournalKind, Leg, codes
from app.core.orders.errors import CodeLocked, WrongCode
from app.core.orders.rules import CODE_DIGITS
from app.core.settlement.locks import lock_account
from app.core.settlement.models import PartyKind, SettledParty
from app.kernel.actor import Actor
from app.kernel.clock import SHANGHAI
from app.kernel.sealing import derived_code
from app.kernel.transaction import Claim, Transaction, closing, transaction
from app.usecases.aftersale.cases import (
    LOCK_CASE_FOR_COURIER,
    LOCK_CASE_FOR_STORE,
    LOCK_OWN_CASE,
    MOVED_CASE,
    Case,
    CaseStands,
    lock_case,
    move_case,
    moving,
)
from app.usecases.aftersale.refund_case import refund_case, with_recourse

_IS_ON_SHIFT = text(
    """
    SELECT 1 FROM courier_shifts WHERE courier_id = :courier_id AND ended_at IS NULL AND on_break_since IS NULL
      AND (ends_at IS NULL OR ends_at > business_now())
    """
)
_COUNT_TRY = text(
    """
    UPDATE after_sale_cases
    SET wrong_codes = wrong_codes || jsonb_build_object(CAST(:key AS text), CAST(:tries AS bigint))
    WHERE case_id = :case_id
    """
)
_AVAILABLE = text(
    'SELECT coalesce((SELECT available_fen FROM ledger.head WHERE code = CAST(:code AS text) COLLATE "C"), 0)'
)
_SWAPPED = closing(
    f"""
    {MOVED_CASE},
    earner AS (
        INSERT INTO settlement_accounts (party_kind, party_id, next_on)
        VALUES ('courier', :courier_id, :eligible_on) ON CONFLICT DO NOTHING
    ),
    earned AS (
        INSERT INTO settlement_items (order_id, party_kind, part, party_id, amount_fen, eligible_on)
        SELECT :order_id, :party_kind, (SELECT coalesce(max(i.part) + 1, 0) FROM settlement_items AS i
            WHERE i.order_id = :order_id AND i.party_kind = :party_kind), :courier_id, :carriage_fen, :eligible_on
    )""",
    answer="SELECT count(*) FROM moved_case",
)
_ELIGIBLE_AFTER = timedelta(days=1)


def counter_code(case_id: UUID) -> str:
    """Return the code that the shop tells the courier who takes the new piece."""
    return derived_code(str(case_id), purpose="exchange_pick_up", digits=CODE_DIGITS)


def swap_code(case_id: UUID) -> str:
    """Return the code that the resident tells whoever gives the new piece for the old one."""
    return derived_code(str(case_id), purpose="exchange_swap", digits=CODE_DIGITS)


def carry_exchange(actor: Actor, claim: Claim, *, case_id: UUID, code: str) -> CaseStands:
    """Take, as a courier on shift, the new piece from the shop's counter; the first who shows its code carries it.

    :raises CaseNotFound: none of the courier's zone, or another carries it. :raises NotOnShift: off shift, or on break.
    :raises WrongCode, CodeLocked: it is not what the shop tells.
    """
    with transaction(claim) as tx:
        case = _lock_for_courier(tx, actor, case_id)
        target = case.next(CaseAction.SEND_OUT, actor.role)
        if tx.execute(_IS_ON_SHIFT, {"courier_id": actor.account_id}).first() is None:
            raise NotOnShift
        refusal = _wrong(tx, case, code, counter_code(case_id), f"counter:{actor.account_id}")
        if refusal is None:
            return move_case(tx, case, target, carrier_id=actor.account_id)
    raise refusal


def swap_at_door(actor: Actor, claim: Claim, *, case_id: UUID, code: str) -> CaseStands:
    """Give, as its courier, the new piece and take the old one; the carriage is earned.

    :raises CaseNotFound: not one of the courier's. :raises WrongCode, CodeLocked: it is not what the resident tells.
    """

    def act(as_debt: bool) -> CaseStands | WrongCode:  # noqa: FBT001 - as with_recourse calls it
        with transaction(claim) as tx:
            case = _lock_for_courier(tx, actor, case_id)
            target = case.next(CaseAction.SWAP, actor.role)
            refusal = _wrong(tx, case, code, swap_code(case_id), f"swap:{actor.account_id}")
            return refusal or _swap(tx, case, target, actor.account_id, as_debt=as_debt)

    done = with_recourse(act)
    if isinstance(done, WrongCode):
        raise done
    return done


def _swap(tx: Transaction, case: Case, target: CaseState, courier_id: UUID, *, as_debt: bool) -> CaseStands:
    order, payer = case.order, PAYER_OF[case.fault]
    legs = [Leg(codes.courier_pending(courier_id), CARRIAGE_FEN)]
    if payer is Payer.MERCHANT:
        available = codes.merchant_available(order.merchant_id)
        lock_account(tx, SettledParty.MERCHANT, order.merchant_id)
        has_fen = 0 if as_debt else max(0, int(tx.execute(_AVAILABLE, {"code": available}).scalar_one()))
        parts = recourse(CARRIAGE_FEN, pending_fen=0, available_fen=has_fen)
        sources = {available: parts.available_fen, codes.merchant_debt(order.merchant_id): parts.debt_fen}
        legs += [Leg(code, -fen) for code, fen in sources.items() if fen]
    else:
        legs.append(Leg(codes.DELIVERY_SUBSIDY, -CARRIAGE_FEN))
    journal = Journal(
        key=f"exchange_carriage:{case.case_id}",
        kind=JournalKind.EXCHANGE_CARRIAGE,
        legs=tuple(legs),
        ref=str(case.case_id),
    )
    ledger.post(tx, journal)
    stands = CaseStands(case_id=case.case_id, order_id=order.order_id, state=target.value)
    tx.keep(stands)
    params = moving(tx, case, target, carriage_payer=payer.value, carriage_fen=CARRIAGE_FEN)
    eligible_on = order.now.astimezone(SHANGHAI).date() + _ELIGIBLE_AFTER
    earned = {"courier_id": courier_id, "party_kind": PartyKind.COURIER.value, "eligible_on": eligible_on}
    moved = tx.close(_SWAPPED, {**params, **earned}).scalar_one()
    assert moved == 1, "a locked case changed under its lock"
    return stands


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


def _lock_for_courier(tx: Transaction, actor: Actor, case_id: UUID) -> Case:
    return lock_case(tx, LOCK_CASE_FOR_COURIER, {"case_id": case_id, "account_id": actor.account_id})


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
