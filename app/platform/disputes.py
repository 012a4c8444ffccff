"""Disputes of payments at the operator's door: what waits for an answer, evidence, giving up, and who bears it."""

from typing import Any
from uuid import UUID

from marshmallow import fields
from sqlalchemy import text

from app.core.payments.disputes import DisputeAnswer, DisputeBearer
from app.core.payments.errors import DisputeNotFound
from app.core.payments.models import PaymentChannel, PaymentPurpose
from app.core.payments.states import DisputeState
from app.kernel.actor import Actor
from app.kernel.transaction import Claim, read
from app.platform.schemas import ApprovalMovedOut, Why
from app.usecases.deciding.approvals import ApprovalMoved
from app.usecases.deciding.requests import ask_acceptance, ask_bearer
from app.usecases.disputing.answer import DisputeMoved, hand_in_evidence
from app.web.door import Door
from app.web.fields import BIGINT_MAX, Body, Choice, Flag, Id, Instant, Int, Many, Text
from app.web.paging import LIMIT_MAX, PageQuery, page, read_cursor
from app.web.policy import Relation, policy

EVIDENCE_LENGTH_MAX = 2_000
_COLUMNS = """
    d.dispute_id, d.gateway_dispute_id, d.payment_id, p.purpose, p.checkout_id, a.channel, d.amount_fen, d.reason,
    d.state, d.is_inquiry, d.due_at, d.taken_fen, d.met_fen, d.open_fen, d.bearer, d.answer, d.answered_at, d.sent_at,
    d.failure, d.opened_at, d.ended_at
"""
_FROM = "FROM disputes AS d JOIN payments AS p USING (payment_id) JOIN payment_attempts AS a USING (attempt_id)"
_LIST = text(
    f"""
    SELECT {_COLUMNS} {_FROM} WHERE d.dispute_id < :before AND d.state = :state ORDER BY d.dispute_id DESC LIMIT :limit
    """
)
_ONE = text(f"SELECT {_COLUMNS} {_FROM} WHERE d.dispute_id = :dispute_id")


def _fen() -> Int:
    return Int(low=0, high=BIGINT_MAX, required=True)


class DisputesQuery(PageQuery):
    """Disputes in a state, newest first; those that need a response unless told otherwise."""

    state = Choice(DisputeState, load_default=DisputeState.NEEDS_RESPONSE.value)


class DisputeOut(Body):
    """A dispute: ``taken_fen`` of it refunds met ``met_fen``; ``open_fen`` is borne by nobody yet."""

    dispute_id = Id(required=True)
    gateway_dispute_id = Text(high=255, required=True)
    payment_id = Id(required=True)
    purpose = Choice(PaymentPurpose, required=True)
    checkout_id = Id(required=True, allow_none=True)
    channel = Choice(PaymentChannel, required=True)
    amount_fen = _fen()
    reason = Text(high=100, required=True)
    state = Choice(DisputeState, required=True)
    is_inquiry = Flag(required=True)
    due_at = Instant(required=True, allow_none=True)
    taken_fen = _fen()
    met_fen = _fen()
    open_fen = _fen()
    bearer = Choice(DisputeBearer, required=True, allow_none=True)
    answer = Choice(DisputeAnswer, required=True, allow_none=True)
    answered_at = Instant(required=True, allow_none=True)
    sent_at = Instant(required=True, allow_none=True)
    failure = Text(high=100, required=True, allow_none=True)
    opened_at = Instant(required=True)
    ended_at = Instant(required=True, allow_none=True)


class DisputesOut(Body):
    """A page of disputes."""

    items = Many(fields.Nested(DisputeOut), high=LIMIT_MAX, required=True)
    next_cursor = Text(high=64, required=True, allow_none=True)


class EvidenceIn(Body):
    """What is said to the payer's bank, under the provider's names; at least one."""

    product_description = Text(high=EVIDENCE_LENGTH_MAX)
    refund_refusal_explanation = Text(high=EVIDENCE_LENGTH_MAX)
    uncategorized_text = Text(high=EVIDENCE_LENGTH_MAX)


class DisputeMovedOut(Body):
    """How a dispute is answered."""

    dispute_id = Id(required=True)
    answer = Choice(DisputeAnswer, required=True)


class DisputeAcceptanceIn(Body):
    """Why a dispute is given up (a reference)."""

    why = Why()


class DisputeLossIn(Body):
    """Who bears what is left of a lost dispute, and why (a reference)."""

    bearer = Choice(DisputeBearer, required=True)
    why = Why()


def add_disputes(door: Door) -> None:
    """Give the operator's door its routes of disputes."""

    @door.get("/disputes", query=DisputesQuery, answer=DisputesOut)
    @policy("reconciliation.read", Relation.PLATFORM)
    def list_disputes(_actor: Actor, *, query: dict[str, Any]) -> dict[str, Any]:
        """List disputes of payments, newest first."""
        params = {"before": read_cursor(query["cursor"]), "limit": query["limit"] + 1, "state": query["state"]}
        return page([dict(row._mapping) for row in read(_LIST, params)], limit=query["limit"], key="dispute_id")

    @door.get("/disputes/<uuid:dispute_id>", answer=DisputeOut)
    @policy("reconciliation.read", Relation.PLATFORM)
    def read_dispute(_actor: Actor, *, dispute_id: UUID) -> dict[str, Any]:
        """Read a dispute."""
        row = read(_ONE, {"dispute_id": dispute_id}).one_or_none()
        if row is None:
            raise DisputeNotFound
        return dict(row._mapping)

    @door.post("/disputes/<uuid:dispute_id>/evidence", body=EvidenceIn, answer=DisputeMovedOut, status=201, once=True)
    @policy("reconciliation.write", Relation.PLATFORM)
    def post_evidence(actor: Actor, *, claim: Claim, dispute_id: UUID, body: dict[str, Any]) -> DisputeMoved:
        """Answer a dispute with evidence, for good; the worker hands it in."""
        return hand_in_evidence(actor, claim, dispute_id=dispute_id, evidence=body)

    @door.post(
        "/disputes/<uuid:dispute_id>/acceptance",
        body=DisputeAcceptanceIn,
        answer=ApprovalMovedOut,
        status=201,
        once=True,
    )
    @policy("reconciliation.write", Relation.PLATFORM)
    def request_acceptance(actor: Actor, *, claim: Claim, dispute_id: UUID, body: dict[str, Any]) -> ApprovalMoved:
        """Ask for a dispute to be given up; another person approves."""
        return ask_acceptance(actor, claim, dispute_id=dispute_id, why=body["why"])

    @door.post("/disputes/<uuid:dispute_id>/bearer", body=DisputeLossIn, answer=ApprovalMovedOut, status=201, once=True)
    @policy("reconciliation.write", Relation.PLATFORM)
    def request_bearer(actor: Actor, *, claim: Claim, dispute_id: UUID, body: dict[str, Any]) -> ApprovalMoved:
        """Ask for what is left of a lost dispute to be borne by somebody; another person approves."""
        bearer = DisputeBearer(body["bearer"])
        return ask_bearer(actor, claim, dispute_id=dispute_id, why=body["why"], bearer=bearer)
