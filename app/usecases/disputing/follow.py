"""Let what the gateway says of a dispute take effect: once, whoever brings it and however often.

Each line of the gateway's books about it is a journal of its own, under the line's id. Lock order: the dispute, then
ledger accounts. Refunds that waited for its end are sent on afterwards, each in its own transaction.
"""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from operator import attrgetter
from uuid import UUID

import structlog
from sqlalchemy import text

from app.core import ledger
from app.core.accounts.models import PLATFORM_ID
from app.core.events import DisputeEnded, DisputeOpened
from app.core.ledger import Journal, JournalKind, Leg, codes
from app.core.payments.disputes import UNRESOLVED, MovementKind, is_inquiry, news_of
from app.core.payments.ports import DisputeMovement, GatewayDispute, PaymentGateway
from app.core.payments.states import DISPUTE_TRANSITIONS, OPEN_DISPUTE_STATES, AttemptState, DisputeState
from app.kernel.actor import Role
from app.kernel.clock import wall_now
from app.kernel.ids import new_id
from app.kernel.machines import next_state
from app.kernel.transaction import Transaction, transaction
from app.kernel.wire import Row
from app.usecases.paying.attempts import GATEWAY
from app.usecases.paying.refunds import submit_each, unheard

LOOK_BACK = timedelta(days=7)
"""How far back disputes are looked for whose notices were all lost."""

_TAKING_FIRST = attrgetter("amount_fen")
log = structlog.get_logger()

_OF_INTENT = text(
    """
    SELECT a.attempt_id, a.payment_id, a.amount_fen, a.state, p.account_id
    FROM payment_attempts AS a JOIN payments AS p USING (payment_id) WHERE a.intent_id = :intent_id
    """
)
_ADD = text(
    """
    INSERT INTO disputes (dispute_id, gateway_dispute_id, attempt_id, payment_id, account_id, amount_fen, reason, state,
        is_inquiry, is_refundable, due_at, opened_at, heard_at)
    VALUES (:dispute_id, :gateway_dispute_id, :attempt_id, :payment_id, :account_id, :amount_fen, :reason,
        'needs_response', :is_inquiry, :is_refundable, :due_at, business_now(), clock_timestamp())
    ON CONFLICT (gateway_dispute_id) DO NOTHING
    """
)
_LOCK = text(
    """
    SELECT dispute_id, payment_id, state, is_inquiry, taken_fen, open_fen FROM disputes
    WHERE gateway_dispute_id = :gateway_dispute_id FOR UPDATE
    """
)
_BOOKED = text("SELECT movement_id FROM dispute_movements WHERE dispute_id = :dispute_id")
_BOOK = text(
    """
    INSERT INTO dispute_movements (movement_id, dispute_id, kind, amount_fen)
    VALUES (:movement_id, :dispute_id, :kind, :amount_fen)
    """
)
_HEARD = text(
    """
    UPDATE disputes SET state = :state, is_inquiry = :is_inquiry, is_refundable = :is_refundable, due_at = :due_at,
        amount_fen = :amount_fen, taken_fen = :taken_fen, open_fen = :open_fen, heard_at = clock_timestamp(),
        answer = CASE WHEN NOT :asks_anew THEN answer END,
        evidence_sealed = CASE WHEN NOT :asks_anew THEN evidence_sealed END,
        answered_at = CASE WHEN NOT :asks_anew THEN answered_at END,
        sent_at = CASE WHEN NOT :asks_anew THEN sent_at END,
        ended_at = CASE WHEN :is_over THEN coalesce(ended_at, business_now()) END
    WHERE dispute_id = :dispute_id
    """
)
_SILENT = text(
    f"""
    SELECT dispute_id FROM disputes
    WHERE ({UNRESOLVED}) AND state NOT IN ('lost', 'closed') AND heard_at < clock_timestamp() - interval '1 hour'
    ORDER BY heard_at LIMIT :limit
    """
)
_NAMED = text("SELECT gateway_dispute_id FROM disputes WHERE dispute_id = :dispute_id")
_WAITING = text(
    """
    SELECT r.refund_id FROM refunds AS r JOIN disputes AS d ON d.payment_id = r.payment_id
    WHERE d.gateway_dispute_id = :gateway_dispute_id AND r.state = 'requested' ORDER BY r.refund_id LIMIT 50
    """
)


def follow_dispute(gateway: PaymentGateway, dispute: GatewayDispute) -> None:
    """Apply a dispute as the gateway says it is, and send on the refunds that waited for its end.

    :raises GatewayUnreachable: the refunds have to be tried again; the dispute is applied.
    """
    if not _apply(gateway, dispute):
        return
    with transaction() as tx:
        waiting = list(tx.execute(_WAITING, {"gateway_dispute_id": dispute.id}).scalars())
    submit_each(gateway, waiting)


def read_dispute_again(gateway: PaymentGateway, dispute_id: UUID) -> None:
    """Ask the gateway how one of our disputes stands, and apply it.

    :raises GatewayUnknown, GatewayUnreachable: it has to be asked again.
    """
    with transaction() as tx:
        gateway_dispute_id = tx.execute(_NAMED, {"dispute_id": dispute_id}).scalar_one()
    follow_dispute(gateway, gateway.retrieve_dispute(gateway_dispute_id))


def look_for_disputes(gateway: PaymentGateway) -> int:
    """Ask for the disputes of the last days and apply those that nobody told us of; return how many.

    :raises GatewayUnknown, GatewayUnreachable: it has to be asked again.
    """
    new = unheard(gateway.find_disputes(created_from=int((wall_now() - LOOK_BACK).timestamp())))
    for one in new:
        follow_dispute(gateway, one)
    return len(new)


def silent_disputes(limit: int) -> list[UUID]:
    """Return disputes of which more is to come, and nothing was heard for an hour; the longest silence first."""
    with transaction() as tx:
        return list(tx.execute(_SILENT, {"limit": limit}).scalars())


def _apply(gateway: PaymentGateway, dispute: GatewayDispute) -> bool:
    """Write what is new; return whether it is about a payment of ours, and over."""
    with transaction() as tx:
        paid = tx.execute(_OF_INTENT, {"intent_id": dispute.intent_id}).one_or_none()
        if paid is None or paid.state != AttemptState.SUCCEEDED:
            log.error("a dispute of a payment that we do not know", gateway_dispute_id=dispute.id)
            return False
        if dispute.is_live != gateway.is_live or dispute.currency != "cny" or not _is_within(dispute, paid.amount_fen):
            log.error("a dispute does not match its payment", gateway_dispute_id=dispute.id)
            return False
        due_at = None if dispute.due_at is None else datetime.fromtimestamp(dispute.due_at, UTC)
        told = {
            "is_inquiry": is_inquiry(dispute),
            "is_refundable": dispute.is_refundable,
            "due_at": due_at,
            "gateway_dispute_id": dispute.id,
        }
        opened = {"attempt_id": paid.attempt_id, "payment_id": paid.payment_id, "account_id": paid.account_id}
        opened |= {"dispute_id": new_id(), "amount_fen": dispute.amount_fen, "reason": dispute.reason}
        is_new = tx.execute(_ADD, {**told, **opened}).rowcount == 1
        locked = tx.execute(_LOCK, {"gateway_dispute_id": dispute.id}).one()
        if is_new:
            tx.record(DisputeOpened(dispute_id=locked.dispute_id, platform_id=PLATFORM_ID))
        return _hear(tx, locked, dispute, told)


def _is_within(dispute: GatewayDispute, amount_fen: int) -> bool:
    return 0 < dispute.amount_fen <= amount_fen and all(abs(one.amount_fen) <= amount_fen for one in dispute.movements)


def _hear(tx: Transaction, locked: Row, dispute: GatewayDispute, told: Mapping[str, object]) -> bool:
    state = was = DisputeState(locked.state)
    news = news_of(state, was_inquiry=locked.is_inquiry, dispute=dispute)
    if news is not None:
        state = next_state(DISPUTE_TRANSITIONS, state, news, Role.SYSTEM)
    booked = set(tx.execute(_BOOKED, {"dispute_id": locked.dispute_id}).scalars())
    taken_fen, open_fen = locked.taken_fen, locked.open_fen
    journals = []
    for movement in sorted(dispute.movements, key=_TAKING_FIRST):
        if movement.id in booked or movement.amount_fen == 0:
            continue
        journal, open_change_fen = _journal_of(locked, movement, open_fen)
        journals.append(journal)
        taken_fen, open_fen = max(0, taken_fen - movement.amount_fen), open_fen + open_change_fen
        kind = MovementKind.DISPUTE if movement.amount_fen < 0 else MovementKind.DISPUTE_REVERSAL
        row = {"movement_id": movement.id, "dispute_id": locked.dispute_id}
        tx.execute(_BOOK, {**row, "kind": kind.value, "amount_fen": movement.amount_fen})
    if journals:
        ledger.post_many(tx, journals)
    is_over = state not in OPEN_DISPUTE_STATES
    figures = {"dispute_id": locked.dispute_id, "taken_fen": taken_fen, "open_fen": open_fen}
    figures |= {"amount_fen": dispute.amount_fen}
    asks_anew = locked.is_inquiry and not told["is_inquiry"]
    tx.execute(_HEARD, {**told, **figures, "state": state.value, "is_over": is_over, "asks_anew": asks_anew})
    if is_over and was in OPEN_DISPUTE_STATES:
        tx.record(DisputeEnded(dispute_id=locked.dispute_id, platform_id=PLATFORM_ID))
    return is_over


def _journal_of(locked: Row, movement: DisputeMovement, open_fen: int) -> tuple[Journal, int]:
    """Return what a line of the gateway means, and what it changes of what is open.

    What is given back after somebody had borne it is a question for a person: it goes into suspense.
    """
    back_fen = min(movement.amount_fen, open_fen)
    to = {
        codes.gateway_clearing(GATEWAY): -movement.amount_fen,
        codes.disputed(locked.payment_id): back_fen,
        codes.SUSPENSE: movement.amount_fen - back_fen,
    }
    legs = tuple(Leg(code, fen) for code, fen in to.items() if fen)
    key, ref = f"dispute:{movement.id}", str(locked.dispute_id)
    return Journal(key=key, kind=JournalKind.DISPUTE, legs=legs, ref=ref), -back_fen
