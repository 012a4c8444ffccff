"""Answer a dispute: with evidence, or by giving it up, for which two people are needed. What was decided is sent once.

The answer stands in our table before the first byte is sent; the worker sends it under a stored key, and again until
the gateway has said what became of it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from uuid import UUID

import orjson
import structlog
from sqlalchemy import text

from app.core.accounts.models import PLATFORM_ID
from app.core.events import DisputeAnswerDecided
from app.core.payments.disputes import EVIDENCE_CONTEXT, DisputeAnswer, refuse_answered
from app.core.payments.errors import DisputeNotFound, EvidenceMissing
from app.core.payments.ports import GatewayDispute, GatewayDisputeState, GatewayRefused, GatewayUnknown, PaymentGateway
from app.kernel.actor import Actor
from app.kernel.ids import new_id
from app.kernel.sealing import seal, unseal
from app.kernel.transaction import Claim, Transaction, closing, opening, transaction
from app.kernel.wire import Row
from app.usecases.disputing.follow import follow_dispute

MISSING = "resource_missing"
log = structlog.get_logger()

_COLUMNS = "dispute_id, state, answer, coalesce(due_at <= clock_timestamp(), false) AS is_late"
_FIND = opening(f"SELECT {_COLUMNS} FROM disputes WHERE dispute_id = :dispute_id FOR UPDATE")
_LOCK = text(f"SELECT {_COLUMNS} FROM disputes WHERE dispute_id = :dispute_id FOR UPDATE")
_DECIDED = """
    UPDATE disputes SET answer = :answer, evidence_sealed = CAST(:evidence_sealed AS text),
        answers_count = answers_count + 1, answered_at = business_now(), sent_at = NULL, failure = NULL
    WHERE dispute_id = :dispute_id
"""
_ANSWER = closing(f"answered AS ({_DECIDED})")
_ACCEPT = text(_DECIDED)
_READ = text(
    """
    SELECT dispute_id, gateway_dispute_id, answer, evidence_sealed, answers_count FROM disputes
    WHERE dispute_id = :dispute_id AND answer IS NOT NULL AND sent_at IS NULL
    """
)
_SENT = text(
    "UPDATE disputes SET sent_at = clock_timestamp() WHERE dispute_id = :dispute_id AND answers_count = :nth"
    " AND answer IS NOT NULL"
)
_TAKEN_BACK = text(
    """
    UPDATE disputes SET answer = NULL, evidence_sealed = NULL, answered_at = NULL, failure = :failure
    WHERE dispute_id = :dispute_id AND answers_count = :nth AND sent_at IS NULL
    """
)
_UNSENT = text(
    "SELECT dispute_id FROM disputes WHERE answer IS NOT NULL AND sent_at IS NULL ORDER BY dispute_id LIMIT :limit"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class DisputeMoved:
    """A dispute, and how it is answered."""

    dispute_id: UUID
    answer: str


def hand_in_evidence(actor: Actor, claim: Claim, *, dispute_id: UUID, evidence: Mapping[str, str]) -> DisputeMoved:
    """Decide to answer a dispute with evidence, for good.

    :param evidence: the gateway's name of a field → what is said.
    :raises EvidenceMissing: nothing is said. :raises DisputeNotFound: no such dispute.
    :raises DisputeOver: it takes no answer. :raises DisputeAnswered: it was answered before.
    """
    assert actor.account_id == claim.principal_id, "who asks is who claims"
    if not evidence:
        raise EvidenceMissing(pointer="/uncategorized_text")
    with transaction(claim) as tx:
        row = tx.open_one(_FIND, {"dispute_id": dispute_id})
        _refuse(row)
        moved = DisputeMoved(dispute_id=dispute_id, answer=DisputeAnswer.EVIDENCE.value)
        tx.keep(moved)
        tx.record(DisputeAnswerDecided(dispute_id=dispute_id, platform_id=PLATFORM_ID))
        sealed = seal(orjson.dumps(dict(evidence)).decode(), context=EVIDENCE_CONTEXT)
        tx.close(_ANSWER, {"dispute_id": dispute_id, "answer": moved.answer, "evidence_sealed": sealed})
    return moved


def _refuse(row: Row | None) -> None:
    if row is None:
        raise DisputeNotFound
    refuse_answered(row.state, answer=row.answer, is_late=row.is_late)


def accept_dispute(tx: Transaction, dispute_id: UUID) -> None:
    """Give a dispute up, as two people agree.

    :raises DisputeOver: it takes no answer. :raises DisputeAnswered: it was answered before.
    """
    _refuse(tx.execute(_LOCK, {"dispute_id": dispute_id}).one_or_none())
    tx.record(DisputeAnswerDecided(dispute_id=dispute_id, platform_id=PLATFORM_ID))
    tx.execute(_ACCEPT, {"dispute_id": dispute_id, "answer": DisputeAnswer.ACCEPTANCE.value, "evidence_sealed": None})


def send_answer(gateway: PaymentGateway, dispute_id: UUID) -> None:
    """Tell the gateway what was decided, or learn that it knows. Safe to call any number of times.

    An answer that it refuses while it still waits for one is taken back, for a person to look at.

    :raises GatewayUnknown, GatewayUnreachable: it has to be sent again.
    """
    with transaction() as tx:
        row = tx.execute(_READ, {"dispute_id": dispute_id}).one_or_none()
    if row is None:
        return
    failure, waits, dispute = None, True, None
    try:
        dispute = _send(gateway, row)
    except GatewayRefused as refusal:
        log.warning("gateway refused an answer", dispute_id=str(dispute_id), gateway_code=refusal.gateway_code)
        failure = refusal.gateway_code
        if failure != MISSING:
            dispute = gateway.retrieve_dispute(row.gateway_dispute_id)
    if dispute is not None:
        follow_dispute(gateway, dispute)
        waits = dispute.state in {GatewayDisputeState.NEEDS_RESPONSE, GatewayDisputeState.WARNING_NEEDS_RESPONSE}
    known = {"dispute_id": dispute_id, "nth": row.answers_count}
    with transaction() as tx:
        if failure is not None and waits:
            tx.execute(_TAKEN_BACK, {**known, "failure": failure})
        else:
            tx.execute(_SENT, known)


def _send(gateway: PaymentGateway, row: Row) -> GatewayDispute:
    """Send it. Unlike money, a second answer does no harm, so one whose key is stuck gets a fresh key."""
    try:
        return _tell(gateway, row, f"dispute:{row.dispute_id}:{row.answers_count}")
    except GatewayUnknown as unknown:
        if not unknown.is_replayed:
            raise
        return _tell(gateway, row, f"dispute:{new_id()}")


def _tell(gateway: PaymentGateway, row: Row, key: str) -> GatewayDispute:
    if row.answer == DisputeAnswer.ACCEPTANCE:
        return gateway.submit_acceptance(key=key, dispute_id=row.gateway_dispute_id)
    evidence = orjson.loads(unseal(row.evidence_sealed, context=EVIDENCE_CONTEXT)) if row.evidence_sealed else {}
    return gateway.submit_evidence(key=key, dispute_id=row.gateway_dispute_id, evidence=evidence)


def unsent_answers(limit: int) -> list[UUID]:
    """Return disputes whose answer the gateway has not taken yet."""
    with transaction() as tx:
        return list(tx.execute(_UNSENT, {"limit": limit}).scalars())
