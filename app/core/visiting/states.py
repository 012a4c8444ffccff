"""The machine of a visit of a store's service van: pure, ``(state, action) → (state, who may)``."""

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
