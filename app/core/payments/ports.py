"""The port to the outside payment gateway (支付网关): what Linli asks of it, and the three answers it can get.

**The law of outcomes.** A call that changes something ends in exactly one of these ways:

done
    The method returns. The object is what the gateway says *now*; it may already have moved on.
:class:`GatewayRefused`
    A definite no: neither this request nor an earlier one under the same key had an effect. The attempt may be
    closed as failed.
:class:`GatewayUnknown`
    It may have happened. Send the **same** request with the **same** key again, with back-off. Never give up
    by making a fresh key: that is how a person pays twice. Where the key can no longer answer
    (``is_replayed``: the gateway keeps repeating a stored failure; or the first sending is more than
    :data:`KEY_LIFETIME_S` old, after which a key is forgotten and a replay would be a *second* order), look
    for the object instead with ``find_intent`` or ``find_refund``.
:class:`GatewayUnreachable`
    Nothing left this machine. This says nothing about earlier sendings under the key, so it is handled like
    unknown: the same key again. It is a class of its own so that a circuit breaker can tell a dead line from a
    slow gateway.

Asking is free of effects, so for ``retrieve_…`` and ``find_…`` unknown simply means "ask later".

Amounts are whole fen of CNY. Nothing here is called inside a database transaction: intent row and key are
committed first.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol
from uuid import UUID

from app.core.payments.models import PaymentChannel
from app.kernel.errors import Conflict, Invalid, Unavailable

KEY_LIFETIME_S = 24 * 3600
"""How long the gateway remembers an idempotency key, seconds. Past it nothing is replayed any more, only looked for."""

TOO_WIDE = "window_too_wide"
"""The reason of :class:`GatewayUnknown` where a list is longer than can be read."""


class IntentState(StrEnum):
    """Where a gateway's payment intent stands. Only ``SUCCEEDED`` means money; it and ``CANCELED`` are final."""

    REQUIRES_ACTION = "requires_action"
    """The code waits to be scanned, or the card's owner to be asked by their bank."""
    REQUIRES_CONFIRMATION = "requires_confirmation"
    PROCESSING = "processing"
    SUCCEEDED = "succeeded"
    CANCELED = "canceled"
    REQUIRES_PAYMENT_METHOD = "requires_payment_method"
    """The payer refused, or the code expired; by card: none was given yet, or the last one was declined.

    The intent is still open at the gateway until it is canceled."""


class RefundState(StrEnum):
    """Where a gateway's refund stands. ``SUCCEEDED`` may turn into ``FAILED`` days later: money came back to us."""

    PENDING = "pending"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELED = "canceled"


class GatewayDisputeState(StrEnum):
    """Where a gateway's dispute stands. One that is a ``WARNING`` is an inquiry: it has moved no money."""

    WARNING_NEEDS_RESPONSE = "warning_needs_response"
    WARNING_UNDER_REVIEW = "warning_under_review"
    WARNING_CLOSED = "warning_closed"
    NEEDS_RESPONSE = "needs_response"
    UNDER_REVIEW = "under_review"
    CHARGE_REFUNDED = "charge_refunded"
    PREVENTED = "prevented"
    WON = "won"
    LOST = "lost"


@dataclass(frozen=True, slots=True, kw_only=True)
class DisputeMovement:
    """A line of the gateway's books of a dispute; below zero was taken from us."""

    id: str
    amount_fen: int


@dataclass(frozen=True, slots=True, kw_only=True)
class GatewayDispute:
    """A dispute as the gateway sees it now.

    :ivar movements: all that was taken and given back, without fees, which stand in the gateway's daily file.
    :ivar is_refundable: whether refunds of the payment are still taken.
    :ivar due_at: until when it takes an answer, seconds since the epoch; ``None`` when there is nothing to answer.
    :ivar submissions: how often evidence was handed in.
    """

    id: str
    state: GatewayDisputeState
    intent_id: str | None
    amount_fen: int
    currency: str
    is_live: bool
    reason: str
    movements: tuple[DisputeMovement, ...]
    is_refundable: bool
    due_at: int | None
    submissions: int
    created_at: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Intent:
    """One attempt to pay, as the gateway sees it now.

    :ivar amount_fen: what was asked for. :ivar amount_received_fen: what was paid; 0 until ``SUCCEEDED``.
    :ivar currency: ISO 4217, lower case. :ivar is_live: real money; must match the installation.
    :ivar qr_text: text to draw as a QR code, only while ``REQUIRES_ACTION``. :ivar qr_image_url: the same as a
    drawn image. :ivar client_secret: what the payer's own app shows the gateway to pay this intent, and no other.
    :ivar metadata: what we sent at creation: ``attempt_id`` and ``payment_id``.
    :ivar created_at: the gateway's clock, seconds since the epoch.
    :ivar charge_id: the gateway's id of the money movement, once there is one.
    :ivar payee: the account that gets the money, or a part of it, where that is not ours; we never ask for one.
    """

    id: str
    state: IntentState
    amount_fen: int
    amount_received_fen: int
    currency: str
    is_live: bool
    qr_text: str | None
    qr_image_url: str | None
    client_secret: str | None
    metadata: Mapping[str, str]
    created_at: int
    charge_id: str | None
    payee: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class GatewayRefund:
    """One return of money, as the gateway sees it now.

    :ivar id: the gateway's id. :ivar metadata: what we sent: ``refund_id``.
    :ivar failure_reason: the gateway's word for why, when ``FAILED``.
    """

    id: str
    state: RefundState
    amount_fen: int
    currency: str
    intent_id: str | None
    metadata: Mapping[str, str]
    failure_reason: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class GatewayEvent:
    """A genuine notice that something changed. It names the object; **what** changed is read from the object itself.

    Notices come late, twice and out of order, so nothing is ever decided from one.

    :ivar object_kind: ``payment_intent``, ``charge``, ``refund``, or a kind that Linli does not follow.
    :ivar intent_id: the payment intent that the object is, or belongs to, when the notice says so.
    :ivar created_at: seconds since the epoch. :ivar account: whose it is, where that is an account that is not ours.
    """

    id: str
    type: str
    object_id: str
    object_kind: str
    created_at: int
    is_live: bool
    intent_id: str | None
    account: str | None = None


class GatewayRefused(Conflict):
    """The gateway said no, definitely.

    :param gateway_code: the gateway's frozen word, such as ``charge_already_refunded``.
    :param message: the gateway's sentence, for operators; never shown to a resident.
    """

    code = "gateway_refused"
    title = "The payment provider refused"

    def __init__(self, gateway_code: str, message: str) -> None:
        super().__init__(gateway_code=gateway_code)
        self.gateway_code = gateway_code
        self.message = message


class GatewayUnknown(Unavailable):
    """It may have happened or not: the same request, with the same key, must be sent again.

    :param reason: a short frozen word for logs: ``timeout``, ``connection_lost``, ``status_500``,
    ``malformed_answer`` …
    :param is_replayed: the gateway repeated a stored failure: the key will never say more, so look for the
    object instead.
    """

    code = "gateway_outcome_unknown"
    title = "The payment provider has not confirmed yet"

    def __init__(self, reason: str, *, is_replayed: bool = False) -> None:
        super().__init__(reason=reason)
        self.reason = reason
        self.is_replayed = is_replayed


class GatewayUnreachable(Unavailable):
    """No connection came about, so nothing was sent.

    :param reason: a short frozen word for logs.
    """

    code = "gateway_unreachable"
    title = "The payment provider cannot be reached"

    def __init__(self, reason: str) -> None:
        super().__init__(reason=reason)
        self.reason = reason


class BadSignature(Invalid):
    """The notice is not proven to come from the gateway, or not to be fresh. It is dropped without being read."""

    code = "bad_signature"
    title = "Signature not accepted"


class BadEvent(Invalid):
    """The notice is genuine, but not a notice in any shape that Linli knows."""

    code = "bad_event"
    title = "Notice not understood"


class PaymentGateway(Protocol):
    """What Linli asks of a payment gateway. Every method may raise the errors of the module's law."""

    @property
    def is_live(self) -> bool:
        """Whether this installation moves real money; an object of the other world is never ours."""
        ...

    def create_intent(
        self,
        *,
        key: str,
        amount_fen: int,
        attempt_id: UUID,
        payment_id: UUID,
        description: str,
        channel: PaymentChannel = PaymentChannel.WECHAT_PAY,
    ) -> Intent:
        """Create an intent by WeChat Pay and confirm it, so that the answer already carries the code to scan.

        By card it waits for one: the payer's app gives it to the gateway with the intent's ``client_secret``.

        :param key: idempotency key, stored before; every repetition passes the same arguments.
        :param amount_fen: ``1 … 99_999_999``.
        :param description: what the payer reads, 1 to 1,000 characters, no personal data.
        """
        ...

    def retrieve_intent(self, intent_id: str) -> Intent:
        """Return the intent as it is now.

        :raises GatewayRefused: there is none of this id (``resource_missing``).
        """
        ...

    def find_intent(self, *, attempt_id: UUID, created_from: int, created_to: int) -> Intent | None:
        """Return the intent whose metadata names ``attempt_id``, created between two instants, both included.

        :param created_from: seconds since the epoch, by the gateway's clock: leave a margin. :param
        created_to: likewise.
        :returns: ``None`` only when every intent of the window was seen and none was ours.
        :raises GatewayUnknown: the window holds more than can be read (``window_too_wide``).
        """
        ...

    def cancel_intent(self, *, key: str, intent_id: str) -> Intent:
        """Close the intent, so that its code can no longer be paid.

        :raises GatewayRefused: it is already final (``payment_intent_unexpected_state``): read it, it may have
        been paid.
        """
        ...

    def create_refund(self, *, key: str, intent_id: str, amount_fen: int, refund_id: UUID) -> GatewayRefund:
        """Send ``amount_fen`` of what the intent brought back to its payer.

        :raises GatewayRefused: more than is left (``charge_already_refunded``, ``amount_too_large``), or never paid.
        """
        ...

    def retrieve_refund(self, refund_id: str) -> GatewayRefund:
        """Return the refund, by the **gateway's** id, as it is now."""
        ...

    def find_refund(self, *, refund_id: UUID, intent_id: str) -> GatewayRefund | None:
        """Return the refund of ``intent_id`` whose metadata names **our** ``refund_id``, or ``None``."""
        ...

    def retrieve_dispute(self, dispute_id: str) -> GatewayDispute:
        """Return the dispute, by the gateway's id, as it is now."""
        ...

    def find_disputes(self, *, created_from: int = 0, intent_id: str | None = None) -> list[GatewayDispute]:
        """Return the disputes of a payment, or of all, since ``created_from``, seconds since the epoch, newest first.

        :raises GatewayUnknown: there are more than can be read (``window_too_wide``).
        """
        ...

    def submit_evidence(self, *, key: str, dispute_id: str, evidence: Mapping[str, str]) -> GatewayDispute:
        """Answer a dispute with evidence, for good.

        :raises GatewayRefused: it is over, or was answered (``dispute_unexpected_state``).
        """
        ...

    def submit_acceptance(self, *, key: str, dispute_id: str) -> GatewayDispute:
        """Give a dispute up: it is lost.

        :raises GatewayRefused: it is over, or was answered (``dispute_unexpected_state``).
        """
        ...

    def read_event(self, payload: bytes, signature_header: str, now_s: int) -> GatewayEvent:
        """Prove that ``payload``, the raw body, comes from the gateway and is fresh, then read it.

        :param now_s: wall time, seconds since the epoch.
        :raises BadSignature: forged, stale, from the future, or signed in no way that counts.
        :raises BadEvent: genuine and not understood.
        """
        ...
