"""Tables of carts, checkouts, orders and their lines. What an order says was frozen when it was placed."""

from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from app.core.orders.states import CheckoutState, OrderState
from app.kernel.columns import not_negative, one_of
from app.kernel.db import Base


class Fulfillment(StrEnum):
    """How an order reaches the resident (履约方式)."""

    DELIVERY = "delivery"
    STORE_PICKUP = "store_pickup"
    SHOP_PICKUP = "shop_pickup"
    VOUCHER = "voucher"
    APPOINTMENT = "appointment"


IN_A_CART = (Fulfillment.DELIVERY, Fulfillment.STORE_PICKUP, Fulfillment.SHOP_PICKUP)
"""How goods and dishes reach the resident."""


class CancelReason(StrEnum):
    """Why an order ended before its time."""

    UNPAID = "unpaid"
    BY_RESIDENT = "by_resident"
    NOT_ACCEPTED_IN_TIME = "not_accepted_in_time"
    NO_COURIER = "no_courier"
    NOT_COLLECTED = "not_collected"
    OUT_OF_STOCK = "out_of_stock"
    TOO_BUSY = "too_busy"
    CLOSING = "closing"
    OTHER = "other"
    EXPIRED = "expired"
    NO_SHOW = "no_show"
    PROVIDER_CANCELED = "provider_canceled"


class CartLineRow(Base):
    """One SKU in a resident's cart (购物车), across shops."""

    __tablename__ = "cart_lines"
    __table_args__ = (CheckConstraint("quantity BETWEEN 1 AND 999", name="quantity_range"),)

    account_id: Mapped[UUID] = mapped_column(ForeignKey("accounts.account_id"), primary_key=True)
    sku_id: Mapped[UUID] = mapped_column(ForeignKey("skus.sku_id"), primary_key=True, index=True)
    quantity: Mapped[int]
    note: Mapped[str] = mapped_column(server_default="")
    added_at: Mapped[datetime] = mapped_column(server_default=text("clock_timestamp()"))


class KeptQuoteRow(Base):
    """What a resident was told a cart costs: the last few, for telling what changed since."""

    __tablename__ = "kept_quotes"

    account_id: Mapped[UUID] = mapped_column(ForeignKey("accounts.account_id"), primary_key=True)
    quote_version: Mapped[str] = mapped_column(primary_key=True)
    agreed: Mapped[dict[str, Any]] = mapped_column(JSONB)
    quoted_at: Mapped[datetime]


class DeliverySurchargeRow(Base):
    """What a way costs beyond its distance in a community. Rows are only added; the newest counts."""

    __tablename__ = "delivery_surcharges"
    __table_args__ = (*not_negative("night_fen", "weather_fen", "floor_fen"),)

    community_id: Mapped[UUID] = mapped_column(ForeignKey("communities.community_id"), primary_key=True)
    set_at: Mapped[datetime] = mapped_column(primary_key=True)
    night_fen: Mapped[int]
    weather_fen: Mapped[int]
    floor_fen: Mapped[int]
    set_by_id: Mapped[UUID] = mapped_column(ForeignKey("accounts.account_id"), index=True)


class CheckoutRow(Base):
    """A checkout (结算单): the orders of one cart, paid by one payment."""

    __tablename__ = "checkouts"
    __table_args__ = (
        one_of("state", CheckoutState),
        *not_negative("total_fen"),
        Index("ix_checkouts_mine", "account_id", text("checkout_id DESC")),
        {"postgresql_with": {"fillfactor": 80}},
    )

    checkout_id: Mapped[UUID] = mapped_column(primary_key=True)
    account_id: Mapped[UUID] = mapped_column(ForeignKey("accounts.account_id"))
    state: Mapped[str]
    total_fen: Mapped[int]
    placed_at: Mapped[datetime]
    expires_at: Mapped[datetime]


class OrderRow(Base):
    """An order (订单) at one shop. ``total = goods + packing + delivery - discount``; refunds never exceed it.

    ``trip_saving_fen`` was taken off ``delivery_fen`` because another order of the checkout with the same
    ``shared_trip_id`` is to come on the same trip.

    ``left_fen`` is what its lines still hold (without delivery), ``commission_fen`` the commission on that: both change
    only when lines are shorted, so that an ending needs this row alone, as does ``promotion_fen``: what the platform
    adds for what is left. ``platform_off_fen`` is the part of the discount that the platform bears, by a coupon of
    ``campaign_id``. The row is also the lock of the order's lines,
    trip and delivery. ``usual_s``, ``promise_from_s`` and ``promise_by_s`` are the promise, in seconds from the
    payment, frozen at the placement; ``expected_…_at`` is how it looks now. No index holds a column that a move
    changes, so every move is a HOT update. Of a mixed payment ``outside_fen`` came from outside, the rest from the
    e-account, where it was counted at ``part_held_at``. Shop, merchant, community and store are named without foreign
    keys, which would lock the same few rows every time (decision 23).
    """

    __tablename__ = "orders"
    __table_args__ = (
        one_of("state", OrderState),
        one_of("fulfillment", Fulfillment),
        one_of("cancel_reason", CancelReason),
        *not_negative(
            "goods_fen",
            "packing_fen",
            "delivery_fen",
            "night_fen",
            "weather_fen",
            "floors_fen",
            "trip_saving_fen",
            "discount_fen",
            "refunded_fen",
            "left_fen",
            "commission_fen",
        ),
        CheckConstraint(
            "night_fen + weather_fen + floors_fen <= delivery_fen + trip_saving_fen", name="surcharges_within_delivery"
        ),
        CheckConstraint("platform_off_fen BETWEEN 0 AND discount_fen", name="platform_off_within_discount"),
        CheckConstraint("promotion_fen BETWEEN 0 AND platform_off_fen", name="promotion_within_off"),
        CheckConstraint("total_fen = goods_fen + packing_fen + delivery_fen - discount_fen", name="adds_up"),
        CheckConstraint("refunded_fen <= total_fen", name="refunded_within_total"),
        CheckConstraint("outside_fen BETWEEN 0 AND total_fen", name="outside_within_total"),
        Index("ix_orders_mine", "account_id", text("order_id DESC")),
        Index("ix_orders_shop", "shop_id", text("order_id DESC")),
        Index("ix_orders_placed", "placed_at"),
        Index("ix_orders_store_shelf", "store_id", text("order_id DESC")),
        {"postgresql_with": {"fillfactor": 70}},
    )

    order_id: Mapped[UUID] = mapped_column(primary_key=True)
    number: Mapped[str]
    checkout_id: Mapped[UUID] = mapped_column(ForeignKey("checkouts.checkout_id"), index=True)
    account_id: Mapped[UUID] = mapped_column(ForeignKey("accounts.account_id"))
    shop_id: Mapped[UUID]
    merchant_id: Mapped[UUID] = mapped_column(index=True)
    community_id: Mapped[UUID] = mapped_column(index=True)
    store_id: Mapped[UUID]
    state: Mapped[str]
    fulfillment: Mapped[str]
    is_perishable: Mapped[bool]
    goods_fen: Mapped[int]
    packing_fen: Mapped[int]
    delivery_fen: Mapped[int]
    night_fen: Mapped[int] = mapped_column(server_default="0")
    weather_fen: Mapped[int] = mapped_column(server_default="0")
    floors_fen: Mapped[int] = mapped_column(server_default="0")
    trip_saving_fen: Mapped[int] = mapped_column(server_default="0")
    shared_trip_id: Mapped[UUID | None]
    discount_fen: Mapped[int]
    platform_off_fen: Mapped[int] = mapped_column(server_default="0")
    promotion_fen: Mapped[int] = mapped_column(server_default="0")
    campaign_id: Mapped[UUID | None]
    total_fen: Mapped[int]
    refunded_fen: Mapped[int] = mapped_column(server_default="0")
    left_fen: Mapped[int]
    commission_fen: Mapped[int]
    payment_id: Mapped[UUID] = mapped_column(ForeignKey("payments.payment_id"), index=True)
    payment_method: Mapped[str | None]
    outside_fen: Mapped[int | None]
    part_held_at: Mapped[datetime | None]
    note: Mapped[str] = mapped_column(server_default="")
    cutlery_count: Mapped[int | None]
    invoice_sealed: Mapped[str | None]
    gift_sealed: Mapped[str | None]
    address_sealed: Mapped[str | None]
    address_lat: Mapped[float | None]
    address_lng: Mapped[float | None]
    walk_up_floors: Mapped[int] = mapped_column(server_default="0")
    preparation_minutes: Mapped[int]
    slot_starts_at: Mapped[datetime | None]
    slot_ends_at: Mapped[datetime | None]
    placed_at: Mapped[datetime]
    paid_at: Mapped[datetime | None]
    was_auto_accept: Mapped[bool | None]
    accepted_at: Mapped[datetime | None]
    expected_ready_at: Mapped[datetime | None]
    usual_s: Mapped[int | None]
    promise_from_s: Mapped[int | None]
    promise_by_s: Mapped[int | None]
    promised_from_at: Mapped[datetime | None]
    promised_at: Mapped[datetime | None]
    expected_from_at: Mapped[datetime | None]
    expected_by_at: Mapped[datetime | None]
    ready_at: Mapped[datetime | None]
    picked_up_at: Mapped[datetime | None]
    delivered_at: Mapped[datetime | None]
    ended_at: Mapped[datetime | None]
    cancel_requested_at: Mapped[datetime | None]
    shorted_at: Mapped[datetime | None]
    cancel_reason: Mapped[str | None]
    code_tries_left: Mapped[int] = mapped_column(server_default="5")


class OrderLineRow(Base):
    """A frozen copy of what was bought, with its share of every discount and its commission rate."""

    __tablename__ = "order_lines"
    __table_args__ = (
        CheckConstraint("quantity BETWEEN 1 AND 999", name="quantity_range"),
        CheckConstraint("goods_fen = unit_price_fen * quantity", name="goods_add_up"),
        CheckConstraint("commission_bp BETWEEN 0 AND 10000", name="commission_bp_range"),
        CheckConstraint("refundable_fen <= goods_fen + packing_fen - discount_fen", name="refundable_within_paid"),
        CheckConstraint("platform_off_fen BETWEEN 0 AND discount_fen", name="platform_off_within_discount"),
        *not_negative("packing_fen", "discount_fen", "refundable_fen"),
    )

    order_id: Mapped[UUID] = mapped_column(ForeignKey("orders.order_id"), primary_key=True)
    line: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    sku_id: Mapped[UUID]
    name: Mapped[str]
    option: Mapped[str]
    unit_price_fen: Mapped[int]
    quantity: Mapped[int]
    goods_fen: Mapped[int]
    packing_fen: Mapped[int]
    discount_fen: Mapped[int]
    platform_off_fen: Mapped[int] = mapped_column(server_default="0")
    commission_bp: Mapped[int]
    commission_rule: Mapped[str]
    commission_least_fen: Mapped[int] = mapped_column(server_default="0")
    commission_cap_fen: Mapped[int | None]
    refundable_fen: Mapped[int]
    is_counted: Mapped[bool]
    note: Mapped[str] = mapped_column(server_default="")
    is_return_excluded: Mapped[bool] = mapped_column(server_default=text("false"))
    shorted_at: Mapped[datetime | None]
