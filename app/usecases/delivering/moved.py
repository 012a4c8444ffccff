"""What acts on a delivery answer, and the end of its trip."""

from dataclasses import dataclass
from uuid import UUID

from app.core.delivery.repository import Delivery, is_last_of_trip
from app.core.events import TripEnded
from app.kernel.transaction import Transaction


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryMoved:
    """What an act on a delivery answers; of an exchange with its case."""

    delivery_id: UUID
    order_id: UUID
    state: str
    order_state: str
    case_id: UUID | None = None
    case_state: str | None = None


def record_end_of_trip(tx: Transaction, delivery: Delivery) -> None:
    """Tell that the trip is done, unless another delivery of it is under way."""
    if is_last_of_trip(tx, delivery):
        tx.record(
            TripEnded(trip_id=delivery.trip_id, community_id=delivery.community_id, courier_id=delivery.courier_id)
        )
