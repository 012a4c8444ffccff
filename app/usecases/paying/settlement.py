"""What it means that a checkout is paid: its orders wait for their shops. Shared by every way to pay."""

from app.core.events import OrderPaid, PaymentSettled
from app.core.ledger import Journal, JournalKind, Leg, codes
from app.core.orders.models import Fulfillment
from app.core.orders.repository import Checkout
from app.core.orders.scheduled import accept_window
from app.core.orders.states import OrderState
from app.kernel.timers import Timer
from app.kernel.transaction import Transaction

ORDER_LAPSES = "order_lapses"
"""Timer: the shop has not accepted in time."""

CONFIRMED_BY_PAYMENT = frozenset({Fulfillment.VOUCHER, Fulfillment.APPOINTMENT})
"""What nobody has to accept: the shop has said beforehand that it will."""

PAID_WRITES = """
paid_payment AS (
    UPDATE payments SET state = 'paid', method = :method, paid_at = business_now()
    WHERE payment_id = :payment_id AND state = 'pending'
    RETURNING payment_id
),
paid_checkout AS (
    UPDATE checkouts SET state = 'paid' WHERE checkout_id = :checkout_id AND state = 'placed' RETURNING checkout_id
),
moved AS (
    UPDATE orders SET state = 'awaiting_accept', paid_at = business_now(), payment_method = :method,
        was_auto_accept = (SELECT s.is_auto_accept FROM shops AS s WHERE s.shop_id = orders.shop_id),
        promised_from_at = coalesce(slot_starts_at, business_now() + promise_from_s * interval '1 second'),
        promised_at = coalesce(slot_ends_at, business_now() + promise_by_s * interval '1 second'),
        expected_from_at = coalesce(slot_starts_at, business_now() + promise_from_s * interval '1 second'),
        expected_by_at = coalesce(slot_ends_at, business_now() + promise_by_s * interval '1 second')
    WHERE checkout_id = :checkout_id AND state = 'awaiting_payment'
    RETURNING order_id
)"""
PAID_IN_PARTS = PAID_WRITES.replace(
    "payment_method = :method,",
    """payment_method = :method, part_held_at = :part_held_at,
        outside_fen = CAST(CAST(:outside_shares AS jsonb) ->> CAST(order_id AS text) AS bigint),""",
)
"""The same for a mixed payment, with each order's share from outside."""
EXPECT_PAID = {
    "paid": """((SELECT count(*) FROM paid_payment), (SELECT count(*) FROM paid_checkout), (SELECT count(*) FROM moved))
        = (1, 1, :order_count)"""
}
"""The payment, its checkout and all of its orders are moved: what the locks promise."""


def payment_journal(checkout: Checkout, *, key: str, source: str) -> Journal:
    """Return the journal that funds the escrow of each order of ``checkout`` from the account ``source``."""
    legs = [Leg(source, -checkout.total_fen)]
    legs += [Leg(codes.escrow(order.order_id), order.total_fen) for order in checkout.orders]
    return Journal(key=key, kind=JournalKind.PAYMENT, legs=tuple(legs), ref=str(checkout.checkout_id))


def record_paid(tx: Transaction, checkout: Checkout) -> None:
    """Record that ``checkout`` is paid, and start the time that each shop has to accept."""
    tx.record(
        PaymentSettled(
            payment_id=checkout.payment_id,
            account_id=checkout.account_id,
            had_attempts=checkout.had_attempts,
        )
    )
    for order in checkout.orders:
        tx.record(
            OrderPaid(
                order_id=order.order_id,
                account_id=checkout.account_id,
                shop_id=order.shop_id,
                state=OrderState.AWAITING_ACCEPT,
                is_auto_accept=order.is_auto_accept and order.fulfillment not in CONFIRMED_BY_PAYMENT,
                fulfillment_code=order.fulfillment.value,
            )
        )
        if order.fulfillment not in CONFIRMED_BY_PAYMENT:
            tx.schedule(Timer(ORDER_LAPSES, order.order_id, accept_window(checkout.now, order.slot_starts_at)))
