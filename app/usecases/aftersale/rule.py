"""What the platform and time do about a case: a ruling with who is at fault, deadlines, reminders."""

from datetime import timedelta
from enum import StrEnum
from uuid import UUID

from sqlalchemy import text

from app.core.aftersale.errors import RulingTooHigh
from app.core.aftersale.rules import CaseFault, ExchangeWay, wait_of
from app.core.aftersale.states import CaseAction, CaseState
from app.core.events import CaseReminded
from app.kernel.actor import Actor, Role
from app.kernel.timers import Timer
from app.kernel.transaction import Claim, Transaction, transaction
from app.usecases.aftersale.carried import close_stranded_exchange
from app.usecases.aftersale.cases import CASE_LAPSES, LOCK_CASE, CaseStands, lock_case, move_case, told
from app.usecases.aftersale.exchange import end_exchange
from app.usecases.aftersale.refund_case import refund_case, with_recourse

REMIND_AGAIN = timedelta(hours=24)
"""How often the platform is reminded of a case past its deadline."""


_HELD = text(
    """
    SELECT coalesce(bool_and(n.on_hand >= w.quantity), true) FROM (
        SELECT exchange_sku_id, sum(quantity) AS quantity FROM after_sale_case_lines
        WHERE case_id = :case_id AND is_exchange_counted GROUP BY exchange_sku_id
    ) AS w LEFT JOIN stock AS n ON n.sku_id = w.exchange_sku_id
    """
)


class Ruling(StrEnum):
    """What the platform decides."""

    REFUND = "give_refund"
    RETURN = "want_return"
    REFUSE = "refuse"


_ACTION_OF = {
    Ruling.REFUND: CaseAction.RULE_REFUND,
    Ruling.RETURN: CaseAction.RULE_RETURN,
    Ruling.REFUSE: CaseAction.RULE_REFUSE,
}


def rule_case(
    actor: Actor,
    claim: Claim,
    *,
    case_id: UUID,
    ruling: Ruling,
    fault: CaseFault,
    reason: str,
    amount_fen: int | None = None,
) -> CaseStands:
    """Rule on a case that was brought before the platform (平台裁决). Fault decides who pays; both are written.

    :param amount_fen: for a refund, less than was asked for. :param reason: what both sides read.
    :raises CaseNotFound: there is none. :raises RulingTooHigh: more than was asked for.
    """

    def act(as_debt: bool) -> CaseStands:  # noqa: FBT001 - as with_recourse calls it
        with transaction(claim) as tx:
            case = lock_case(tx, LOCK_CASE, {"case_id": case_id})
            target = case.next(_ACTION_OF[ruling], actor.role)
            if amount_fen is not None and amount_fen > case.asked_fen:
                raise RulingTooHigh(amount_fen_max=case.asked_fen, pointer="/amount_fen")
            tx.describe(whom_id=case.order.account_id)
            ruled = {"ruling": reason, "ruled_by_id": actor.account_id}
            if target is CaseState.REFUNDED:
                return refund_case(tx, case, target, fault=fault, amount_fen=amount_fen, as_debt=as_debt, written=ruled)
            return move_case(tx, case, target, fault=fault.value, **ruled)

    return with_recourse(act)


def lapse_case(tx: Transaction, case_id: UUID) -> None:
    """Do what time does when a deadline passes; a case that moved on has another deadline, or none."""
    case = lock_case(tx, LOCK_CASE, {"case_id": case_id})
    if case.is_over or case.due_at is None or case.order.now < case.due_at:
        return
    wait = wait_of(case.state, case.kind)
    assert wait is not None, "what is not over waits for somebody"
    if wait.lapse is None:
        tx.record(told(CaseReminded, case_id, case.order, case.state))
        tx.schedule(Timer(CASE_LAPSES, case_id, REMIND_AGAIN))
        return
    if case.state is CaseState.CARRIED and case.exchange_way is ExchangeWay.COURIER:
        close_stranded_exchange(tx, case_id)
        return
    action = wait.lapse
    if action is CaseAction.AGREE_EXCHANGE and not _is_held(tx, case_id):
        action = CaseAction.AGREE_REFUND
    target = case.next(action, Role.SYSTEM)
    if target is CaseState.EXCHANGED:
        end_exchange(tx, case, target)
    elif target is CaseState.REFUNDED:
        refund_case(tx, case, target)
    else:
        move_case(tx, case, target)


def _is_held(tx: Transaction, case_id: UUID) -> bool:
    """Say whether the shelf holds what a case is to be exchanged for."""
    return bool(tx.execute(_HELD, {"case_id": case_id}).scalar_one())


def remind_case(tx: Transaction, case_id: UUID) -> None:
    """Remind whoever has to act next that the deadline is near."""
    case = lock_case(tx, LOCK_CASE, {"case_id": case_id})
    wait = wait_of(case.state, case.kind)
    if wait is not None and case.order.now >= case.moved_at + wait.remind_after:
        tx.record(told(CaseReminded, case_id, case.order, case.state))
