"""The machines of trip, stop and delivery. A trip has ordered stops; each order has one delivery that names two."""

from datetime import timedelta
from enum import StrEnum

from app.kernel.actor import Role
from app.kernel.machines import Table

_COURIER = frozenset({Role.COURIER})
_SYSTEM = frozenset({Role.SYSTEM})
_PLATFORM = frozenset({Role.PLATFORM})


class TripState(StrEnum):
    """Where a trip (配送单) stands. Fee and pay hang on it."""

    OPEN = "open"
    ASSIGNED = "assigned"
    DONE = "done"
    CANCELED = "canceled"


class StopKind(StrEnum):
    """What happens at a stop."""

    PICK_UP = "pick_up"
    DROP = "drop"


class StopState(StrEnum):
    """Where a stop stands."""

    WAITING = "waiting"
    ARRIVED = "arrived"
    DONE = "done"
    CANCELED = "canceled"


class DeliveryState(StrEnum):
    """Where the delivery of one order stands."""

    OPEN = "open"
    OFFERED = "offered"
    ASSIGNED = "assigned"
    AT_PICKUP = "at_pickup"
    PICKED_UP = "picked_up"
    AT_DROP = "at_drop"
    DELIVERED = "delivered"
    FAILED = "failed"
    REATTEMPTING = "reattempting"
    RETURNING = "returning"
    RETURNED = "returned"
    DISPOSED = "disposed"
    CANCELED = "canceled"


FOLLOWED: frozenset[DeliveryState] = frozenset(
    {
        DeliveryState.ASSIGNED,
        DeliveryState.AT_PICKUP,
        DeliveryState.PICKED_UP,
        DeliveryState.AT_DROP,
        DeliveryState.REATTEMPTING,
    }
)
"""While a delivery is so, its resident, and nobody else, sees about where its courier is."""


class DeliveryAction(StrEnum):
    """What can happen to a delivery."""

    OFFER = "offer"
    WITHDRAW_OFFER = "withdraw_offer"
    CLAIM = "claim"
    GIVE_BACK = "give_back"
    ARRIVE_AT_PICKUP = "arrive_at_pickup"
    PICK_UP = "pick_up"
    ARRIVE_AT_DROP = "arrive_at_drop"
    DELIVER = "deliver"
    FAIL = "fail"
    REATTEMPT = "reattempt"
    START_AGAIN = "start_again"
    RETURN = "return"
    ARRIVE_BACK = "arrive_back"
    DISPOSE = "dispose"
    CANCEL = "cancel"


class FailureReason(StrEnum):
    """Why a delivery failed at the door."""

    ABSENT = "absent"
    WRONG_ADDRESS = "wrong_address"
    REFUSED = "refused"
    UNSAFE = "unsafe"
    DAMAGED = "damaged"
    LOST = "lost"


class Fault(StrEnum):
    """Who was at fault, and so pays."""

    RESIDENT = "resident"
    COURIER = "courier"
    NOBODY = "nobody"


FAULT_OF = {
    FailureReason.ABSENT: Fault.RESIDENT,
    FailureReason.WRONG_ADDRESS: Fault.RESIDENT,
    FailureReason.REFUSED: Fault.RESIDENT,
    FailureReason.UNSAFE: Fault.NOBODY,
    FailureReason.DAMAGED: Fault.COURIER,
    FailureReason.LOST: Fault.COURIER,
}

GONE = frozenset({FailureReason.DAMAGED, FailureReason.LOST})
"""After these there is nothing left to carry back."""

REATTEMPTS_MAX = 2

FINAL_DELIVERY_STATES = frozenset(
    {DeliveryState.DELIVERED, DeliveryState.RETURNED, DeliveryState.DISPOSED, DeliveryState.CANCELED}
)

_S, _A = DeliveryState, DeliveryAction

DELIVERY_TRANSITIONS: Table[DeliveryState, DeliveryAction] = {
    (_S.OPEN, _A.OFFER): (_S.OFFERED, _SYSTEM),
    (_S.OFFERED, _A.WITHDRAW_OFFER): (_S.OPEN, frozenset({Role.COURIER, Role.SYSTEM})),
    (_S.OFFERED, _A.CLAIM): (_S.ASSIGNED, _COURIER),
    (_S.OPEN, _A.CLAIM): (_S.ASSIGNED, _COURIER),
    (_S.ASSIGNED, _A.GIVE_BACK): (_S.OPEN, frozenset({Role.COURIER, Role.SYSTEM})),
    (_S.AT_PICKUP, _A.GIVE_BACK): (_S.OPEN, frozenset({Role.COURIER, Role.SYSTEM})),
    (_S.ASSIGNED, _A.ARRIVE_AT_PICKUP): (_S.AT_PICKUP, _COURIER),
    (_S.ASSIGNED, _A.PICK_UP): (_S.PICKED_UP, _COURIER),
    (_S.AT_PICKUP, _A.PICK_UP): (_S.PICKED_UP, _COURIER),
    (_S.PICKED_UP, _A.ARRIVE_AT_DROP): (_S.AT_DROP, _COURIER),
    (_S.PICKED_UP, _A.DELIVER): (_S.DELIVERED, _COURIER),
    (_S.AT_DROP, _A.DELIVER): (_S.DELIVERED, _COURIER),
    (_S.PICKED_UP, _A.FAIL): (_S.FAILED, frozenset({Role.COURIER, Role.SYSTEM})),
    (_S.AT_DROP, _A.FAIL): (_S.FAILED, frozenset({Role.COURIER, Role.SYSTEM})),
    (_S.FAILED, _A.REATTEMPT): (_S.REATTEMPTING, _COURIER),
    (_S.REATTEMPTING, _A.START_AGAIN): (_S.PICKED_UP, _COURIER),
    (_S.REATTEMPTING, _A.RETURN): (_S.RETURNING, _COURIER),
    (_S.FAILED, _A.RETURN): (_S.RETURNING, _COURIER),
    (_S.RETURNING, _A.ARRIVE_BACK): (_S.RETURNED, frozenset({Role.COURIER, Role.SYSTEM})),
    (_S.FAILED, _A.DISPOSE): (_S.DISPOSED, frozenset({Role.COURIER, Role.SYSTEM})),
    (_S.OPEN, _A.CANCEL): (_S.CANCELED, _SYSTEM),
    (_S.OFFERED, _A.CANCEL): (_S.CANCELED, _SYSTEM),
    (_S.ASSIGNED, _A.CANCEL): (_S.CANCELED, _SYSTEM),
    (_S.AT_PICKUP, _A.CANCEL): (_S.CANCELED, _SYSTEM),
}
"""``offered`` is entered by dispatch with consent (派单); the hall (抢单) claims from ``open``."""


class TripOfferState(StrEnum):
    """Where the offer of a trip to one courier stands."""

    LIVE = "live"
    ACCEPTED = "accepted"
    DECLINED = "declined"
    EXPIRED = "expired"


class TripOfferAction(StrEnum):
    """What can happen to the offer of a trip."""

    ACCEPT = "accept"
    DECLINE = "decline"
    EXPIRE = "expire"


_F, _B = TripOfferState, TripOfferAction

TRIP_OFFER_TRANSITIONS: Table[TripOfferState, TripOfferAction] = {
    (_F.LIVE, _B.ACCEPT): (_F.ACCEPTED, _COURIER),
    (_F.LIVE, _B.DECLINE): (_F.DECLINED, _COURIER),
    (_F.LIVE, _B.EXPIRE): (_F.EXPIRED, _SYSTEM),
}
"""With consent: an offer is answered once, or runs out."""


class ReleaseReason(StrEnum):
    """Why a courier no longer has a trip that was not picked up."""

    GIVEN_BACK = "given_back"
    SILENT = "silent"
    STILL = "still"
    """Did not move for minutes, far from the counter."""
    UNABLE = "unable"
    """Suspended, or calls for help."""
    ASTRAY = "astray"
    """Moved for minutes, and came no nearer to anything there is to do."""
    LATE = "late"
    """Would come much later than the trip is ready and than was reckoned, and somebody else is nearer."""
    LATE_SHOP = "late_shop"
    BY_OPERATOR = "by_operator"


EXCLUDED = timedelta(minutes=5)
"""For how long a trip is not for one who declined it, did not answer, gave it back or lost it."""
NOT_AGAIN = tuple(reason.value for reason in ReleaseReason if reason is not ReleaseReason.LATE_SHOP)
"""Who was released for a late shop may have the trip again at once."""


class DispatchMode(StrEnum):
    """How trips of a community find their couriers."""

    HALL = "hall"
    """Couriers claim (抢单)."""
    ASSIGN = "assign"
    """Trips are offered one by one (派单)."""
    BOTH = "both"
    """Trips are offered; the hall shows what is not offered at the moment."""


class ApplicationState(StrEnum):
    """Where the application of a neighbor to be a courier stands."""

    SUBMITTED = "submitted"
    APPROVED = "approved"
    REFUSED = "refused"


class ApplicationAction(StrEnum):
    """What a store can do about an application."""

    APPROVE = "approve"
    REFUSE = "refuse"


_STORE = frozenset({Role.STORE})

APPLICATION_TRANSITIONS: Table[ApplicationState, ApplicationAction] = {
    (ApplicationState.SUBMITTED, ApplicationAction.APPROVE): (ApplicationState.APPROVED, _STORE),
    (ApplicationState.SUBMITTED, ApplicationAction.REFUSE): (ApplicationState.REFUSED, _STORE),
}
"""Who was refused applies anew."""


class RatingState(StrEnum):
    """Where a rating stands."""

    COUNTED = "counted"
    APPEALED = "appealed"
    UPHELD = "upheld"
    FOLDED = "folded"


class RatingAction(StrEnum):
    """What can happen to a rating."""

    APPEAL = "appeal"
    UPHOLD = "uphold"
    FOLD = "fold"


RATING_TRANSITIONS: Table[RatingState, RatingAction] = {
    (RatingState.COUNTED, RatingAction.APPEAL): (RatingState.APPEALED, _COURIER),
    (RatingState.APPEALED, RatingAction.UPHOLD): (RatingState.UPHELD, _PLATFORM),
    (RatingState.APPEALED, RatingAction.FOLD): (RatingState.FOLDED, _PLATFORM),
}
"""An appeal is decided once. While it waits the rating does not count."""


class IncidentState(StrEnum):
    """Where a case stands."""

    OPEN = "open"
    TAKEN = "taken"
    CLOSED = "closed"


class IncidentAction(StrEnum):
    """What the platform does about it."""

    TAKE = "take"
    CLOSE = "close"


INCIDENT_TRANSITIONS: Table[IncidentState, IncidentAction] = {
    (IncidentState.OPEN, IncidentAction.TAKE): (IncidentState.TAKEN, _PLATFORM),
    (IncidentState.OPEN, IncidentAction.CLOSE): (IncidentState.CLOSED, _PLATFORM),
    (IncidentState.TAKEN, IncidentAction.CLOSE): (IncidentState.CLOSED, _PLATFORM),
}
"""While a call for help is not closed, its courier is offered nothing, and loses what was not picked up, to others."""
