"""Rows of orders: how they are locked, and the fragments of writes that use cases join into one closing statement.

An opening statement reads only from rows that it locks, or that never change: a row that is merely joined would be
seen as it was before a wait for the lock. The order row is the lock of its lines, its trip and its delivery.
"""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import text

from app.core.orders.errors import CheckoutNotFound, OrderNotFound
from app.core.orders.models import Fulfillment
from app.core.orders.states import CheckoutState, OrderAction, OrderState
from app.kernel.machines import IllegalTransition
from app.kernel.transaction import Opening, Transaction, crowded, opening
from app.kernel.wire import Row

_ORDER = """
    o.order_id, o.number, o.checkout_id, o.account_id, o.shop_id, o.merchant_id, o.community_id, o.store_id,
    o.state, o.fulfillment, o.is_perishable, o.delivery_fen, o.promotion_fen, o.total_fen, o.refunded_fen,
    o.left_fen, o.commission_fen, o.payment_id, o.payment_method, o.outside_fen, o.part_held_at, o.paid_at,
    o.preparation_minutes, o.address_lat, o.address_lng, o.accepted_at, o.ready_at, o.cancel_requested_at, o.shorted_at,
    o.code_tries_left, o.slot_starts_at, business_now() AS now
"""
ORDER_COLUMNS = _ORDER
"""What :func:`order_of` needs, of ``orders AS o``; for openings that lock more than the order."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """A locked order as a use case decides about it."""

    order_id: UUID
    number: str
    checkout_id: UUID
    account_id: UUID
    shop_id: UUID
    merchant_id: UUID
    community_id: UUID
    store_id: UUID
    state: OrderState
    fulfillment: Fulfillment
    is_perishable: bool
    delivery_fen: int
    promotion_fen: int
    total_fen: int
    refunded_fen: int
    left_fen: int
    commission_fen: int
    payment_id: UUID
    payment_method: str | None
    outside_fen: int | None
    part_held_at: datetime | None
    paid_at: datetime | None
    preparation_minutes: int
    address_lat: float | None
    address_lng: float | None
    accepted_at: datetime | None
    ready_at: datetime | None
    cancel_requested_at: datetime | None
    shorted_at: datetime | None
    code_tries_left: int
    slot_starts_at: datetime | None
    now: datetime

    @property
    def is_delivered(self) -> bool:
        """True when a courier carries it."""
        return self.fulfillment is Fulfillment.DELIVERY

    @property
    def goods_unrefunded_fen(self) -> int:
        """What was paid for goods and not given back, whoever gave it: the most that any further refund may be."""
        return max(0, self.total_fen - self.delivery_fen - self.refunded_fen)

    def refuse_own_machine(self, action: OrderAction) -> None:
        """Refuse what is done to goods where vouchers or an appointment move the order by machines of their own.

        :raises IllegalTransition: it is such an order.
        """
        if self.fulfillment in {Fulfillment.VOUCHER, Fulfillment.APPOINTMENT}:
            raise IllegalTransition(action=action.value, state=self.state.value)


_ORDER_FIELDS = tuple(Order.__dataclass_fields__)


def order_of(row: Row) -> Order:
    """Return the order in a row that holds at least its columns."""
    values = {name: getattr(row, name) for name in _ORDER_FIELDS}
    values["state"] = OrderState(values["state"])
    values["fulfillment"] = Fulfillment(values["fulfillment"])
    return Order(**values)


LOCK_OWN = opening(
    f"SELECT {_ORDER} FROM orders AS o WHERE o.order_id = :order_id AND o.account_id = :account_id FOR UPDATE OF o"
)
_FOR_SHOP = f"""
    SELECT {_ORDER}, s.lat AS shop_lat, s.lng AS shop_lng{{more}} FROM orders AS o
    JOIN shops AS s ON s.shop_id = o.shop_id
    JOIN memberships AS m ON m.organization_id = o.merchant_id AND m.organization_kind = 'merchant'
        AND m.role = ANY (CAST(:roles AS text[]))
    WHERE o.order_id = :order_id AND m.account_id = :account_id
    FOR UPDATE OF o
"""
LOCK_FOR_SHOP = opening(_FOR_SHOP.format(more=""))
LOCK_FOR_STORE = opening(
    f"""
    SELECT {_ORDER} FROM orders AS o
    JOIN memberships AS m ON m.organization_id = o.store_id AND m.organization_kind = 'store'
        AND m.role = ANY (CAST(:roles AS text[]))
    WHERE o.order_id = :order_id AND m.account_id = :account_id AND o.fulfillment = 'store_pickup'
    FOR UPDATE OF o
    """
)
_BY_SYSTEM = f"""
    SELECT {_ORDER}, s.lat AS shop_lat, s.lng AS shop_lng{{more}} FROM orders AS o
    JOIN shops AS s ON s.shop_id = o.shop_id
    WHERE o.order_id = :order_id FOR UPDATE OF o
"""
LOCK_BY_SYSTEM = opening(_BY_SYSTEM.format(more=""))
TARIFF = """(
        SELECT json_build_object('base_fen', f.base_fen, 'drop_fen', f.drop_fen, 'step_fen', f.step_fen,
            'floor_fen', f.floor_fen, 'night_fen', f.night_fen, 'weather_fen', f.weather_fen,
            'is_bad_weather', coalesce(f.bad_weather_until > business_now(), false))
        FROM courier_tariffs AS f WHERE f.community_id = o.community_id ORDER BY f.set_at DESC LIMIT 1)"""
"""The newest tariff of an order's community, null for the usual one."""
_TO_ACCEPT = f""", o.walk_up_floors, s.license_expires_on,
        coalesce(o.was_auto_accept, s.is_auto_accept) AS is_auto_accept,
        o.shared_trip_id IS NOT NULL AND EXISTS (SELECT 1 FROM orders AS p WHERE p.checkout_id = o.checkout_id
            AND p.order_id <> o.order_id AND p.shared_trip_id = o.shared_trip_id AND p.state = 'awaiting_accept')
            AS waits_for_other,
        (SELECT coalesce(sum(l.quantity * k.weight_g), 0)::bigint FROM order_lines AS l
         JOIN skus AS k ON k.sku_id = l.sku_id WHERE l.order_id = o.order_id) AS weight_g,
        (SELECT coalesce(bool_or(k.is_cold), false) FROM order_lines AS l
         JOIN skus AS k ON k.sku_id = l.sku_id WHERE l.order_id = o.order_id) AS is_cold, {TARIFF} AS tariff"""
LOCK_TO_ACCEPT_FOR_SHOP = opening(_FOR_SHOP.format(more=_TO_ACCEPT))
LOCK_TO_ACCEPT_BY_SYSTEM = opening(_BY_SYSTEM.format(more=_TO_ACCEPT))
"""With what its trip will weigh and pay by: the newest tariff of the community, null for the usual one."""
_LOCK_CHECKOUT = """
    SELECT c.checkout_id, c.account_id, c.state AS checkout_state, c.total_fen AS checkout_fen,
           p.payment_id AS payment_id_of_checkout, p.method IS NOT NULL AS had_attempts,
           {session} AS is_in_standing,
           a.verification_level, {grant} AS grant_factor,
           {is_new_device} AS is_new_device,
           o.order_id, o.state, o.shop_id, o.store_id, o.total_fen, o.fulfillment, s.is_auto_accept, o.slot_starts_at,
           business_now() AS now
    FROM checkouts AS c
    JOIN orders AS o ON o.checkout_id = c.checkout_id
    JOIN shops AS s ON s.shop_id = o.shop_id
    JOIN payments AS p ON p.checkout_id = c.checkout_id
    JOIN accounts AS a ON a.account_id = c.account_id
    {grants}
    WHERE c.checkout_id = :checkout_id AND {whose}
    ORDER BY o.order_id
    FOR UPDATE OF c, o
"""
# The payment is not locked here: rows are locked one result row at a time, so it would be held while the second order
# is still waited for, by whom ends that order and then wants the payment. What is read of it decides nothing.
IN_STANDING = """
    EXISTS (SELECT 1 FROM sessions AS e JOIN accounts AS y ON y.account_id = e.account_id
            WHERE e.session_id = :session_id AND e.ended_at IS NULL AND y.state = 'active')
"""
"""Whether the asker's session lives and the account is in order, for openings that read it along."""
_GRANTS = """
    LEFT JOIN step_up_grants AS g ON g.grant_id = :grant_id AND g.session_id = :session_id
        AND g.purpose = 'pay_checkout' AND g.subject_id = c.checkout_id
        AND g.amount_fen_max >= coalesce(CAST(:account_part_fen AS bigint), c.total_fen)
        AND g.used_at IS NULL AND g.expires_at > clock_timestamp()
"""
_NO_GRANT = {"grant": "CAST(NULL AS text)", "grants": "", "is_new_device": "false"}
LOCK_OWN_CHECKOUT = opening(_LOCK_CHECKOUT.format(whose="c.account_id = :account_id", session=IN_STANDING, **_NO_GRANT))
LOCK_TO_PAY = crowded(
    opening(
        _LOCK_CHECKOUT.format(
            whose="c.account_id = :account_id",
            session=IN_STANDING,
            grant="g.factor",
            grants=_GRANTS,
            is_new_device="coalesce(g.is_new_device, false)",
        )
    )
)
"""With the step-up grant ``:grant_id``, if it is good for all of it, or for ``:account_part_fen``.

It is not locked: whoever uses it up asks once more.
"""
LOCK_CHECKOUT = opening(_LOCK_CHECKOUT.format(whose="true", session="true", **_NO_GRANT))


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckoutOrder:
    """One order of a locked checkout."""

    order_id: UUID
    shop_id: UUID
    store_id: UUID
    state: OrderState
    total_fen: int
    is_auto_accept: bool
    fulfillment: Fulfillment
    slot_starts_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkout:
    """A locked checkout with its orders.

    :ivar had_attempts: a code to scan was asked for before; a hint, from before a wait for the lock.
    :ivar verification_level: the resident's; it only rises, so that an old one is never too high.
    :ivar grant_factor: what bought the step-up grant, where one was named that is good for paying this.
    :ivar is_new_device: whether it was bought on a device in its first 24 hours.
    """

    checkout_id: UUID
    account_id: UUID
    state: CheckoutState
    total_fen: int
    payment_id: UUID
    had_attempts: bool
    is_in_standing: bool
    verification_level: int
    grant_factor: str | None
    is_new_device: bool
    now: datetime
    orders: tuple[CheckoutOrder, ...]


def lock_checkout(tx: Transaction, statement: Opening, params: dict[str, object]) -> Checkout:
    """Lock a checkout and its orders.

    :raises CheckoutNotFound: there is none, or not for this asker.
    """
    rows = tx.open(statement, params)
    if not rows:
        raise CheckoutNotFound
    first = rows[0]
    return Checkout(
        checkout_id=first.checkout_id,
        account_id=first.account_id,
        state=CheckoutState(first.checkout_state),
        total_fen=first.checkout_fen,
        payment_id=first.payment_id_of_checkout,
        had_attempts=first.had_attempts,
        is_in_standing=first.is_in_standing,
        verification_level=first.verification_level,
        grant_factor=first.grant_factor,
        is_new_device=first.is_new_device,
        now=first.now,
        orders=tuple(
            CheckoutOrder(
                order_id=row.order_id,
                shop_id=row.shop_id,
                store_id=row.store_id,
                state=OrderState(row.state),
                total_fen=row.total_fen,
                is_auto_accept=row.is_auto_accept,
                fulfillment=Fulfillment(row.fulfillment),
                slot_starts_at=row.slot_starts_at,
            )
            for row in rows
        ),
    )


def lock_order(tx: Transaction, statement: Opening, params: dict[str, object]) -> Order:
    """Lock one order.

    :raises OrderNotFound: there is none, or not for this asker.
    """
    row = tx.open_one(statement, params)
    if row is None:
        raise OrderNotFound
    return order_of(row)


def move(*sets: str) -> str:
    """Return the write that moves one locked order, with further columns set by ``"column = expression"``."""
    columns = "".join(f", {one}" for one in sets)
    return f"""
moved AS (
    UPDATE orders SET state = :to_state{columns}
    WHERE order_id = :order_id AND state = :from_state
    RETURNING order_id
)"""


EXPECT_MOVED = {"moved": "(SELECT count(*) FROM moved) = 1"}
"""The compare-and-set of :func:`move`, held to what the lock promises."""


_COUNTED = """
    SELECT sku_id, sum(quantity) AS quantity FROM order_lines
    WHERE order_id = ANY(:stock_order_ids) AND is_counted AND shorted_at IS NULL{after} GROUP BY sku_id
"""
_SLOTS_FREED = """
locked_slots AS (
    SELECT c.shop_id, c.starts_at FROM slot_counters AS c
    JOIN orders AS o ON o.shop_id = c.shop_id AND o.slot_starts_at = c.starts_at
    WHERE o.order_id = ANY(:stock_order_ids)
        AND o.slot_starts_at - o.preparation_minutes * interval '1 minute' > business_now()
    ORDER BY c.shop_id, c.starts_at FOR UPDATE OF c
),
freed AS (
    UPDATE slot_counters AS c SET taken = c.taken - 1 FROM locked_slots AS k
    WHERE c.shop_id = k.shop_id AND c.starts_at = k.starts_at RETURNING c.shop_id
),"""
"""Places in slots of the orders ``:stock_order_ids`` are given back, before work begins; and before stock is locked."""


def _stock(sets: str, *, first: str = "", after: str = "") -> str:
    return f"""{first}
counted AS ({_COUNTED.format(after=after)}),
locked_stock AS (
    SELECT s.sku_id FROM stock AS s JOIN counted AS n ON n.sku_id = s.sku_id ORDER BY s.sku_id FOR UPDATE OF s
),
restocked AS (
    UPDATE stock AS s SET {sets}
    FROM counted AS n JOIN locked_stock AS k ON k.sku_id = n.sku_id WHERE s.sku_id = n.sku_id
    RETURNING s.sku_id
)"""


STOCK_RELEASED = _stock(
    "on_hand = s.on_hand + n.quantity, reserved = s.reserved - n.quantity",
    first=_SLOTS_FREED,
    after=" AND (SELECT count(*) FROM freed) >= 0",
)
"""Reserved pieces of the orders ``:stock_order_ids`` go back on the shelf, places in slots to who comes next."""
STOCK_SOLD = _stock("sold = s.sold + n.quantity, reserved = s.reserved - n.quantity")
"""Reserved pieces of the orders ``:stock_order_ids`` are sold."""

STOCK_MOVED = """
moves AS (
    SELECT sku_id, sum(on_hand) AS on_hand, sum(reserved) AS reserved, sum(received) AS received
    FROM jsonb_to_recordset(CAST(:stock AS jsonb)) AS s (sku_id uuid, on_hand bigint, reserved bigint, received bigint)
    GROUP BY sku_id
),
locked_stock AS (
    SELECT n.sku_id FROM stock AS n JOIN moves AS m ON m.sku_id = n.sku_id ORDER BY n.sku_id FOR UPDATE OF n
),
stocked AS (
    UPDATE stock AS n SET on_hand = n.on_hand + m.on_hand, reserved = n.reserved + m.reserved,
        received = n.received + m.received
    FROM moves AS m JOIN locked_stock AS k ON k.sku_id = m.sku_id
    WHERE n.sku_id = m.sku_id AND n.on_hand + m.on_hand >= 0 RETURNING n.sku_id
)"""
"""What ``:stock`` says happens to shelves: ``[{sku_id, on_hand, reserved, received}, …]``; none goes below zero."""

LINES = text(
    """
    SELECT line, sku_id, name, quantity, refundable_fen, goods_fen + packing_fen - discount_fen AS paid_fen,
        platform_off_fen, commission_bp, commission_rule, commission_least_fen,
        commission_cap_fen, is_counted, shorted_at
    FROM order_lines WHERE order_id = :order_id ORDER BY line
    """
)
