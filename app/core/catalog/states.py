"""The machine of a shop's opening: pure, ``(state, action) → (state, who may)``. The merchant rests."""

from enum import StrEnum

from app.core.catalog.models import ShopState
from app.kernel.actor import Role
from app.kernel.machines import Table


class ShopAction(StrEnum):
    """What can be done about a shop."""

    SUBMIT = "submit"
    APPROVE = "approve"
    REFUSE = "refuse"
    REST = "rest"
    OPEN = "open"
    LEAVE = "leave"
    """Its merchant leaves the platform."""


_S, _A = ShopState, ShopAction
_MERCHANT, _PLATFORM = frozenset({Role.MERCHANT}), frozenset({Role.PLATFORM})

SHOP_TRANSITIONS: Table[ShopState, ShopAction] = {
    (_S.DRAFT, _A.SUBMIT): (_S.SUBMITTED, _MERCHANT),
    (_S.SUBMITTED, _A.APPROVE): (_S.OPEN, _PLATFORM),
    (_S.SUBMITTED, _A.REFUSE): (_S.DRAFT, _PLATFORM),
    (_S.OPEN, _A.REST): (_S.RESTING, _MERCHANT),
    (_S.RESTING, _A.OPEN): (_S.OPEN, _MERCHANT),
    (_S.DRAFT, _A.LEAVE): (_S.LEAVING, _MERCHANT),
    (_S.SUBMITTED, _A.LEAVE): (_S.LEAVING, _MERCHANT),
    (_S.OPEN, _A.LEAVE): (_S.LEAVING, _MERCHANT),
    (_S.RESTING, _A.LEAVE): (_S.LEAVING, _MERCHANT),
    (_S.SUSPENDED, _A.LEAVE): (_S.LEAVING, _MERCHANT),
}
