"""Refunds (退款): always from a decision. Into the e-account at once; to WeChat by the worker, under its own key.

Money on its way back through the gateway stands in ``refund_payable`` from the decision on, so an order's escrow is
empty when the order is over. A gateway that will not pay it back leaves it to the resident's e-account.

While the payer's bank disputes the payment, refunds of it wait. When the dispute is lost, the payer has the money from
the bank: the refund meets what was taken, and pays out only what is beyond that.
"""

from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from uuid import UUID

import structlog
from sqlalchemy import text

from app.core import ledger
from app.core.events import RefundFailed, RefundRequested, RefundSucceeded
from app.core.ledger import Ahead, Journal, JournalKind, Leg, codes
from app.core.orders.repository import Order
from app.core.payments.disputes import DisputeBearer, met_by
from app.core.payments.mixed import outside_of_refund
from app.core.payments.models import PaymentMethod
from app.core.payments.ports import (
    GatewayDispute,
    GatewayRefund,
    GatewayRefused,
    GatewayUnknown,
    GatewayUnreachable,
    PaymentGateway,
)
from app.core.payments.ports import RefundState as GatewayRefundState
from app.core.payments.states import (
    OPEN_DISPUTE_STATES,
    REFUND_TRANSITIONS,
    TAKEN_STATES,
    DisputeState,
    RefundAction,
    RefundState,
)
from app.core.verification.limits import giving_back
from app.kernel.actor import Role
from app.kernel.clock import wall_now
from app.kernel.ids import born_at, new_id
from app.kernel.machines import next_state
from app.kernel.transaction import Transaction, closing, transaction
from app.kernel.wire import Row
from app.usecases.paying.attempts import GATEWAY, KEY_LIFETIME

log = structlog.get_logger()

_NOT_PAID = frozenset({GatewayRefundState.FAILED, GatewayRefundState.CANCELED})
CHARGE_DISPUTED = "charge_disputed"
"""The gateway's word for a refund that it does not take because the payer's bank disputes the payment."""
OPEN_REFUND_STATES = frozenset({RefundState.REQUESTED, RefundState.SUBMITTING, RefundState.UNKNOWN})

REFUND_WRITES = """
refunded_payment AS (
    UPDATE payments SET refunded_fen = refunded_fen + :refund_fen
    WHERE payment_id = :refund_payment_id AND :refund_fen > 0
),
decided AS (
    INSERT INTO refunds (refund_id, payment_id, order_id, account_id, method, amount_fen, account_part_fen, reason,
        state, key, requested_at, ended_at)
    SELECT :refund_id, :refund_payment_id, :order_id, :refund_account_id, :refund_method, :refund_fen,
        :refund_account_part_fen, :refund_reason, :refund_state, :refund_key, business_now(),
        CASE WHEN :refund_state = 'succeeded' THEN business_now() END
    WHERE :refund_fen > 0
)"""


@dataclass(frozen=True, slots=True)
class Decision:
    """A refund of an order, decided: what to post, what to give back ahead of that, what to write.

    :ivar targets: the legs of ``journal`` that say where it goes.
    """

    refund_id: UUID
    amount_fen: int
    targets: tuple[Leg, ...]
    journal: Journal | None
    ahead: Ahead | None
    params: dict[str, object]


def decide_refund(
    tx: Transaction,
    order: Order,
    *,
    amount_fen: int,
    reason: str,
    sources: tuple[Leg, ...] | None = None,
    is_outside_over: bool = False,
) -> Decision:
    """Decide to give ``amount_fen`` of an order back to where it came from.

    The caller posts the journal and joins :data:`REFUND_WRITES` into its closing statement.

    :param order: locked by the caller. :param amount_fen: ``>= 0``; nothing happens for 0.
    :param sources: legs that take the amount from those who bear it; without any, the order's escrow bears it.
    :param is_outside_over: the provider takes no more refunds of it: the e-account gets what should go outside.
    """
    assert order.payment_method is not None, "only what was paid can be refunded"
    refund_id = new_id()
    of_account_fen = amount_fen - _outside_of(order, amount_fen)
    at_once_fen = amount_fen if is_outside_over else of_account_fen
    is_at_once = at_once_fen == amount_fen
    state = RefundState.SUCCEEDED if is_at_once else RefundState.REQUESTED
    targets: tuple[Leg, ...] = ()
    journal, ahead = None, None
    if amount_fen > 0:
        to = {codes.e_account(order.account_id): at_once_fen, codes.REFUND_PAYABLE: amount_fen - at_once_fen}
        targets = tuple(Leg(code, fen) for code, fen in to.items() if fen)
        journal = Journal(
            key=f"refund:{refund_id}",
            kind=JournalKind.REFUND,
            legs=(*(sources or (Leg(codes.escrow(order.order_id), -amount_fen),)), *targets),
            ref=str(order.order_id),
        )
        if of_account_fen > 0:
            counted_at = order.part_held_at or order.paid_at
            assert counted_at is not None, "only what was paid can be refunded"
            ahead = giving_back(order.account_id, amount_fen=of_account_fen, paid_at=counted_at)
        event = RefundSucceeded if is_at_once else RefundRequested
        tx.record(event(refund_id=refund_id, account_id=order.account_id))
    return Decision(
        refund_id,
        amount_fen,
        targets,
        journal,
        ahead,
        {
            "refund_id": refund_id,
            "refund_payment_id": order.payment_id,
            "refund_account_id": order.account_id,
            "refund_method": _method_of(tx, order, at_once_fen, amount_fen).value,
            "refund_fen": amount_fen,
            "refund_account_part_fen": 0 if is_at_once else at_once_fen,
            "refund_reason": reason,
            "refund_state": state.value,
            "refund_key": f"refund:{refund_id}",
        },
    )


def _outside_of(order: Order, amount_fen: int) -> int:
    """Return how much of a refund is of money that came from outside."""
    if order.payment_method != PaymentMethod.MIXED:
        return 0 if order.payment_method == PaymentMethod.E_ACCOUNT else amount_fen
    assert order.outside_fen is not None, "a mixed payment froze its shares"
    return outside_of_refund(
        total_fen=order.total_fen,
        outside_fen=order.outside_fen,
        refunded_fen=order.refunded_fen,
        amount_fen=amount_fen,
    )


def _method_of(tx: Transaction, order: Order, at_once_fen: int, amount_fen: int) -> PaymentMethod:
    """Return what a refund goes back by; of a mixed payment what is left from outside alone, by its channel."""
    if at_once_fen == amount_fen:
        return PaymentMethod.E_ACCOUNT
    if at_once_fen:
        return PaymentMethod.MIXED
    assert order.payment_method is not None, "only what was paid can be refunded"
    if order.payment_method != PaymentMethod.MIXED:
        return PaymentMethod(order.payment_method)
    return PaymentMethod(tx.execute(_CHANNEL, {"payment_id": order.payment_id}).scalar_one())


_CHANNEL = text(
    """
    SELECT a.channel FROM payment_attempts AS a WHERE a.payment_id = :payment_id AND a.state = 'succeeded'
      AND NOT EXISTS (SELECT 1 FROM refunds AS late WHERE late.attempt_id = a.attempt_id)
    ORDER BY a.attempt_id LIMIT 1
    """
)
_READ = text(
    """
    SELECT r.refund_id, r.account_id, r.amount_fen - r.account_part_fen AS amount_fen, r.state, r.key,
           r.gateway_refund_id, r.submit_count, r.payment_id,
           coalesce(mine.intent_id, paid.intent_id) AS intent_id,
           coalesce(mine.attempt_id, paid.attempt_id) AS attempt_id
    FROM refunds AS r
    LEFT JOIN payment_attempts AS mine ON mine.attempt_id = r.attempt_id
    LEFT JOIN payment_attempts AS paid ON paid.payment_id = r.payment_id AND paid.state = 'succeeded'
        AND r.attempt_id IS NULL
        AND NOT EXISTS (SELECT 1 FROM refunds AS late WHERE late.attempt_id = paid.attempt_id)
    WHERE r.refund_id = :refund_id
    """
)
_LOCK = text(
    """
    SELECT state, account_id, amount_fen - account_part_fen AS amount_fen, method, submit_count, gateway_refund_id,
        dispute_id
    FROM refunds WHERE refund_id = :refund_id FOR UPDATE
    """
)
_HEARD_OF = text("SELECT gateway_dispute_id FROM disputes WHERE gateway_dispute_id = ANY (CAST(:ids AS text[]))")
_DISPUTES = text(
    """
    SELECT dispute_id, payment_id, state, is_refundable, taken_fen - met_fen AS room_fen, open_fen, bearer
    FROM disputes WHERE attempt_id = :attempt_id ORDER BY dispute_id FOR UPDATE
    """
)
_MEET = text(
    """
    UPDATE disputes SET met_fen = met_fen + :met_fen, open_fen = open_fen - :disputed_fen
    WHERE dispute_id = :dispute_id
    """
)
_MET = closing(
    """
    met AS (
        UPDATE refunds SET state = :state, dispute_id = :dispute_id, failure = NULL, ended_at = business_now()
        WHERE refund_id = :refund_id
    )"""
)
_WAIT = text(
    """
    UPDATE refunds SET state = CAST(:state AS text), key = :key, failure = CAST(:failure AS text)
    WHERE refund_id = :refund_id
    """
)
_MARK = text(
    """
    UPDATE refunds SET state = CAST(:state AS text), submit_count = submit_count + CAST(:submitted AS integer)
    WHERE refund_id = :refund_id
    """
)
_OPEN = text(
    """
    SELECT refund_id FROM refunds AS r WHERE r.state IN ('requested', 'submitting', 'unknown')
      AND NOT (r.state = 'requested' AND EXISTS (SELECT 1 FROM disputes AS d WHERE d.payment_id = r.payment_id
          AND (r.attempt_id IS NULL OR r.attempt_id = d.attempt_id)
          AND d.state IN ('needs_response', 'under_review') AND (NOT d.is_refundable OR r.failure IS NOT NULL)))
    ORDER BY r.requested_at LIMIT :limit
    """
)
_OPEN_OF_INTENT = text(
    """
    SELECT r.refund_id FROM refunds AS r JOIN payment_attempts AS a ON a.payment_id = r.payment_id
    WHERE a.intent_id = :intent_id AND r.state IN ('submitting', 'unknown') ORDER BY r.refund_id LIMIT 50
    """
)
_PAID_OUT_AS = text(
    """
    SELECT refund_id FROM refunds
    WHERE gateway_refund_id = :gateway_refund_id AND state = 'succeeded' AND dispute_id IS NULL
    """
)
_RETURNED_BY_FILE = text(
    """
    SELECT i.object FROM recon_items AS i JOIN refunds AS r ON r.gateway_refund_id = i.object
    WHERE i.state = 'open' AND i.source = 'stripe' AND i.mismatch = 'missing_here' AND i.kind = 'payment_failure_refund'
      AND r.state = 'succeeded' AND r.dispute_id IS NULL ORDER BY i.item_id LIMIT :limit
    """
)
_END = closing(
    """
    ended AS (
        UPDATE refunds SET state = :state,
            gateway_refund_id = coalesce(CAST(:gateway_refund_id AS text), gateway_refund_id),
            failure = CAST(:failure AS text), ended_at = business_now()
        WHERE refund_id = :refund_id
    )"""
)


def submit_refund(gateway: PaymentGateway, refund_id: UUID) -> None:
    """Send a decided refund to the gateway, or learn what became of it. Safe to call any number of times.

    :raises GatewayUnknown, GatewayUnreachable: it has to be tried again, with the same key.
    """
    row = _begin(refund_id)
    if row is None:
        return
    refund, failure = None, None
    try:
        try:
            refund = _asked(gateway, row)
            failure = (refund.failure_reason or "failed") if refund.state in _NOT_PAID else None
        except GatewayRefused as refusal:
            log.warning("gateway refused a refund", refund_id=str(refund_id), gateway_code=refusal.gateway_code)
            failure = refusal.gateway_code
        is_unheard = failure is not None and _is_unheard(gateway, row, failure)
    except (GatewayUnknown, GatewayUnreachable):
        _lose_sight(refund_id)
        raise
    gateway_refund_id = None if refund is None else refund.id
    if failure is not None:
        if not _wait_or_meet(refund_id, is_unheard=is_unheard):
            _end(refund_id, RefundAction.FAIL, gateway_refund_id=gateway_refund_id, failure=failure)
    elif refund is not None and refund.state is GatewayRefundState.SUCCEEDED:
        _end(refund_id, RefundAction.SUCCEED, gateway_refund_id=gateway_refund_id, failure=None)
    else:
        _lose_sight(refund_id)


def submit_each(gateway: PaymentGateway, refund_ids: Iterable[UUID]) -> None:
    """Send refunds, one after the other. One whose outcome is not known keeps nothing else waiting: the worker asks on.

    :raises GatewayUnreachable: the rest was not tried.
    """
    for refund_id in refund_ids:
        with suppress(GatewayUnknown):
            submit_refund(gateway, refund_id)


def look_again(gateway: PaymentGateway, gateway_refund_id: str) -> None:
    """Re-read a refund that had succeeded: when it has come back since, the resident's account gets it.

    Where the payer's bank disputes the payment meanwhile, it waits and meets like one that was never sent.

    :raises GatewayUnknown, GatewayUnreachable: it has to be tried again, or is not what was asked for.
    """
    with transaction() as tx:
        refund_id = tx.execute(_PAID_OUT_AS, {"gateway_refund_id": gateway_refund_id}).scalar_one_or_none()
        if refund_id is None:
            return
        row = tx.execute(_READ, {"refund_id": refund_id}).one()
    refund = _of_ours(gateway.retrieve_refund(gateway_refund_id), row)
    if refund.state in _NOT_PAID:
        log.error("a refund came back", refund_id=str(refund_id), failure=refund.failure_reason)
        if _take_back(refund_id, is_unheard=_is_unheard(gateway, row, refund.failure_reason)):
            submit_refund(gateway, refund_id)
        else:
            _end(refund_id, RefundAction.FAIL, gateway_refund_id=None, failure=refund.failure_reason or "failed")


def unheard(found: Sequence[GatewayDispute]) -> list[GatewayDispute]:
    """Return those of the gateway's disputes that we were not told of."""
    with transaction() as tx:
        known = set(tx.execute(_HEARD_OF, {"ids": [one.id for one in found]}).scalars())
    return [one for one in found if one.id not in known]


def open_refunds(limit: int) -> list[UUID]:
    """Return refunds that the gateway has not settled yet, oldest first."""
    with transaction() as tx:
        return list(tx.execute(_OPEN, {"limit": limit}).scalars())


def returned_by_file(limit: int) -> list[str]:
    """Return refunds, by the gateway's ids, that came back by its daily file; nobody has told us."""
    with transaction() as tx:
        return list(tx.execute(_RETURNED_BY_FILE, {"limit": limit}).scalars())


def open_refunds_of_intent(intent_id: str) -> list[UUID]:
    """Return refunds that were submitted for an intent's payment and whose outcome is not known yet."""
    with transaction() as tx:
        return list(tx.execute(_OPEN_OF_INTENT, {"intent_id": intent_id}).scalars())


def _asked(gateway: PaymentGateway, row: Row) -> GatewayRefund:
    """Make a refund, or find the one that was made.

    :raises GatewayUnknown: it is not what was asked for, as well.
    """
    return _of_ours(_ask(gateway, row), row)


def _of_ours(refund: GatewayRefund, row: Row) -> GatewayRefund:
    """Return a refund of the gateway that is what we asked for.

    :raises GatewayUnknown: it is of another amount, currency or payment; a person has to look at it.
    """
    is_of_payment = refund.intent_id in {None, row.intent_id}
    if (refund.amount_fen, refund.currency) != (row.amount_fen, "cny") or not is_of_payment:
        log.error("a refund is not what was asked for", refund_id=str(row.refund_id), gateway_refund_id=refund.id)
        raise GatewayUnknown("refund_mismatch")
    return refund


def _is_unheard(gateway: PaymentGateway, row: Row, failure: str | None) -> bool:
    """Say whether the payer's bank asks about the payment of a refund that was not paid out, and nobody has told us.

    What goes to the payer's account by then the bank could take once more. Money does not go there without this look.

    :raises GatewayUnknown, GatewayUnreachable: it has to be tried again.
    """
    assert row.intent_id is not None, "a gateway refund belongs to a paid intent"
    found = gateway.find_disputes(intent_id=row.intent_id)
    return bool(unheard(found)) if found else failure == CHARGE_DISPUTED


def _ask(gateway: PaymentGateway, row: Row) -> GatewayRefund:
    assert row.intent_id is not None, "a gateway refund belongs to a paid intent"
    if row.submit_count > 0:
        found = gateway.find_refund(refund_id=row.refund_id, intent_id=row.intent_id)
        if found is not None:
            return found
    try:
        return gateway.create_refund(
            key=row.key, intent_id=row.intent_id, amount_fen=row.amount_fen, refund_id=row.refund_id
        )
    except GatewayUnknown as unknown:
        if unknown.is_replayed and wall_now() - born_at(row.refund_id) > KEY_LIFETIME:
            raise GatewayRefused("key_spent", "the gateway repeats an error, and has not made it in a day") from unknown
        raise


def _begin(refund_id: UUID) -> Row | None:
    with transaction() as tx:
        locked = tx.execute(_LOCK, {"refund_id": refund_id}).one_or_none()
        if locked is None or RefundState(locked.state) not in OPEN_REFUND_STATES:
            return None
        row = tx.execute(_READ, {"refund_id": refund_id}).one()
        if locked.state == RefundState.REQUESTED:
            disputes = tx.execute(_DISPUTES, {"attempt_id": row.attempt_id}).fetchall()
            if any(map(_is_in_the_way, disputes)) or _meet(tx, locked, row, disputes):
                return None
        state = next_state(REFUND_TRANSITIONS, RefundState(locked.state), RefundAction.SUBMIT, Role.SYSTEM)
        tx.execute(_MARK, {"refund_id": refund_id, "state": state.value, "submitted": 1})
        return row


def _wait_or_meet(refund_id: UUID, *, is_unheard: bool) -> bool:
    """Keep a refund that was refused or has failed while a dispute is open, or let it meet one that took the money.

    False when it is neither. What was refused or has failed has had no effect, so that a later try may have a key of
    its own. Whatever the reason is, a dispute may have come since the refund was first sent.

    A mere inquiry is waited for, too: what goes to the payer's account by then the bank could still take once more.

    :param is_unheard: there is a dispute that we were not told of: the news of it is waited for.
    """
    with transaction() as tx:
        locked = tx.execute(_LOCK, {"refund_id": refund_id}).one()
        if RefundState(locked.state) is not RefundState.SUBMITTING:
            return True
        row = tx.execute(_READ, {"refund_id": refund_id}).one()
        disputes = tx.execute(_DISPUTES, {"attempt_id": row.attempt_id}).fetchall()
        if not is_unheard and not any(map(_is_open, disputes)):
            return _meet(tx, locked, row, disputes)
        waiting = next_state(REFUND_TRANSITIONS, RefundState.SUBMITTING, RefundAction.WAIT, Role.SYSTEM)
        key = f"refund:{refund_id}:{locked.submit_count}"
        tx.execute(_WAIT, {"refund_id": refund_id, "state": waiting.value, "key": key, "failure": CHARGE_DISPUTED})
    return True


def _take_back(refund_id: UUID, *, is_unheard: bool) -> bool:
    """Let a refund that came back wait for a dispute of its payment, or meet it; False when none is in its way."""
    with transaction() as tx:
        locked = tx.execute(_LOCK, {"refund_id": refund_id}).one()
        if not _may_come_back(locked):
            return False
        row = tx.execute(_READ, {"refund_id": refund_id}).one()
        disputes = tx.execute(_DISPUTES, {"attempt_id": row.attempt_id}).fetchall()
        if not is_unheard and not any(_is_open(one) or _has_room(one) for one in disputes):
            return False
        _post_back(tx, refund_id, locked, codes.REFUND_PAYABLE)
        waiting = next_state(REFUND_TRANSITIONS, RefundState.SUCCEEDED, RefundAction.WAIT, Role.SYSTEM)
        key = f"refund:{refund_id}:{locked.submit_count}"
        tx.execute(_WAIT, {"refund_id": refund_id, "state": waiting.value, "key": key, "failure": CHARGE_DISPUTED})
    return True


def _may_come_back(locked: Row) -> bool:
    """Say whether a refund went out through the gateway, and has not come back yet."""
    is_paid_out = RefundState(locked.state) is RefundState.SUCCEEDED and locked.method != PaymentMethod.E_ACCOUNT
    return is_paid_out and locked.dispute_id is None


def _post_back(tx: Transaction, refund_id: UUID, locked: Row, target: str) -> None:
    legs = (Leg(codes.gateway_clearing(GATEWAY), -locked.amount_fen), Leg(target, locked.amount_fen))
    journal = Journal(key=f"refund_back:{refund_id}", kind=JournalKind.REFUND, legs=legs, ref=str(refund_id))
    ledger.post(tx, journal)


def _end_key(refund_id: UUID, locked: Row) -> str:
    """Return the key of the journal that ends a refund; one that came back ends a second time."""
    return f"refund_end:{refund_id}" if locked.gateway_refund_id is None else f"refund_end:{refund_id}:again"


def _is_in_the_way(dispute: Row) -> bool:
    return _is_open(dispute) and not dispute.is_refundable


def _has_room(dispute: Row) -> bool:
    return dispute.state in TAKEN_STATES and bool(dispute.room_fen > 0)


def _is_open(dispute: Row) -> bool:
    return DisputeState(dispute.state) in OPEN_DISPUTE_STATES


def _meet(tx: Transaction, locked: Row, row: Row, disputes: Sequence[Row]) -> bool:
    """End a refund whose payer has the money from their bank; False when no dispute took any that is not met yet."""
    lost = next(filter(_has_room, disputes), None)
    if lost is None:
        return False
    met = met_by(locked.amount_fen, room_fen=lost.room_fen, open_fen=lost.open_fen)
    payer = codes.e_account(locked.account_id)
    bearer = payer if lost.bearer == DisputeBearer.PAYER else codes.PLATFORM_LOSS
    to = {codes.disputed(lost.payment_id): met.disputed_fen, payer: met.payer_fen}
    to[bearer] = to.get(bearer, 0) + met.bearer_fen
    legs = (Leg(codes.REFUND_PAYABLE, -locked.amount_fen), *(Leg(code, fen) for code, fen in to.items() if fen))
    ledger.post(
        tx,
        Journal(key=_end_key(row.refund_id, locked), kind=JournalKind.REFUND, legs=legs, ref=str(row.refund_id)),
    )
    tx.execute(
        _MEET,
        {
            "dispute_id": lost.dispute_id,
            "met_fen": met.disputed_fen + met.bearer_fen,
            "disputed_fen": met.disputed_fen,
        },
    )
    tx.record(RefundSucceeded(refund_id=row.refund_id, account_id=locked.account_id))
    state = next_state(REFUND_TRANSITIONS, RefundState(locked.state), RefundAction.SUCCEED, Role.SYSTEM)
    tx.close(_MET, {"refund_id": row.refund_id, "dispute_id": lost.dispute_id, "state": state.value})
    return True


def _lose_sight(refund_id: UUID) -> None:
    with transaction() as tx:
        state = RefundState(tx.execute(_LOCK, {"refund_id": refund_id}).one().state)
        if state is RefundState.SUBMITTING:
            unknown = next_state(REFUND_TRANSITIONS, state, RefundAction.LOSE_SIGHT, Role.SYSTEM)
            tx.execute(_MARK, {"refund_id": refund_id, "state": unknown.value, "submitted": 0})


def _end(refund_id: UUID, action: RefundAction, *, gateway_refund_id: str | None, failure: str | None) -> None:
    """Write the end of a refund and move its money: out through the gateway, or into the resident's account."""
    with transaction() as tx:
        locked = tx.execute(_LOCK, {"refund_id": refund_id}).one()
        state = RefundState(locked.state)
        is_paid = action is RefundAction.SUCCEED
        came_back = not is_paid and _may_come_back(locked)
        if state not in OPEN_REFUND_STATES and not came_back:
            return
        if came_back:
            _post_back(tx, refund_id, locked, codes.e_account(locked.account_id))
        else:
            target = codes.gateway_clearing(GATEWAY) if is_paid else codes.e_account(locked.account_id)
            legs = (Leg(codes.REFUND_PAYABLE, -locked.amount_fen), Leg(target, locked.amount_fen))
            journal = Journal(key=_end_key(refund_id, locked), kind=JournalKind.REFUND, legs=legs, ref=str(refund_id))
            ledger.post(tx, journal)
        event = RefundSucceeded if is_paid else RefundFailed
        tx.record(event(refund_id=refund_id, account_id=locked.account_id))
        tx.close(
            _END,
            {
                "refund_id": refund_id,
                "state": next_state(REFUND_TRANSITIONS, state, action, Role.SYSTEM).value,
                "gateway_refund_id": gateway_refund_id,
                "failure": failure,
            },
        )
