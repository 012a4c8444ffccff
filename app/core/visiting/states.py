"""The machines of visits of a van, of visits to shops, and of samples: pure, ``(state, action) → (state, who may)``."""

from enum import StrEnum

from app.kernel.actor import Role
from app.kernel.machines import Table

_STORE = frozenset({Role.STORE})


class VanVisitState(StrEnum):
    """Where a visit stands; one whose time has passed stays planned."""

    PLANNED = "planned"
    CANCELED = "canceled"


class VanVisitAction(StrEnum):
    """What can happen to a visit."""

    MOVE = "move"
    CANCEL = "cancel"


VAN_VISIT_TRANSITIONS: Table[VanVisitState, VanVisitAction] = {
    (VanVisitState.PLANNED, VanVisitAction.MOVE): (VanVisitState.PLANNED, _STORE),
    (VanVisitState.PLANNED, VanVisitAction.CANCEL): (VanVisitState.CANCELED, _STORE),
}


class VanService(StrEnum):
    """What is done at the van."""

    CASH = "cash"
    BILLS = "bills"
    VERIFICATION = "verification"
    SIGN_UP = "sign_up"
    PARCELS = "parcels"
    ADVICE = "advice"


class ShopVisitState(StrEnum):
    """Where a visit to a shop stands."""

    RECORDED = "recorded"
    IN_REVIEW = "in_review"
    """The platform looks into what was found."""
    CLOSED = "closed"


class ShopVisitAction(StrEnum):
    """What can happen to a visit to a shop."""

    SEND_ON = "send_on"
    CLOSE = "close"


SHOP_VISIT_TRANSITIONS: Table[ShopVisitState, ShopVisitAction] = {
    (ShopVisitState.RECORDED, ShopVisitAction.SEND_ON): (ShopVisitState.IN_REVIEW, _STORE),
    (ShopVisitState.IN_REVIEW, ShopVisitAction.CLOSE): (ShopVisitState.CLOSED, frozenset({Role.PLATFORM})),
}


class SampleState(StrEnum):
    """Where a sample stands."""

    SHOWN = "shown"
    WITHDRAWN = "withdrawn"


class SampleAction(StrEnum):
    """What can happen to a sample."""

    WITHDRAW = "withdraw"


SAMPLE_TRANSITIONS: Table[SampleState, SampleAction] = {
    (SampleState.SHOWN, SampleAction.WITHDRAW): (SampleState.WITHDRAWN, _STORE),
}
