"""Attempts at the gateway: the intent stands in our table before the first byte is sent, the answer is written after.

Between the two there is no transaction. An answer that does not come leaves the attempt *unknown*; it is asked about
again, under the same key, by the worker. Whoever brings the news (the request, the webhook, the worker) hands the
gateway's object to :func:`apply_intent`, which decides under lock and takes effect once.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

import structlog
from sqlalchemy import text

from app.core import ledger
from app.core.events import PaymentClosed, PaymentMismatched, PaymentSettled, RefundRequested
from app.core.ledger import Journal, JournalKind, Leg, codes
from app.core.orders.repository import LOCK_CHECKOUT, Checkout, lock_checkout
from app.core.orders.states import CheckoutState
from app.core.payments.models import PaymentChannel, PaymentMethod, PaymentPurpose
from app.core.payments.ports import (
    TOO_WIDE,
    GatewayRefused,
    GatewayUnknown,
    GatewayUnreachable,
    Intent,
    IntentState,
    PaymentGateway,
)
from app.core.payments.states import (
    ATTEMPT_TRANSITIONS,
    AttemptAction,
    AttemptState,
    PaymentState,
    RefundState,
)
from app.kernel.actor import Role
from app.kernel.clock import wall_now, wall_now_s
from app.kernel.ids import new_id
from app.kernel.machines import next_state
from app.kernel.transaction import Transaction, closing, transaction
from app.kernel.wire import Row
from app.usecases.paying.parts import Part, pay_in_parts, release_held, release_part, releasing
from app.usecases.paying.settlement import EXPECT_PAID, PAID_IN_PARTS, PAID_WRITES, payment_journal, record_paid

GATEWAY = "stripe"
"""Name of the provider in account codes."""

ATTEMPT_EXPIRES = "attempt_expires"
"""Timer: the code was not scanned, or the card not given, in time."""
ATTEMPT_LIFETIME = timedelta(minutes=10)

KEY_LIFETIME = timedelta(hours=23)
"""How long a key is re-sent; the gateway forgets it after a day, from then on the object is looked for instead."""

_CLOCK_MARGIN_S = 300
OPEN_ATTEMPT_STATES = frozenset({AttemptState.REQUESTED, AttemptState.UNKNOWN})

log = structlog.get_logger()

OPEN_ATTEMPT = """
opened AS (
    INSERT INTO payment_attempts (attempt_id, payment_id, key, channel, amount_fen, account_part_fen, part_held_at,
        state)
    VALUES (:attempt_id, :payment_id, :attempt_key, :channel, :amount_fen, :account_part_fen,
        CASE WHEN :account_part_fen > 0 THEN business_now() END, :attempt_state)
)"""

_READ = text(
    """
    SELECT a.attempt_id, a.payment_id, a.key, a.channel, a.amount_fen, a.account_part_fen, a.part_held_at, a.state,
           a.intent_id, a.created_at,
           p.checkout_id, p.account_id, p.purpose
    FROM payment_attempts AS a JOIN payments AS p ON p.payment_id = a.payment_id
    WHERE a.attempt_id = CAST(:attempt_id AS uuid)
    """
)
_ASKED = text(
    """
    UPDATE payment_attempts SET asked_at = clock_timestamp(), state = CAST(:state AS text)
    WHERE attempt_id = :attempt_id AND state = CAST(:was AS text)
    """
)
_HEARD = text("UPDATE payment_attempts SET asked_at = clock_timestamp() WHERE attempt_id = :attempt_id")
_OPEN_OF_PAYMENT = text(
    "SELECT attempt_id FROM payment_attempts WHERE payment_id = :payment_id AND state IN ('requested', 'unknown')"
)
_SILENT = text(
    """
    SELECT attempt_id, created_at < clock_timestamp() - CAST(:lifetime AS interval) AS is_overdue FROM payment_attempts
    WHERE state IN ('requested', 'unknown')
      AND coalesce(asked_at, created_at) < clock_timestamp() - interval '2 minutes'
    ORDER BY coalesce(asked_at, created_at) LIMIT :limit
    """
)
_OF_INTENT = text("SELECT attempt_id FROM payment_attempts WHERE intent_id = :intent_id")
_LOCK_ATTEMPT = text("SELECT state, part_ended_at FROM payment_attempts WHERE attempt_id = :attempt_id FOR UPDATE")
_LOCK_PAYMENT = text(
    "SELECT payment_id, account_id, state, amount_fen FROM payments WHERE payment_id = :payment_id FOR UPDATE"
)
_SEEN = """
seen AS (
    UPDATE payment_attempts SET state = :attempt_state, intent_id = :intent_id,
        qr_text = CASE WHEN NOT :is_ended THEN coalesce(CAST(:qr_text AS text), qr_text) END,
        client_secret = CASE WHEN NOT :is_ended THEN coalesce(CAST(:client_secret AS text), client_secret) END,
        asked_at = clock_timestamp(),
        ended_at = CASE WHEN :is_ended THEN clock_timestamp() END,
        part_ended_at = CASE WHEN :is_ended AND account_part_fen > 0 THEN coalesce(part_ended_at, business_now()) END
    WHERE attempt_id = :attempt_id
)"""
_CLOSE_SEEN = closing(
    f"""{_SEEN},
    given_up AS (
        UPDATE payments SET state = 'closed'
        WHERE payment_id = :payment_id AND purpose = 'top_up' AND state = 'pending' AND :is_ended
    )"""
)
_CLOSE_PAID_CHECKOUT = closing(f"{_SEEN}, {PAID_WRITES}", expecting=EXPECT_PAID)
_CLOSE_PAID_IN_PARTS = closing(f"{_SEEN}, {PAID_IN_PARTS}", expecting=EXPECT_PAID)
_CLOSE_TOPPED_UP = closing(
    f"""{_SEEN},
    topped_up AS (UPDATE payments SET state = 'paid', paid_at = business_now() WHERE payment_id = :payment_id)"""
)
_CLOSE_LATE = closing(
    f"""{_SEEN},
    decided AS (
        INSERT INTO refunds (refund_id, payment_id, attempt_id, account_id, method, amount_fen, reason, state, key,
            requested_at)
        VALUES (:refund_id, :payment_id, :attempt_id, :account_id, :channel, :amount_fen, 'late_money',
            :refund_state, :refund_key, business_now())
    )"""
)


@dataclass(frozen=True, slots=True)
class _Attempt:
    attempt_id: UUID
    payment_id: UUID
    key: str
    channel: PaymentChannel
    amount_fen: int
    account_part_fen: int
    part_held_at: datetime | None
    state: AttemptState
    intent_id: str | None
    created_at: datetime
    checkout_id: UUID | None
    account_id: UUID
    purpose: PaymentPurpose


def _attempt_of(row: Row) -> _Attempt:
    return _Attempt(
        row.attempt_id,
        row.payment_id,
        row.key,
        PaymentChannel(row.channel),
        row.amount_fen,
        row.account_part_fen,
        row.part_held_at,
        AttemptState(row.state),
        row.intent_id,
        row.created_at,
        row.checkout_id,
        row.account_id,
        PaymentPurpose(row.purpose),
    )


def read_attempt(attempt_id: UUID) -> _Attempt | None:
    """Return an attempt as it stands, without a lock."""
    with transaction() as tx:
        row = tx.execute(_READ, {"attempt_id": attempt_id}).one_or_none()
    return None if row is None else _attempt_of(row)


def ask_gateway(gateway: PaymentGateway, attempt_id: UUID) -> None:
    """Make the intent of an attempt, or learn what became of it, and apply what the gateway says.

    Safe to call any number of times from anywhere: the key is the attempt's, the effect is decided under lock.

    :raises GatewayUnknown, GatewayUnreachable: it has to be asked again; the attempt says so.
    """
    attempt = read_attempt(attempt_id)
    if attempt is None or attempt.state is AttemptState.SUCCEEDED:
        return
    try:
        intent = _ask(gateway, attempt)
    except GatewayRefused as refusal:
        log.warning("gateway refused an attempt", attempt_id=str(attempt_id), gateway_code=str(refusal.params))
        # A refused create made nothing; a refused question about what was made says nothing of its money.
        _note(attempt, AttemptAction.FAIL if attempt.intent_id is None else AttemptAction.LOSE_SIGHT)
        return
    except (GatewayUnknown, GatewayUnreachable):
        _note(attempt, AttemptAction.LOSE_SIGHT)
        raise
    if intent is None:
        _note(attempt, AttemptAction.FAIL)
        return
    apply_intent(gateway, attempt_id, intent)


def expire_attempt(gateway: PaymentGateway, attempt_id: UUID) -> None:
    """Call an open attempt off at the gateway, so that its code can no longer be paid, and apply what it says.

    An attempt that was paid in this very moment is treated as paid.

    :raises GatewayUnknown, GatewayUnreachable: it has to be tried again.
    """
    attempt = read_attempt(attempt_id)
    if attempt is None or attempt.state not in OPEN_ATTEMPT_STATES:
        return
    if attempt.intent_id is None:
        ask_gateway(gateway, attempt_id)
        attempt = read_attempt(attempt_id)
        if attempt is None or attempt.intent_id is None or attempt.state not in OPEN_ATTEMPT_STATES:
            return
    assert attempt.intent_id is not None
    apply_intent(gateway, attempt_id, _cancel(gateway, attempt_id, attempt.intent_id))


def _cancel(gateway: PaymentGateway, attempt_id: UUID, intent_id: str) -> Intent:
    """Cancel an intent. Unlike money, a second cancelation does no harm, so one whose key is stuck gets a fresh key."""
    try:
        try:
            return gateway.cancel_intent(key=f"cancel:{attempt_id}", intent_id=intent_id)
        except GatewayUnknown as unknown:
            if not unknown.is_replayed:
                raise
            return gateway.cancel_intent(key=f"cancel:{new_id()}", intent_id=intent_id)
    except GatewayRefused:
        return gateway.retrieve_intent(intent_id)


def open_attempts(payment_id: UUID) -> list[UUID]:
    """Return the attempts of a payment that may still be paid."""
    with transaction() as tx:
        return list(tx.execute(_OPEN_OF_PAYMENT, {"payment_id": payment_id}).scalars())


def silent_attempts(limit: int) -> list[tuple[UUID, bool]]:
    """Return open attempts of which nothing was heard for two minutes, the longest silence first.

    With each, whether its lifetime is over: then it is to be called off, not only asked about.
    """
    with transaction() as tx:
        rows = tx.execute(_SILENT, {"limit": limit, "lifetime": ATTEMPT_LIFETIME}).fetchall()
    return [(row.attempt_id, row.is_overdue) for row in rows]


def attempt_of_intent(intent_id: str) -> UUID | None:
    """Return the attempt that an intent belongs to, if we know it."""
    with transaction() as tx:
        found: UUID | None = tx.execute(_OF_INTENT, {"intent_id": intent_id}).scalar_one_or_none()
    return found


def _ask(gateway: PaymentGateway, attempt: _Attempt) -> Intent | None:
    if attempt.intent_id is not None:
        return gateway.retrieve_intent(attempt.intent_id)
    if wall_now() - attempt.created_at < KEY_LIFETIME:
        try:
            return gateway.create_intent(
                key=attempt.key,
                amount_fen=attempt.amount_fen,
                attempt_id=attempt.attempt_id,
                payment_id=attempt.payment_id,
                description=f"Linli {attempt.purpose.value}",
                channel=attempt.channel,
            )
        except GatewayUnknown as unknown:
            if not unknown.is_replayed:
                raise
    born = int(attempt.created_at.timestamp())
    last = min(born + int(KEY_LIFETIME.total_seconds()), wall_now_s())
    return _find(gateway, attempt.attempt_id, born - _CLOCK_MARGIN_S, last + _CLOCK_MARGIN_S)


def _find(gateway: PaymentGateway, attempt_id: UUID, first: int, last: int) -> Intent | None:
    """Look for an intent that was created from ``first`` to ``last``; by halves where that is too much to read.

    :raises GatewayUnknown: a second has more than can be read, as well.
    """
    try:
        return gateway.find_intent(attempt_id=attempt_id, created_from=first, created_to=last)
    except GatewayUnknown as unknown:
        if unknown.reason != TOO_WIDE or first == last:
            raise
    middle = (first + last) // 2
    return _find(gateway, attempt_id, first, middle) or _find(gateway, attempt_id, middle + 1, last)


def _note(attempt: _Attempt, action: AttemptAction) -> None:
    """Write what an answer, or its absence, says of an attempt that is still open."""
    if attempt.state not in OPEN_ATTEMPT_STATES:
        return
    state = next_state(ATTEMPT_TRANSITIONS, attempt.state, action, Role.SYSTEM)
    with transaction() as tx:
        asked = {"attempt_id": attempt.attempt_id, "state": state.value, "was": attempt.state.value}
        is_moved = tx.execute(_ASKED, asked).rowcount == 1
        if is_moved and action is AttemptAction.FAIL and attempt.account_part_fen:
            release_held(tx, attempt.attempt_id)


def apply_intent(gateway: PaymentGateway, attempt_id: UUID, intent: Intent) -> None:
    """Let the gateway's object take effect, once, whoever brings it and however often.

    Locks checkout and orders (or a top-up's payment), then the attempt, then the ledger's accounts. Money that nobody
    waits for any more is set aside and a refund of it decided in the same transaction; so is that of a mixed payment
    whose other part is not on hold any more.
    """
    attempt = read_attempt(attempt_id)
    if attempt is None:
        log.error("the gateway speaks of an unknown attempt", attempt_id=str(attempt_id))
        return
    with transaction() as tx:
        if attempt.checkout_id is not None:
            checkout = lock_checkout(tx, LOCK_CHECKOUT, {"checkout_id": attempt.checkout_id})
            is_awaited = checkout.state is CheckoutState.PLACED
        else:
            checkout = None
            payment = tx.execute(_LOCK_PAYMENT, {"payment_id": attempt.payment_id}).one()
            is_awaited = payment.state == PaymentState.PENDING
        locked = tx.execute(_LOCK_ATTEMPT, {"attempt_id": attempt_id}).one()
        state, part = AttemptState(locked.state), _held_part(attempt, locked.part_ended_at)
        is_awaited = is_awaited and (part is not None or attempt.account_part_fen == 0)
        if state is AttemptState.SUCCEEDED:
            return
        if intent.is_live != gateway.is_live or not _is_match(attempt, intent):
            tx.record(
                PaymentMismatched(
                    payment_id=attempt.payment_id, account_id=attempt.account_id, attempt_id=attempt.attempt_id
                )
            )
            tx.execute(_HEARD, {"attempt_id": attempt_id})
            log.error("the gateway's object does not match", attempt_id=str(attempt_id), intent_id=intent.id)
            return
        action = _action_of(intent, attempt.channel)
        if action is not AttemptAction.SUCCEED and state not in OPEN_ATTEMPT_STATES:
            return
        params: dict[str, object] = {
            "attempt_id": attempt_id,
            "attempt_state": next_state(ATTEMPT_TRANSITIONS, state, action, Role.SYSTEM).value,
            "intent_id": intent.id,
            "qr_text": intent.qr_text,
            "client_secret": intent.client_secret if attempt.channel is PaymentChannel.CARD else None,
            "is_ended": action is not AttemptAction.SEE,
            "payment_id": attempt.payment_id,
        }
        if action is not AttemptAction.SUCCEED:
            if part is not None and params["is_ended"]:
                release_part(tx, part)
            tx.close(_CLOSE_SEEN, params)
        elif not is_awaited:
            is_over = checkout is None or checkout.state is not CheckoutState.PLACED
            _return_late_money(tx, attempt, params, part, is_over=is_over)
        elif checkout is not None:
            _pay_orders(tx, checkout, attempt, part, params)
        else:
            _credit_top_up(tx, attempt, params)


def _held_part(attempt: _Attempt, part_ended_at: datetime | None) -> Part | None:
    """Return what is on hold for an attempt that the caller has locked."""
    if attempt.part_held_at is None or part_ended_at is not None:
        return None
    return Part(attempt.attempt_id, attempt.account_id, attempt.account_part_fen, attempt.part_held_at)


def _pay_orders(
    tx: Transaction, checkout: Checkout, attempt: _Attempt, part: Part | None, params: dict[str, object]
) -> None:
    source = codes.gateway_clearing(GATEWAY)
    paid: dict[str, object] = {**params, "checkout_id": checkout.checkout_id, "order_count": len(checkout.orders)}
    if part is None:
        statement, method = _CLOSE_PAID_CHECKOUT, PaymentMethod(attempt.channel)
        ledger.post_along(tx, [payment_journal(checkout, key=f"pay:{attempt.attempt_id}", source=source)])
    else:
        statement, method = _CLOSE_PAID_IN_PARTS, PaymentMethod.MIXED
        paid |= pay_in_parts(tx, checkout, part, outside=source)
    record_paid(tx, checkout)
    tx.close(statement, {**paid, "method": method.value})


def _is_match(attempt: _Attempt, intent: Intent) -> bool:
    """Say whether the object is about this attempt: its ids, its amount, its currency, paid to us and nobody else."""
    is_same = attempt.intent_id in {None, intent.id} and intent.metadata.get("attempt_id") == str(attempt.attempt_id)
    is_same_money = intent.amount_fen == attempt.amount_fen and intent.currency == "cny" and intent.payee is None
    received = intent.amount_received_fen if intent.state is IntentState.SUCCEEDED else attempt.amount_fen
    return is_same and is_same_money and received == attempt.amount_fen


def _action_of(intent: Intent, channel: PaymentChannel) -> AttemptAction:
    if intent.state is IntentState.SUCCEEDED:
        return AttemptAction.SUCCEED
    if intent.state is IntentState.CANCELED:
        return AttemptAction.EXPIRE
    if intent.state is IntentState.REQUIRES_PAYMENT_METHOD and channel is PaymentChannel.WECHAT_PAY:
        return AttemptAction.FAIL  # by card it waits for one, or for another one than was declined
    return AttemptAction.SEE


def _credit_top_up(tx: Transaction, attempt: _Attempt, params: dict[str, object]) -> None:
    ledger.post(
        tx,
        Journal(
            key=f"pay:{attempt.attempt_id}",
            kind=JournalKind.TOP_UP,
            legs=(
                Leg(codes.gateway_clearing(GATEWAY), -attempt.amount_fen),
                Leg(codes.e_account(attempt.account_id), attempt.amount_fen),
            ),
            ref=str(attempt.payment_id),
        ),
    )
    tx.record(PaymentSettled(payment_id=attempt.payment_id, account_id=attempt.account_id))
    tx.close(_CLOSE_TOPPED_UP, params)


def _return_late_money(
    tx: Transaction, attempt: _Attempt, params: dict[str, object], part: Part | None, *, is_over: bool
) -> None:
    """Set aside money that came when nobody waited for it, and decide to send it back.

    :param part: on hold for it, and released with this. :param is_over: whether the payment can be made no other way.
    """
    refund_id = new_id()
    ledger.post(
        tx,
        Journal(
            key=f"late:{attempt.attempt_id}",
            kind=JournalKind.LATE_PAYMENT,
            legs=(
                Leg(codes.gateway_clearing(GATEWAY), -attempt.amount_fen),
                Leg(codes.REFUND_PAYABLE, attempt.amount_fen),
            ),
            ref=str(refund_id),
        ),
        ahead=None if part is None else releasing(part),
    )
    if is_over:
        tx.record(
            PaymentClosed(payment_id=attempt.payment_id, account_id=attempt.account_id, attempt_id=attempt.attempt_id)
        )
    tx.record(RefundRequested(refund_id=refund_id, account_id=attempt.account_id))
    tx.close(
        _CLOSE_LATE,
        {
            **params,
            "channel": attempt.channel.value,
            "refund_id": refund_id,
            "account_id": attempt.account_id,
            "amount_fen": attempt.amount_fen,
            "refund_state": RefundState.REQUESTED.value,
            "refund_key": f"refund:{refund_id}",
        },
    )
