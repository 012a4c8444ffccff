"""What does not agree with a provider's file."""

from __future__ import annotations

from datetime import date, timedelta
from itertools import count
from typing import TYPE_CHECKING

from app.core.payments.reconciliation import ItemState, Mismatch, ReconItemRow, Source
from app.kernel.clock import SHANGHAI, wall_now
from app.kernel.ids import new_id
from tests.factories.rows import write

if TYPE_CHECKING:
    from uuid import UUID


_days = count()


def an_unreported_day() -> date:
    """Return a day that no other test has a provider's file of, long before anything was booked."""
    return date(2015, 1, 1) + timedelta(days=40 * next(_days))


def a_mismatch(*, mismatch: Mismatch = Mismatch.MISSING_THERE) -> UUID:
    """Return the id of an open item without money in suspense."""
    item_id = new_id()
    write(
        ReconItemRow,
        item_id=item_id,
        source=Source.STRIPE.value,
        day=wall_now().astimezone(SHANGHAI).date(),
        mismatch=mismatch.value,
        object=f"pi_{item_id.hex}",
        kind="payment",
        ours_fen=700,
        suspense_fen=0,
        state=ItemState.OPEN.value,
        found_at=wall_now(),
    )
    return item_id
