"""Everything that can have happened. Past tense, frozen; ids, fen, states and instants only, never personal data.

Each event names the parties whose live streams it belongs to; :func:`topics_of` turns them into topics.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from app.kernel.outbox import Event


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderEvent(Event):
    """Something about one order; carries every party that may see it."""

    order_id: UUID
    account_id: UUID
    shop_id: UUID
    state: str
    courier_id: UUID | None = None
    store_id: UUID | None = None


class OrderPlaced(OrderEvent):
    """A resident placed an order; it waits for its payment."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderPaid(OrderEvent):
    """The order's escrow is funded; the merchant's five minutes have begun, unless the shop accepts by itself."""

    is_auto_accept: bool = False
    fulfillment_code: str = "delivery"


class OrderAccepted(OrderEvent):
    """The shop promised to prepare it (接单)."""


class OrderCanceled(OrderEvent):
    """It ended before its time; what was paid goes back."""


class OrderCancelRequested(OrderEvent):
    """The resident asked the shop to let the order go."""


class OrderCancelRefused(OrderEvent):
    """The shop keeps the order, by word or by ten minutes of silence."""


class OrderShorted(OrderEvent):
    """The shop lacks some lines; they are refunded (缺货)."""


class OrderMessageSent(OrderEvent):
    """Somebody wrote in the order's thread."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderReadyExpected(OrderEvent):
    """Its shop says when it will be ready."""

    expected_ready_at: datetime
    is_much_later: bool


class OrderReady(OrderEvent):
    """It stands on the counter."""


class OrderLacksCourier(OrderEvent):
    """It has stood ready for ten minutes without a courier."""


class OrderPickedUp(OrderEvent):
    """The courier has it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderEstimated(OrderEvent):
    """It looks as if it comes from ``earliest_at`` until ``latest_at``; the promise stays as it was."""

    earliest_at: datetime
    latest_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderMadeGood(OrderEvent):
    """It came late, and the resident's account got something for it."""

    amount_fen: int


class OrderDelivered(OrderEvent):
    """It was handed over at the door."""


class OrderDeliveryFailed(OrderEvent):
    """It could not be handed over."""


class OrderReattempted(OrderEvent):
    """The courier sets out for the door again."""


class OrderReturned(OrderEvent):
    """It is back at the shop."""


class OrderCompleted(OrderEvent):
    """It is over; what was earned is pending."""


class VouchersIssued(OrderEvent):
    """What was paid can be used."""


@dataclass(frozen=True, slots=True, kw_only=True)
class VoucherMoved(OrderEvent):
    """A voucher was redeemed, refunded or ran out; ``state`` is the voucher's."""

    voucher_id: UUID


@dataclass(frozen=True, slots=True, kw_only=True)
class AppointmentMoved(OrderEvent):
    """An appointment was confirmed, moved, canceled, begun or finished; ``state`` is the appointment's."""

    starts_at: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ExtraChargeProposed(OrderEvent):
    """The shop asks for more than was agreed on; the resident pays it, or not."""

    charge_id: UUID


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseEvent(OrderEvent):
    """Something about one after-sale case (售后), whose state this is; ``platform_id`` where it is theirs to act."""

    case_id: UUID
    platform_id: UUID | None = None


class CaseOpened(CaseEvent):
    """The resident applied."""


class CaseMoved(CaseEvent):
    """Somebody, or time, moved it."""


class ExchangeHeldUp(CaseEvent):
    """The new piece could not be given at the door, or its courier has set out again."""


class CaseReminded(CaseEvent):
    """Whoever has to act next has not yet, and the deadline is near or over."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplacementEvent(OrderEvent):
    """Something about a replacement; ``state`` is the replacement's."""

    replacement_id: UUID


class ReplacementOffered(ReplacementEvent):
    """The shop offers another piece for what it lacks; the resident has ten minutes."""


class ReplacementAnswered(ReplacementEvent):
    """The resident took it, or not."""


class OrderReviewed(OrderEvent):
    """Its buyer said how it was; ``state`` is that of the review."""


class OrderReviewAnswered(OrderEvent):
    """The shop replied to its review, or the platform folded or restored it; ``state`` is that of the review."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TripEvent(Event):
    """Something about one trip."""

    trip_id: UUID
    community_id: UUID
    courier_id: UUID | None = None


class TripOpened(TripEvent):
    """A trip may be claimed."""


class TripClaimed(TripEvent):
    """One courier has it."""


class TripGivenBack(TripEvent):
    """The courier gave it back; it may be claimed again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TripOffered(TripEvent):
    """One courier is asked whether they will (派单)."""

    trip_offer_id: UUID


@dataclass(frozen=True, slots=True, kw_only=True)
class TripOfferEnded(TripEvent):
    """The courier declined, or did not answer; ``state`` says which."""

    trip_offer_id: UUID
    state: str


class TripEnded(TripEvent):
    """All its stops are done, or it was called off."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PaymentEvent(Event):
    """Something about one payment."""

    payment_id: UUID
    account_id: UUID
    attempt_id: UUID | None = None


class PaymentAttemptRequested(PaymentEvent):
    """An intent is to be made at the gateway under the stored key."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PaymentSettled(PaymentEvent):
    """The money is in the books.

    :ivar had_attempts: a code was shown for it; codes that are still open are to be called off.
    """

    had_attempts: bool = False


class PaymentClosed(PaymentEvent):
    """Nobody waits for this money any more; what still comes goes back."""


class PaymentMismatched(PaymentEvent):
    """The gateway's object does not say what we asked for. Needs a person."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RefundEvent(Event):
    """Something about one refund."""

    refund_id: UUID
    account_id: UUID


class RefundRequested(RefundEvent):
    """A refund at the gateway was decided."""


class RefundSucceeded(RefundEvent):
    """The money is back where it came from, or in the resident's account."""


class RefundFailed(RefundEvent):
    """The gateway will not pay it back; the resident's account gets it instead."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DisputeEvent(Event):
    """Something about one dispute, for the platform."""

    dispute_id: UUID
    platform_id: UUID


class DisputeOpened(DisputeEvent):
    """A payer's bank asks, or has taken money back; it wants to be answered in time."""


class DisputeAnswerDecided(DisputeEvent):
    """What is to be said of a dispute was decided; the gateway is to be told."""


class DisputeEnded(DisputeEvent):
    """The payer's bank has decided."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GatewayEventReceived(Event):
    """The gateway told us something; its object is to be re-read."""

    gateway_event_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PersonEvent(Event):
    """Something about one person."""

    account_id: UUID


@dataclass(frozen=True, slots=True, kw_only=True)
class IdentityCheckRequested(PersonEvent):
    """An outside party is to be asked whether name and number belong together."""

    check_id: UUID


@dataclass(frozen=True, slots=True, kw_only=True)
class VerificationRaised(PersonEvent):
    """The account has a higher level; ``state`` is its number."""

    state: str
    store_id: UUID | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ListingClaimSubmitted(PersonEvent):
    """Somebody claimed a listing of the directory for their merchant."""

    claim_id: UUID
    listing_id: UUID
    state: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ListingClaimDecided(PersonEvent):
    """A claim was approved, refused, or lost to another's; approved, the listing became ``shop_id``.

    The owners of its merchant hear of it, who may have no shop yet.
    """

    claim_id: UUID
    listing_id: UUID
    merchant_id: UUID
    state: str
    shop_id: UUID | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DataExportRequested(PersonEvent):
    """Everything about the person is to be gathered."""

    export_id: UUID


@dataclass(frozen=True, slots=True, kw_only=True)
class DataExportReady(PersonEvent):
    """It can be downloaded."""

    export_id: UUID


@dataclass(frozen=True, slots=True, kw_only=True)
class SecurityNoticed(PersonEvent):
    """Something that protects the account was changed; ``state`` says what."""

    notice_id: UUID
    state: str


class ErasureRequested(PersonEvent):
    """The person will be erased after the cooling time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ErasureEnded(PersonEvent):
    """The person is erased, or something stood against it; ``state`` says which."""

    state: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PaperEvent(Event):
    """Something about one paper of a shop (证照)."""

    shop_id: UUID
    paper_id: UUID
    state: str


class PaperReviewed(PaperEvent):
    """It was approved or refused; ``state`` says which."""


class PaperRunsOut(PaperEvent):
    """Its last day is near: 30 days, 7 or 1."""


class PaperRanOut(PaperEvent):
    """Its last day is over; a shop that needs it takes no orders until another is approved."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CourierEvent(Event):
    """Something about one courier."""

    courier_id: UUID


@dataclass(frozen=True, slots=True, kw_only=True)
class CourierTipped(CourierEvent):
    """A resident gave a tip."""

    order_id: UUID
    amount_fen: int


@dataclass(frozen=True, slots=True, kw_only=True)
class IncidentReported(CourierEvent):
    """A courier opened a case; with ``is_sos`` they call for help. Heard by the store and the platform."""

    incident_id: UUID
    store_id: UUID
    platform_id: UUID
    state: str
    is_sos: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class IncidentMoved(CourierEvent):
    """Somebody at the platform took the case or closed it."""

    incident_id: UUID
    store_id: UUID
    platform_id: UUID
    state: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ShelfEvent(Event):
    """Something about one shop's shelf."""

    shop_id: UUID


@dataclass(frozen=True, slots=True, kw_only=True)
class ShelfImportRequested(ShelfEvent):
    """A file of offers is to be read."""

    import_id: UUID


@dataclass(frozen=True, slots=True, kw_only=True)
class ShopReviewed(ShelfEvent):
    """The platform opened a shop, or gave it back; ``state`` says which."""

    state: str


@dataclass(frozen=True, slots=True, kw_only=True)
class OfferReviewed(ShelfEvent):
    """The platform looked at an offer; ``state`` says what it found."""

    offer_id: UUID
    state: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CashServed(PersonEvent):
    """Cash was taken in or given out at a desk; ``state`` says which."""

    till_act_id: UUID
    state: str
    amount_fen: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ParcelMoved(PersonEvent):
    """A parcel of theirs was put on a store's shelf, waits for a day (``reminded``), or was passed on."""

    parcel_id: UUID
    state: str
    store_id: UUID
    shop_id: UUID


@dataclass(frozen=True, slots=True, kw_only=True)
class SignupMoved(PersonEvent):
    """A sign-up of theirs for a community event got a place, moved up, ended, or begins soon (``reminded``)."""

    signup_id: UUID
    activity_id: UUID
    store_id: UUID
    state: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DeskTicketMoved(PersonEvent):
    """A ticket or an appointment of theirs at a store's desk was taken, called, served, or ended in another way."""

    ticket_id: UUID
    store_id: UUID
    state: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TableExportRequested(PersonEvent):
    """A person of the platform asked for a table; it is to be written out."""

    export_id: UUID
    state: str


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkEscalated(Event):
    """Something has waited for twice as long as it may; ``state`` is what it is."""

    platform_id: UUID
    subject_id: UUID
    state: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TermQuotaOffered(PersonEvent):
    """What others gave back of a term product is held for who waited; it wants to be confirmed."""

    product_id: UUID
    subscription_id: UUID
    amount_fen: int


@dataclass(frozen=True, slots=True, kw_only=True)
class BillPaymentMoved(PersonEvent):
    """A biller has taken the money, or it is back; ``state`` says which."""

    bill_payment_id: UUID
    state: str


@dataclass(frozen=True, slots=True, kw_only=True)
class BillNoticed(PersonEvent):
    """A bill is due soon, was paid by itself, or was not; ``state`` says which."""

    notice_id: UUID
    state: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PriceFell(PersonEvent):
    """A product that a person watches became cheaper near them."""

    notice_id: UUID


@dataclass(frozen=True, slots=True, kw_only=True)
class MoneySent(PersonEvent):
    """A person transferred money to another."""

    transfer_id: UUID
    amount_fen: int


@dataclass(frozen=True, slots=True, kw_only=True)
class MoneyReceived(PersonEvent):
    """A person was transferred money by another; who it was is not said here."""

    transfer_id: UUID
    amount_fen: int


@dataclass(frozen=True, slots=True, kw_only=True)
class CounterPaid(PersonEvent):
    """A resident paid at a shop's counter."""

    shop_id: UUID
    counter_payment_id: UUID
    amount_fen: int


@dataclass(frozen=True, slots=True, kw_only=True)
class CounterRefunded(PersonEvent):
    """A shop gave a payment at its counter back, or a part of it."""

    shop_id: UUID
    counter_payment_id: UUID
    amount_fen: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SharedCartChanged(PersonEvent):
    """Somebody joined, left or changed what they want of a shared cart, or its owner moved it; each member is told."""

    shared_cart_id: UUID
    state: str


def _leaves(base: type[Event]) -> list[type[Event]]:
    below = {child.__name__: child for child in base.__subclasses__()}
    return [leaf for child in below.values() for leaf in _leaves(child)] if below else [base]


EVENT_KINDS: Mapping[str, type[Event]] = {
    leaf.__name__: leaf
    for base in (
        OrderEvent,
        TripEvent,
        PaymentEvent,
        RefundEvent,
        DisputeEvent,
        PersonEvent,
        PaperEvent,
        ShelfEvent,
        CourierEvent,
        GatewayEventReceived,
        WorkEscalated,
    )
    for leaf in _leaves(base)
}
"""Name in the outbox → class. A test holds that each is wired or listened to."""

_TOPIC_FIELDS = ("account_id", "merchant_id", "shop_id", "courier_id", "store_id", "community_id", "platform_id")


def topics_of(body: Mapping[str, Any]) -> list[str]:
    """Return the live topics that an event's body belongs to, such as ``"shop:0197…"``."""
    return [f"{name.removesuffix('_id')}:{body[name]}" for name in _TOPIC_FIELDS if body.get(name)]
