"""What does not agree with a provider's file, and disputes that are only rows: the gateway knows nothing of them."""

from __future__ import annotations

from datetime import date, timedelta
from itertools import count
from typing import TYPE_CHECKING

from app.core.payments.disputes import DisputeRow
from app.core.payments.models import AttemptRow, PaymentRow
from app.core.payments.reconciliation import ItemState, Mismatch, ReconItemRow, Source
from app.kernel.clock import SHANGHAI, wall_now
from app.kernel.ids import new_id
from tests.factories.people import a_resident
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


def a_dispute(*, state: str = "needs_response", open_fen: int = 0) -> UUID:
    """Return the id of a dispute of a top-up by card."""
    dispute_id, account_id = new_id(), a_resident().account_id
    write(
        PaymentRow,
        payment_id=(payment_id := new_id()),
        account_id=account_id,
        purpose="top_up",
        method="card",
        amount_fen=5_000,
        state="paid",
        created_at=wall_now(),
    )
    write(
        AttemptRow,
        attempt_id=(attempt_id := new_id()),
        payment_id=payment_id,
        key=str(payment_id),
        amount_fen=5_000,
        state="succeeded",
        channel="card",
    )
    write(
        DisputeRow,
        dispute_id=dispute_id,
        gateway_dispute_id=f"dp_{dispute_id.hex}",
        attempt_id=attempt_id,
        payment_id=payment_id,
        account_id=account_id,
        amount_fen=5_000,
        reason="fraudulent",
        state=state,
        is_inquiry=False,
        is_refundable=False,
        open_fen=open_fen,
        opened_at=wall_now(),
        heard_at=wall_now(),
        ended_at=None if state == "needs_response" else wall_now(),
    )
    return dispute_id
