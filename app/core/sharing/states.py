"""The machine of a shared cart: open to be filled, locked by its owner, taken into the owner's own cart, or over."""

from enum import StrEnum

from app.kernel.actor import Role
from app.kernel.machines import Table

_OWNER, _SYSTEM = frozenset({Role.RESIDENT}), frozenset({Role.SYSTEM})


class SharedCartState(StrEnum):
    """Where a shared cart stands."""

    OPEN = "open"
    LOCKED = "locked"
    TAKEN = "taken"
    CLOSED = "closed"
    EXPIRED = "expired"


class SharedCartAction(StrEnum):
    """What can happen to a shared cart."""

    LOCK = "lock"
    UNLOCK = "unlock"
    TAKE = "take"
    CLOSE = "close"
    EXPIRE = "expire"


_S, _A = SharedCartState, SharedCartAction

SHARED_CART_TRANSITIONS: Table[SharedCartState, SharedCartAction] = {
    (_S.OPEN, _A.LOCK): (_S.LOCKED, _OWNER),
    (_S.LOCKED, _A.UNLOCK): (_S.OPEN, _OWNER),
    (_S.LOCKED, _A.TAKE): (_S.TAKEN, _OWNER),
    (_S.OPEN, _A.CLOSE): (_S.CLOSED, _OWNER),
    (_S.LOCKED, _A.CLOSE): (_S.CLOSED, _OWNER),
    (_S.OPEN, _A.EXPIRE): (_S.EXPIRED, _SYSTEM),
    (_S.LOCKED, _A.EXPIRE): (_S.EXPIRED, _SYSTEM),
}
LIVE_STATES = frozenset({SharedCartState.OPEN, SharedCartState.LOCKED})
