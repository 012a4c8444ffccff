"""Parcels on the shelves of stores."""

from __future__ import annotations

from typing import TYPE_CHECKING

from app.core.aftersale.rules import CaseKind
from app.core.aftersale.states import CaseState
from app.core.orders.models import Fulfillment
from app.core.orders.states import OrderState
from app.kernel.ids import new_id
from app.usecases.shelving.parcels import ParcelStands, hand_in_return, shelve_order
from tests.factories.cases import a_case
from tests.factories.orders import AnOrder, an_order
from tests.factories.people import a_claim, a_store_clerk

if TYPE_CHECKING:
    from uuid import UUID

    from tests.factories.shops import Shop


def a_slot() -> str:
    return f"S-{str(new_id())[-9:]}".upper()


def an_order_to_collect(shop: Shop | None = None) -> AnOrder:
    return an_order(shop=shop, state=OrderState.READY, fulfillment=Fulfillment.STORE_PICKUP)


def a_parcel(shop: Shop | None = None, order: AnOrder | None = None) -> ParcelStands:
    """Return an order's parcel that waits in a slot."""
    order = order or an_order_to_collect(shop)
    clerk = a_store_clerk(order.shop.store_id)
    return shelve_order(clerk.actor, a_claim(clerk), order_id=order.order_id, slot=a_slot())


def a_returning_case(shop: Shop | None = None) -> UUID:
    """Return a case whose goods are to come back."""
    order = an_order(shop=shop, state=OrderState.COMPLETED)
    return a_case(order, kind=CaseKind.RETURN, state=CaseState.RETURNING).case_id


def a_returned_parcel(shop: Shop) -> ParcelStands:
    clerk = a_store_clerk(shop.store_id)
    return hand_in_return(clerk.actor, a_claim(clerk), case_id=a_returning_case(shop), slot=a_slot())
