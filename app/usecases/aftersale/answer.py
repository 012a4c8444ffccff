"""What the shop does about a case: agree, reject, take back, dispute what came back, replace."""

from uuid import UUID

from app.core.aftersale.rules import ExchangeWay, agreed_as
from app.core.aftersale.states import CaseAction, CaseState
from app.kernel.actor import Actor
from app.kernel.machines import IllegalTransition
from app.kernel.transaction import Claim, transaction
from app.usecases.aftersale.cases import LOCK_CASE_FOR_SHOP, CaseStands, lock_case, move_case
from app.usecases.aftersale.exchange import end_exchange
from app.usecases.aftersale.refund_case import refund_case, with_recourse


def agree_to_case(actor: Actor, claim: Claim, *, case_id: UUID, is_refund: bool) -> CaseStands:
    """Agree to what is asked for; with ``is_refund`` refund it without wanting anything back."""

    def act(as_debt: bool) -> CaseStands:  # noqa: FBT001 - as with_recourse calls it
        with transaction(claim) as tx:
            case = lock_case(tx, LOCK_CASE_FOR_SHOP, {"case_id": case_id, **actor.as_member})
            action = (
                CaseAction.AGREE_REFUND if is_refund or case.state is not CaseState.APPLIED else agreed_as(case.kind)
            )
            target = case.next(action, actor.role)
            if target is CaseState.REFUNDED:
                return refund_case(tx, case, target, as_debt=as_debt)
            return move_case(tx, case, target)

    return with_recourse(act)


def reject_case(actor: Actor, claim: Claim, *, case_id: UUID, reason: str) -> CaseStands:
    """Refuse what is asked for, with a reason; the resident may ask the platform to rule."""
    with transaction(claim) as tx:
        case = lock_case(tx, LOCK_CASE_FOR_SHOP, {"case_id": case_id, **actor.as_member})
        return move_case(tx, case, case.next(CaseAction.REJECT, actor.role), answer=reason)


def receive_return(actor: Actor, claim: Claim, *, case_id: UUID, is_resalable: bool) -> CaseStands:
    """Say that what was sent back is here, on the shelf again if it can be sold: it is refunded, or was exchanged."""

    def act(as_debt: bool) -> CaseStands:  # noqa: FBT001 - as with_recourse calls it
        with transaction(claim) as tx:
            case = lock_case(tx, LOCK_CASE_FOR_SHOP, {"case_id": case_id, **actor.as_member})
            target = case.next(CaseAction.RECEIVE, actor.role)
            if target is CaseState.EXCHANGED:
                return end_exchange(tx, case, target, is_resalable=is_resalable, as_debt=as_debt)
            return refund_case(tx, case, target, is_resalable=is_resalable, as_debt=as_debt)

    return with_recourse(act)


def dispute_return(actor: Actor, claim: Claim, *, case_id: UUID, reason: str) -> CaseStands:
    """Say that what came back is not what was sold, or that nothing came; the platform rules."""
    with transaction(claim) as tx:
        case = lock_case(tx, LOCK_CASE_FOR_SHOP, {"case_id": case_id, **actor.as_member})
        return move_case(tx, case, case.next(CaseAction.DISPUTE_RETURN, actor.role), answer=reason)


def replace_goods(actor: Actor, claim: Claim, *, case_id: UUID, reference: str) -> CaseStands:
    """Give the new pieces: to the resident, or into the hands of the store at whose counter they are exchanged."""
    with transaction(claim) as tx:
        case = lock_case(tx, LOCK_CASE_FOR_SHOP, {"case_id": case_id, **actor.as_member})
        is_to_store = case.exchange_way is ExchangeWay.STORE
        target = case.next(CaseAction.SEND_OUT if is_to_store else CaseAction.REPLACE, actor.role)
        return move_case(tx, case, target, replacement_reference=reference)


def take_exchange_back(actor: Actor, claim: Claim, *, case_id: UUID, reason: str) -> CaseStands:
    """Say that the new pieces came back from the store because they could not be exchanged; they are reserved again.

    :raises IllegalTransition: nothing is out, or a courier has it, who says so when they bring it back.
    """
    with transaction(claim) as tx:
        case = lock_case(tx, LOCK_CASE_FOR_SHOP, {"case_id": case_id, **actor.as_member})
        target = case.next(CaseAction.TAKE_BACK, actor.role)
        if case.exchange_way is ExchangeWay.COURIER:
            raise IllegalTransition(action=CaseAction.TAKE_BACK.value, state=case.state.value)
        return move_case(tx, case, target, answer=reason)
