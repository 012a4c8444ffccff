"""Disputes (支付争议, chargebacks): what a payer's bank took back, who answers it, and what is left to be borne.

A lost dispute is a refund that the payer's bank made. So refunds of its payment wait while it is open, and meet what
was taken when it is lost; what no refund meets is borne by whom two people name.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, text
from sqlalchemy.orm import Mapped, mapped_column

from app.core.payments.errors import BearerInvalid, DisputeAnswered, DisputeNotLost, DisputeOver
from app.core.payments.models import PaymentPurpose
from app.core.payments.ports import GatewayDispute, GatewayDisputeState
from app.core.payments.states import OPEN_DISPUTE_STATES, TAKEN_STATES, DisputeAction, DisputeState
from app.kernel.columns import not_negative, one_of
from app.kernel.db import Base

EVIDENCE_CONTEXT = "disputes.evidence"
UNRESOLVED = "state IN ('needs_response', 'under_review') OR open_fen > 0"
"""Of a dispute, in SQL: it is open, or something of it is borne by nobody yet. Until then merchants wait for theirs."""


class DisputeAnswer(StrEnum):
    """How a dispute is answered, once."""

    EVIDENCE = "evidence"
    ACCEPTANCE = "acceptance"


class DisputeBearer(StrEnum):
    """Who bears what is left of a lost dispute."""

    PLATFORM = "platform"
    PAYER = "payer"
    """Of a top-up: who has the money on the e-account and from the bank."""


class MovementKind(StrEnum):
    """Lines of the provider's files about disputes."""

    DISPUTE = "dispute"
    DISPUTE_REVERSAL = "dispute_reversal"


class DisputeRow(Base):
    """One dispute of one paid attempt.

    :ivar taken_fen: what the provider took and has not given back. :ivar met_fen: what of it refunds met.
    :ivar open_fen: what is on the account ``disputed`` of it: neither met nor borne yet.
    :ivar answer: what was decided to be said; ``sent_at`` tells when the provider took it.
    """

    __tablename__ = "disputes"
    __table_args__ = (
        one_of("state", DisputeState),
        one_of("answer", DisputeAnswer),
        one_of("bearer", DisputeBearer),
        CheckConstraint("amount_fen > 0", name="amount_fen_positive"),
        CheckConstraint("(answer IS NULL) = (answered_at IS NULL)", name="answered_somehow"),
        CheckConstraint("evidence_sealed IS NULL OR answer = 'evidence'", name="evidence_kept"),
        CheckConstraint("sent_at IS NULL OR answer IS NOT NULL", name="sent_what_was_answered"),
        *not_negative("taken_fen", "met_fen", "open_fen"),
        Index("ix_disputes_unresolved", "dispute_id", postgresql_where=text(UNRESOLVED)),
        Index("ix_disputes_unsent", "dispute_id", postgresql_where=text("answer IS NOT NULL AND sent_at IS NULL")),
    )

    dispute_id: Mapped[UUID] = mapped_column(primary_key=True)
    gateway_dispute_id: Mapped[str] = mapped_column(unique=True)
    attempt_id: Mapped[UUID] = mapped_column(ForeignKey("payment_attempts.attempt_id"), index=True)
    payment_id: Mapped[UUID] = mapped_column(ForeignKey("payments.payment_id"), index=True)
    account_id: Mapped[UUID] = mapped_column(ForeignKey("accounts.account_id"), index=True)
    amount_fen: Mapped[int]
    reason: Mapped[str]
    state: Mapped[str]
    is_inquiry: Mapped[bool]
    is_refundable: Mapped[bool]
    due_at: Mapped[datetime | None]
    taken_fen: Mapped[int] = mapped_column(server_default="0")
    met_fen: Mapped[int] = mapped_column(server_default="0")
    open_fen: Mapped[int] = mapped_column(server_default="0")
    bearer: Mapped[str | None]
    answer: Mapped[str | None]
    evidence_sealed: Mapped[str | None]
    answers_count: Mapped[int] = mapped_column(server_default="0")
    answered_at: Mapped[datetime | None]
    sent_at: Mapped[datetime | None]
    failure: Mapped[str | None]
    opened_at: Mapped[datetime]
    heard_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]


class DisputeMovementRow(Base):
    """A line of the provider's books about a dispute, as we booked it; below zero was taken from us."""

    __tablename__ = "dispute_movements"
    __table_args__ = (
        one_of("kind", MovementKind),
        CheckConstraint("amount_fen <> 0", name="amount_fen_moves"),
        Index("ix_dispute_movements_booked", "booked_at"),
    )

    movement_id: Mapped[str] = mapped_column(primary_key=True)
    dispute_id: Mapped[UUID] = mapped_column(ForeignKey("disputes.dispute_id"), index=True)
    kind: Mapped[str]
    amount_fen: Mapped[int]
    booked_at: Mapped[datetime] = mapped_column(server_default=text("clock_timestamp()"))


_ACTIONS: Mapping[GatewayDisputeState, DisputeAction] = {
    GatewayDisputeState.WARNING_NEEDS_RESPONSE: DisputeAction.ASK,
    GatewayDisputeState.WARNING_UNDER_REVIEW: DisputeAction.REVIEW,
    GatewayDisputeState.WARNING_CLOSED: DisputeAction.CLOSE,
    GatewayDisputeState.NEEDS_RESPONSE: DisputeAction.ASK,
    GatewayDisputeState.UNDER_REVIEW: DisputeAction.REVIEW,
    GatewayDisputeState.CHARGE_REFUNDED: DisputeAction.CLOSE,
    GatewayDisputeState.PREVENTED: DisputeAction.CLOSE,
    GatewayDisputeState.WON: DisputeAction.WIN,
    GatewayDisputeState.LOST: DisputeAction.LOSE,
}


def is_inquiry(dispute: GatewayDispute) -> bool:
    """Say whether the bank only asks."""
    return dispute.state.value.startswith("warning")


def news_of(state: DisputeState, *, was_inquiry: bool, dispute: GatewayDispute) -> DisputeAction | None:
    """Return what the gateway's object tells beyond ``state``; None when it is over, or what was read is older."""
    action = _ACTIONS[dispute.state]
    if state not in OPEN_DISPUTE_STATES:
        return None
    is_older = state is DisputeState.UNDER_REVIEW and action is DisputeAction.ASK
    return None if is_older and not (was_inquiry and not is_inquiry(dispute)) else action


def refuse_answered(state: str, *, answer: str | None, is_late: bool) -> None:
    """Refuse an answer that is the second one, or comes too late.

    :raises DisputeAnswered: it was answered before. :raises DisputeOver: it takes no answer.
    """
    if answer is not None:
        raise DisputeAnswered
    if state != DisputeState.NEEDS_RESPONSE or is_late:
        raise DisputeOver(state=state)


def refuse_unborne(state: str, *, open_fen: int, purpose: str, bearer: DisputeBearer) -> None:
    """Refuse that somebody bears what is not left, or not theirs.

    :raises DisputeNotLost: nothing is left, or it is not lost. :raises BearerInvalid: the payer of an order.
    """
    if state not in TAKEN_STATES or open_fen == 0:
        raise DisputeNotLost(state=state)
    if bearer is DisputeBearer.PAYER and purpose != PaymentPurpose.TOP_UP:
        raise BearerInvalid(pointer="/bearer")


@dataclass(frozen=True, slots=True)
class Met:
    """How a refund ends whose payer has the money from the bank: fen that each gets.

    :ivar disputed_fen: closes what is open. :ivar bearer_fen: to who bore it before. :ivar payer_fen: beyond the
        dispute.
    """

    disputed_fen: int
    bearer_fen: int
    payer_fen: int


def met_by(refund_fen: int, *, room_fen: int, open_fen: int) -> Met:
    """Split a refund over a lost dispute.

    :param room_fen: what was taken and no refund has met; of this ``open_fen`` is borne by nobody yet.
    """
    met_fen = min(refund_fen, room_fen)
    disputed_fen = min(met_fen, open_fen)
    return Met(disputed_fen, met_fen - disputed_fen, refund_fen - met_fen)
