"""Flows of disputes: the payer's bank plays its part before the flow begins, or again when that was done before."""

from __future__ import annotations

from typing import TYPE_CHECKING

from app.core.accounts.models import PLATFORM_ID, MemberRole, OrganizationKind
from app.core.payments.disputes import DisputeBearer
from app.kernel.actor import Side
from app.usecases.deciding.approvals import approve
from app.usecases.deciding.requests import ask_acceptance, ask_bearer
from app.usecases.disputing.answer import hand_in_evidence
from app.usecases.disputing.follow import follow_dispute, look_for_disputes
from app.usecases.ordering.cancel_order import cancel_order
from app.usecases.paying.attempts import ask_gateway
from app.usecases.paying.refunds import look_again, submit_refund
from app.usecases.paying.top_up import top_up
from tests.crash_points.paying import paid_by_wechat
from tests.factories import a_claim, a_resident
from tests.factories.people import Person, a_member
from tests.factories.rows import change, look_one

if TYPE_CHECKING:
    from uuid import UUID

    from tests.crash_points.paying import Act
    from tests.crash_points.stage import Stage


def _finance() -> Person:
    return a_member(Side.PLATFORM, OrganizationKind.PLATFORM, PLATFORM_ID, MemberRole.FINANCE)


def _taken_back(stage: Stage, payment_id: UUID) -> str:
    """Let the payer's bank take a payment back, and the notice of it be lost; return the gateway's id."""
    intent_id = look_one("SELECT intent_id FROM payment_attempts WHERE payment_id = :id", id=payment_id)
    answer = stage.play(f"payment_intents/{intent_id}/dispute")
    answer.raise_for_status()
    stage.told("charge.dispute.funds_withdrawn", answer.json()["id"])
    stage.forget_notices()
    return str(answer.json()["id"])


def _of_a_top_up(stage: Stage) -> str:
    resident = a_resident()
    started = top_up(resident.actor, a_claim(resident), amount_fen=5_000)
    assert started.attempt_id is not None
    ask_gateway(stage.stripe, started.attempt_id)
    stage.scan(started.attempt_id)
    ask_gateway(stage.stripe, started.attempt_id)
    return _taken_back(stage, started.payment_id)


def _read(stage: Stage, dispute: str) -> UUID:
    """Let our side know of it; return our id."""
    follow_dispute(stage.stripe, stage.stripe.retrieve_dispute(dispute))
    dispute_id: UUID = look_one("SELECT dispute_id FROM disputes WHERE gateway_dispute_id = :id", id=dispute)
    return dispute_id


def _decide(stage: Stage, dispute: str, how: str) -> None:
    stage.play(f"disputes/{dispute}/{how}").raise_for_status()
    stage.told("charge.dispute.closed", dispute)
    stage.forget_notices()


def _evidence(stage: Stage, dispute_id: UUID) -> Act:
    person = _finance()
    claim, said = a_claim(person), {"uncategorized_text": "winning_evidence"}

    def act() -> None:
        stage.once(hand_in_evidence, person.actor, claim, dispute_id=dispute_id, evidence=said)
        stage.quiet()

    return act


def _approved(stage: Stage, approval_id: UUID) -> Act:
    decider = _finance()
    claim = a_claim(decider)

    def act() -> None:
        stage.once(approve, decider.actor, claim, approval_id=approval_id)
        stage.quiet()

    return act


def a_dispute_that_nobody_told_us_of(stage: Stage) -> Act:
    _of_a_top_up(stage)

    def act() -> None:
        stage.in_doubt(lambda: look_for_disputes(stage.stripe))
        stage.quiet()

    return act


def a_dispute_told_by_a_notice(stage: Stage) -> Act:
    dispute = _of_a_top_up(stage)
    _read(stage, dispute)
    stage.play(f"disputes/{dispute}/won").raise_for_status()
    stage.told("charge.dispute.funds_reinstated", dispute)
    return stage.quiet


def a_dispute_of_which_nothing_is_heard(stage: Stage) -> Act:
    dispute = _of_a_top_up(stage)
    dispute_id = _read(stage, dispute)
    _decide(stage, dispute, "lost")
    change("UPDATE disputes SET heard_at = heard_at - interval '2 hours' WHERE dispute_id = :id", id=dispute_id)
    return stage.quiet


def a_dispute_that_is_answered_and_won(stage: Stage) -> Act:
    return _evidence(stage, _read(stage, _of_a_top_up(stage)))


def an_answer_that_comes_too_late(stage: Stage) -> Act:
    dispute = _of_a_top_up(stage)
    dispute_id = _read(stage, dispute)
    _decide(stage, dispute, "lost")
    return _evidence(stage, dispute_id)


def a_dispute_that_is_given_up(stage: Stage) -> Act:
    dispute_id, asker = _read(stage, _of_a_top_up(stage)), _finance()
    asked = ask_acceptance(asker.actor, a_claim(asker), why="CASE-1", dispute_id=dispute_id)
    return _approved(stage, asked.approval_id)


def a_lost_dispute_that_the_platform_bears(stage: Stage) -> Act:
    dispute, asker = _of_a_top_up(stage), _finance()
    _decide(stage, dispute, "lost")
    wish = {"dispute_id": _read(stage, dispute), "bearer": DisputeBearer.PLATFORM}
    asked = ask_bearer(asker.actor, a_claim(asker), why="CASE-1", **wish)  # type: ignore[arg-type]
    return _approved(stage, asked.approval_id)


def a_refund_that_waits_for_a_dispute_and_meets_it(stage: Stage) -> Act:
    order = paid_by_wechat(stage)
    dispute, claim = _taken_back(stage, order.payment_id), a_claim(order.resident)

    def act() -> None:
        stage.once(cancel_order, order.resident.actor, claim, order_id=order.order_id)
        refund_id = look_one("SELECT refund_id FROM refunds WHERE payment_id = :id", id=order.payment_id)
        stage.in_doubt(lambda: submit_refund(stage.stripe, refund_id))
        stage.play(f"disputes/{dispute}/lost")  # refused when it was decided before
        stage.in_doubt(lambda: _read(stage, dispute))
        stage.quiet()

    return act


def a_refund_that_comes_back_and_meets_a_dispute(stage: Stage) -> Act:
    order = paid_by_wechat(stage)
    cancel_order(order.resident.actor, a_claim(order.resident), order_id=order.order_id)
    stage.quiet()
    refund = look_one("SELECT gateway_refund_id FROM refunds WHERE payment_id = :id", id=order.payment_id)
    stage.play(f"refunds/{refund}/fail").raise_for_status()
    stage.told("charge.refund.updated", refund)
    stage.forget_notices()
    dispute = _taken_back(stage, order.payment_id)
    _decide(stage, dispute, "lost")
    _read(stage, dispute)

    def act() -> None:
        stage.in_doubt(lambda: look_again(stage.stripe, refund))
        stage.quiet()

    return act


FLOWS = (
    a_dispute_that_nobody_told_us_of,
    a_dispute_told_by_a_notice,
    a_dispute_of_which_nothing_is_heard,
    a_dispute_that_is_answered_and_won,
    an_answer_that_comes_too_late,
    a_dispute_that_is_given_up,
    a_lost_dispute_that_the_platform_bears,
    a_refund_that_waits_for_a_dispute_and_meets_it,
    a_refund_that_comes_back_and_meets_a_dispute,
)
