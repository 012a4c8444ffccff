"""After-sale cases, opened by the use case that opens them in life."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from app.core.aftersale.rules import Asked, CaseKind, CaseReason, ExchangeWay
from app.core.aftersale.states import CaseState
from app.core.delivery.states import DeliveryState, FailureReason
from app.core.orders.states import OrderState
from app.usecases.aftersale.answer import agree_to_case, reject_case
from app.usecases.aftersale.apply import apply_for_case, escalate_case, send_back
from app.usecases.aftersale.exchange import counter_code
from app.usecases.delivering.hand_over import fail_delivery, pick_up
from app.usecases.delivering.trips import claim_trip
from tests.factories.orders import AnOrder, an_order
from tests.factories.people import a_claim, a_courier
from tests.factories.photos import a_photo
from tests.factories.rows import look, look_one

if TYPE_CHECKING:
    from uuid import UUID

    from tests.factories.people import Person

_STEPS = {
    CaseState.APPLIED: (),
    CaseState.REJECTED: ("reject",),
    CaseState.ESCALATED: ("reject", "escalate"),
    CaseState.RETURNING: ("agree",),
    CaseState.SENT_BACK: ("agree", "send_back"),
    CaseState.EXCHANGING: ("agree",),
    CaseState.REFUNDED: ("agree",),
}


@dataclass(frozen=True)
class ACase:
    """A case with its order."""

    case_id: UUID
    order: AnOrder

    @property
    def state(self) -> CaseState:
        found = look_one("SELECT state FROM after_sale_cases WHERE case_id = :case_id", case_id=self.case_id)
        return CaseState(found)


def a_case(
    order: AnOrder | None = None,
    *,
    state: CaseState = CaseState.APPLIED,
    kind: CaseKind = CaseKind.REFUND_ONLY,
    reason: CaseReason = CaseReason.DAMAGED,
    quantity: int = 1,
    amount_fen: int | None = None,
    line: int = 1,
    exchange_way: ExchangeWay | None = None,
    exchange_sku_id: UUID | None = None,
) -> ACase:
    """Return a case about one line of a completed order, in ``state``."""
    order = order or an_order(state=OrderState.COMPLETED)
    resident, owner = order.resident, order.shop.owner
    opened = apply_for_case(
        resident.actor,
        a_claim(resident),
        order_id=order.order_id,
        kind=kind,
        reason=reason,
        lines=[Asked(line=line, quantity=quantity, amount_fen=amount_fen, exchange_sku_id=exchange_sku_id)],
        exchange_way=exchange_way,
        note="盒子压坏了",
        evidence=[a_photo(resident, order.order_id)],
    )
    case_id = opened.case_id
    for step in _STEPS[state]:
        if step == "agree":
            agree_to_case(owner.actor, a_claim(owner), case_id=case_id, is_refund=False)
        elif step == "reject":
            reject_case(owner.actor, a_claim(owner), case_id=case_id, reason="出库完好")
        elif step == "escalate":
            escalate_case(resident.actor, a_claim(resident), case_id=case_id, note="有照片")
        else:
            send_back(resident.actor, a_claim(resident), case_id=case_id, reference="SF-1")
    return ACase(case_id, order)


@dataclass(frozen=True)
class AnExchangeTrip:
    """The trip of an exchange, with its courier."""

    trip_id: UUID
    delivery_id: UUID
    pick_up_stop_id: UUID
    drop_stop_id: UUID
    courier: Person


def an_exchange_trip(case: ACase, *, state: DeliveryState = DeliveryState.OPEN) -> AnExchangeTrip:
    """Return the trip of a courier's exchange, its delivery in ``state``; while it is open, a courier stands by."""
    [row] = look(
        "SELECT trip_id, delivery_id, pick_up_stop_id, drop_stop_id FROM deliveries WHERE case_id = :id",
        id=case.case_id,
    )
    trip = AnExchangeTrip(**row._mapping, courier=a_courier(community=case.order.shop.community))
    actor, delivery_id = trip.courier.actor, trip.delivery_id
    if state is not DeliveryState.OPEN:
        claim_trip(actor, a_claim(trip.courier), trip_id=trip.trip_id)
    if state in {DeliveryState.PICKED_UP, DeliveryState.FAILED}:
        pick_up(actor, a_claim(trip.courier), delivery_id=delivery_id, code=counter_code(case.case_id))
    if state is DeliveryState.FAILED:
        proof = a_photo(trip.courier, case.order.order_id)
        fail_delivery(
            actor, a_claim(trip.courier), delivery_id=delivery_id, reason=FailureReason.ABSENT, photo_id=proof
        )
    return trip
