"""The machine of a parcel on a store's shelf: pure, ``(state, action) → (state, who may)``."""

from enum import StrEnum

from app.kernel.actor import Role
from app.kernel.machines import Table


class ParcelKind(StrEnum):
    """What a parcel is."""

    ORDER = "order"
    """Goods that a resident collects."""
    RETURN = "return"
    """Goods that a resident handed in for the shop."""


class ParcelState(StrEnum):
    """Where a parcel stands."""

    WAITING = "waiting"
    COLLECTED = "collected"
    OVERDUE = "overdue"
    """Its order ended without its resident; it takes up a slot until it is passed on or disposed of."""
    PASSED_ON = "passed_on"
    DISPOSED = "disposed"


class ParcelAction(StrEnum):
    """What is done with a parcel."""

    COLLECT = "collect"
    LAPSE = "lapse"
    PASS_ON = "pass_on"  # noqa: S105 - an action, no secret
    PASS_ON_RETURN = "pass_on_return"  # noqa: S105 - the same
    DISPOSE = "dispose"


_STORE, _SYSTEM = frozenset({Role.STORE}), frozenset({Role.SYSTEM})

PARCEL_TRANSITIONS: Table[ParcelState, ParcelAction] = {
    (ParcelState.WAITING, ParcelAction.COLLECT): (ParcelState.COLLECTED, _SYSTEM),
    (ParcelState.WAITING, ParcelAction.LAPSE): (ParcelState.OVERDUE, _SYSTEM),
    (ParcelState.WAITING, ParcelAction.PASS_ON_RETURN): (ParcelState.PASSED_ON, _STORE),
    (ParcelState.OVERDUE, ParcelAction.PASS_ON): (ParcelState.PASSED_ON, _STORE),
    (ParcelState.OVERDUE, ParcelAction.DISPOSE): (ParcelState.DISPOSED, _STORE),
}
"""What waits for a resident is not given to the shop before its order ends; what was handed in may go at any time."""
