"""The trip of an order for a slot may be claimed from now on: couriers are told, as of any other that was just born."""

from uuid import UUID

from sqlalchemy import text

from app.core.events import TripOpened
from app.kernel.transaction import Transaction

_OPEN = text("SELECT community_id FROM trips WHERE trip_id = :trip_id AND state = 'open'")


def open_trip(tx: Transaction, trip_id: UUID) -> None:
    """Tell of a trip whose time has come; one that was called off or joined meanwhile is left alone."""
    row = tx.execute(_OPEN, {"trip_id": trip_id}).one_or_none()
    if row is not None:
        tx.record(TripOpened(trip_id=trip_id, community_id=row.community_id))
