"""The first tables."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


BUSINESS_NOW = """
CREATE FUNCTION business_now() RETURNS timestamptz
LANGUAGE sql STABLE PARALLEL SAFE
AS $$ SELECT coalesce(fixed_at, now() + ahead) FROM public.business_clock $$
"""


def upgrade() -> None:
    op.create_table(
        "accounts",
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("phone_sealed", sa.Text(), nullable=False),
        sa.Column("phone_index", sa.LargeBinary(), nullable=False),
        sa.Column("name_sealed", sa.Text(), nullable=True),
        sa.Column("state", sa.Text(), server_default="active", nullable=False),
        sa.Column(
            "created_at", sa.DateTime(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False
        ),
        sa.CheckConstraint("state IN ('active', 'suspended')", name=op.f("ck_accounts_state")),
        sa.PrimaryKeyConstraint("account_id", name=op.f("pk_accounts")),
        sa.UniqueConstraint("phone_index", name=op.f("uq_accounts_phone_index")),
    )
    op.create_table(
        "business_clock",
        sa.Column("is_only", sa.Boolean(), server_default=sa.text("true"), nullable=False),
        sa.Column("fixed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("ahead", sa.Interval(), server_default=sa.text("interval '0'"), nullable=False),
        sa.CheckConstraint("is_only", name=op.f("ck_business_clock_one_row")),
        sa.PrimaryKeyConstraint("is_only", name=op.f("pk_business_clock")),
    )
    op.create_table(
        "gateway_events",
        sa.Column("gateway_event_id", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("object_id", sa.Text(), nullable=False),
        sa.Column("body", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column(
            "received_at", sa.DateTime(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False
        ),
        sa.Column("applied_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("gateway_event_id", name=op.f("pk_gateway_events")),
    )
    op.create_index(op.f("ix_gateway_events_object_id"), "gateway_events", ["object_id"], unique=False)
    op.create_table(
        "idempotency_keys",
        sa.Column("principal_id", sa.Uuid(), nullable=False),
        sa.Column("operation", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("request_hash", sa.LargeBinary(), nullable=False),
        sa.Column("result", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column(
            "claimed_at", sa.DateTime(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False
        ),
        sa.PrimaryKeyConstraint("principal_id", "operation", "key", name=op.f("pk_idempotency_keys")),
        postgresql_with={"fillfactor": 60},
    )
    op.create_table(
        "live_events",
        sa.Column("position", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("event_id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("topics", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("body", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column(
            "published_at", sa.DateTime(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False
        ),
        sa.PrimaryKeyConstraint("position", name=op.f("pk_live_events")),
    )
    op.create_table(
        "live_tickets",
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.Column("topics", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("used_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("digest", name=op.f("pk_live_tickets")),
    )
    op.create_table(
        "merchants",
        sa.Column("merchant_id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column(
            "created_at", sa.DateTime(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False
        ),
        sa.PrimaryKeyConstraint("merchant_id", name=op.f("pk_merchants")),
    )
    op.create_table(
        "outbox",
        sa.Column("seq", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("event_id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("body", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("relayed_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("seq", name=op.f("pk_outbox")),
        sa.UniqueConstraint("event_id", name=op.f("uq_outbox_event_id")),
    )
    op.create_index(
        "ix_outbox_waiting", "outbox", ["seq"], unique=False, postgresql_where=sa.text("relayed_at IS NULL")
    )
    op.create_table(
        "receipts",
        sa.Column("event_id", sa.Uuid(), nullable=False),
        sa.Column("reaction", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), server_default="waiting", nullable=False),
        sa.Column("attempts", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("next_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("last_error", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("event_id", "reaction", name=op.f("pk_receipts")),
    )
    op.create_index(
        "ix_receipts_waiting", "receipts", ["next_at"], unique=False, postgresql_where=sa.text("state = 'waiting'")
    )
    op.create_table(
        "sandbox_messages",
        sa.Column("message_id", sa.Uuid(), nullable=False),
        sa.Column("phone_index", sa.LargeBinary(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("sent_at", sa.DateTime(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False),
        sa.PrimaryKeyConstraint("message_id", name=op.f("pk_sandbox_messages")),
    )
    op.create_index(op.f("ix_sandbox_messages_phone_index"), "sandbox_messages", ["phone_index"], unique=False)
    op.create_table(
        "sign_in_codes",
        sa.Column("code_id", sa.Uuid(), nullable=False),
        sa.Column("phone_index", sa.LargeBinary(), nullable=False),
        sa.Column("device", sa.Text(), nullable=False),
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.Column("tries_left", sa.BigInteger(), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("consumed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column(
            "created_at", sa.DateTime(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False
        ),
        sa.PrimaryKeyConstraint("code_id", name=op.f("pk_sign_in_codes")),
    )
    op.create_index(
        op.f("ix_sign_in_codes_phone_index_created_at"), "sign_in_codes", ["phone_index", "created_at"], unique=False
    )
    op.create_table(
        "stores",
        sa.Column("store_id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("district", sa.Text(), nullable=False),
        sa.Column("lat", sa.Double(), nullable=False),
        sa.Column("lng", sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint("store_id", name=op.f("pk_stores")),
    )
    op.create_table(
        "timers",
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("subject_id", sa.Uuid(), nullable=False),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("attempts", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("parked_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("last_error", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("kind", "subject_id", name=op.f("pk_timers")),
    )
    op.create_index("ix_timers_due", "timers", ["due_at"], unique=False, postgresql_where=sa.text("parked_at IS NULL"))
    op.create_table(
        "checkouts",
        sa.Column("checkout_id", sa.Uuid(), nullable=False),
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("total_fen", sa.BigInteger(), nullable=False),
        sa.Column("placed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint(
            "state IN ('open', 'placed', 'paid', 'canceled', 'expired')", name=op.f("ck_checkouts_state")
        ),
        sa.CheckConstraint("total_fen >= 0", name=op.f("ck_checkouts_total_fen_not_negative")),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.account_id"], name=op.f("fk_checkouts_account_id")),
        sa.PrimaryKeyConstraint("checkout_id", name=op.f("pk_checkouts")),
        postgresql_with={"fillfactor": 80},
    )
    op.create_index(
        "ix_checkouts_mine", "checkouts", ["account_id", sa.literal_column("checkout_id DESC")], unique=False
    )
    op.create_table(
        "communities",
        sa.Column("community_id", sa.Uuid(), nullable=False),
        sa.Column("store_id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("district", sa.Text(), nullable=False),
        sa.Column("street", sa.Text(), nullable=False),
        sa.Column("lat", sa.Double(), nullable=False),
        sa.Column("lng", sa.Double(), nullable=False),
        sa.ForeignKeyConstraint(["store_id"], ["stores.store_id"], name=op.f("fk_communities_store_id")),
        sa.PrimaryKeyConstraint("community_id", name=op.f("pk_communities")),
    )
    op.create_index(op.f("ix_communities_store_id"), "communities", ["store_id"], unique=False)
    op.create_table(
        "memberships",
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("organization_kind", sa.Text(), nullable=False),
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("role", sa.Text(), nullable=False),
        sa.Column(
            "created_at", sa.DateTime(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False
        ),
        sa.CheckConstraint(
            "organization_kind IN ('merchant', 'store', 'platform')", name=op.f("ck_memberships_organization_kind")
        ),
        sa.CheckConstraint(
            "role IN ('owner', 'manager', 'clerk', 'agent', 'reviewer', 'finance', 'support', 'admin')",
            name=op.f("ck_memberships_role"),
        ),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.account_id"], name=op.f("fk_memberships_account_id")),
        sa.PrimaryKeyConstraint("account_id", "organization_kind", "organization_id", name=op.f("pk_memberships")),
    )
    op.create_index(op.f("ix_memberships_organization_id"), "memberships", ["organization_id"], unique=False)
    op.create_table(
        "sessions",
        sa.Column("session_id", sa.Uuid(), nullable=False),
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("side", sa.Text(), nullable=False),
        sa.Column("device", sa.Text(), nullable=False),
        sa.Column(
            "created_at", sa.DateTime(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False
        ),
        sa.Column(
            "last_used_at", sa.DateTime(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False
        ),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.account_id"], name=op.f("fk_sessions_account_id")),
        sa.PrimaryKeyConstraint("session_id", name=op.f("pk_sessions")),
    )
    op.create_index(op.f("ix_sessions_account_id"), "sessions", ["account_id"], unique=False)
    op.create_table(
        "addresses",
        sa.Column("address_id", sa.Uuid(), nullable=False),
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("community_id", sa.Uuid(), nullable=False),
        sa.Column("lat", sa.Double(), nullable=False),
        sa.Column("lng", sa.Double(), nullable=False),
        sa.Column("door_sealed", sa.Text(), nullable=False),
        sa.Column(
            "created_at", sa.DateTime(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False
        ),
        sa.Column("removed_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.account_id"], name=op.f("fk_addresses_account_id")),
        sa.ForeignKeyConstraint(["community_id"], ["communities.community_id"], name=op.f("fk_addresses_community_id")),
        sa.PrimaryKeyConstraint("address_id", name=op.f("pk_addresses")),
    )
    op.create_index(op.f("ix_addresses_account_id"), "addresses", ["account_id"], unique=False)
    op.create_index(op.f("ix_addresses_community_id"), "addresses", ["community_id"], unique=False)
    op.create_table(
        "couriers",
        sa.Column("courier_id", sa.Uuid(), nullable=False),
        sa.Column("community_id", sa.Uuid(), nullable=False),
        sa.Column("state", sa.Text(), server_default="active", nullable=False),
        sa.CheckConstraint("state IN ('active', 'suspended')", name=op.f("ck_couriers_state")),
        sa.ForeignKeyConstraint(["community_id"], ["communities.community_id"], name=op.f("fk_couriers_community_id")),
        sa.ForeignKeyConstraint(["courier_id"], ["accounts.account_id"], name=op.f("fk_couriers_courier_id")),
        sa.PrimaryKeyConstraint("courier_id", name=op.f("pk_couriers")),
    )
    op.create_index(op.f("ix_couriers_community_id"), "couriers", ["community_id"], unique=False)
    op.create_table(
        "payments",
        sa.Column("payment_id", sa.Uuid(), nullable=False),
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("purpose", sa.Text(), nullable=False),
        sa.Column("checkout_id", sa.Uuid(), nullable=True),
        sa.Column("method", sa.Text(), nullable=True),
        sa.Column("amount_fen", sa.BigInteger(), nullable=False),
        sa.Column("refunded_fen", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("paid_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "(purpose = 'checkout') = (checkout_id IS NOT NULL)", name=op.f("ck_payments_checkout_named")
        ),
        sa.CheckConstraint("(state = 'paid') <= (method IS NOT NULL)", name=op.f("ck_payments_paid_by_something")),
        sa.CheckConstraint("method IN ('e_account', 'wechat_pay')", name=op.f("ck_payments_method")),
        sa.CheckConstraint("purpose IN ('checkout', 'top_up')", name=op.f("ck_payments_purpose")),
        sa.CheckConstraint("state IN ('pending', 'paid', 'closed')", name=op.f("ck_payments_state")),
        sa.CheckConstraint("amount_fen > 0", name=op.f("ck_payments_amount_fen_positive")),
        sa.CheckConstraint("refunded_fen BETWEEN 0 AND amount_fen", name=op.f("ck_payments_refunded_within_paid")),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.account_id"], name=op.f("fk_payments_account_id")),
        sa.ForeignKeyConstraint(["checkout_id"], ["checkouts.checkout_id"], name=op.f("fk_payments_checkout_id")),
        sa.PrimaryKeyConstraint("payment_id", name=op.f("pk_payments")),
        sa.UniqueConstraint("checkout_id", name=op.f("uq_payments_checkout_id")),
        postgresql_with={"fillfactor": 70},
    )
    op.create_index("ix_payments_mine", "payments", ["account_id", sa.literal_column("payment_id DESC")], unique=False)
    op.create_table(
        "refresh_tokens",
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.Column("session_id", sa.Uuid(), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("rotated_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["session_id"], ["sessions.session_id"], name=op.f("fk_refresh_tokens_session_id")),
        sa.PrimaryKeyConstraint("digest", name=op.f("pk_refresh_tokens")),
    )
    op.create_index(op.f("ix_refresh_tokens_session_id"), "refresh_tokens", ["session_id"], unique=False)
    op.create_table(
        "shops",
        sa.Column("shop_id", sa.Uuid(), nullable=False),
        sa.Column("merchant_id", sa.Uuid(), nullable=False),
        sa.Column("community_id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("vertical", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), server_default="open", nullable=False),
        sa.Column("lat", sa.Double(), nullable=False),
        sa.Column("lng", sa.Double(), nullable=False),
        sa.Column("radius_m", sa.BigInteger(), nullable=False),
        sa.Column("minimum_fen", sa.BigInteger(), nullable=False),
        sa.Column("packing_fen", sa.BigInteger(), nullable=False),
        sa.Column("preparation_minutes", sa.BigInteger(), nullable=False),
        sa.Column("is_auto_accept", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("commission_bp", sa.BigInteger(), nullable=False),
        sa.Column("hours", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("fee_tiers", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column(
            "discount_tiers", postgresql.JSONB(astext_type=sa.Text()), server_default=sa.text("'[]'"), nullable=False
        ),
        sa.Column("paused_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("license_number", sa.Text(), nullable=False),
        sa.Column("license_expires_on", sa.Date(), nullable=False),
        sa.Column("phone_sealed", sa.Text(), nullable=True),
        sa.Column(
            "created_at", sa.DateTime(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False
        ),
        sa.CheckConstraint(
            "state IN ('draft', 'submitted', 'open', 'resting', 'suspended', 'leaving')", name=op.f("ck_shops_state")
        ),
        sa.CheckConstraint("vertical IN ('retail', 'food', 'home_service', 'leisure')", name=op.f("ck_shops_vertical")),
        sa.CheckConstraint("commission_bp BETWEEN 0 AND 10000", name=op.f("ck_shops_commission_bp_range")),
        sa.CheckConstraint("minimum_fen >= 0", name=op.f("ck_shops_minimum_fen_not_negative")),
        sa.CheckConstraint("packing_fen >= 0", name=op.f("ck_shops_packing_fen_not_negative")),
        sa.CheckConstraint("preparation_minutes >= 0", name=op.f("ck_shops_preparation_minutes_not_negative")),
        sa.CheckConstraint("radius_m >= 0", name=op.f("ck_shops_radius_m_not_negative")),
        sa.ForeignKeyConstraint(["community_id"], ["communities.community_id"], name=op.f("fk_shops_community_id")),
        sa.ForeignKeyConstraint(["merchant_id"], ["merchants.merchant_id"], name=op.f("fk_shops_merchant_id")),
        sa.PrimaryKeyConstraint("shop_id", name=op.f("pk_shops")),
    )
    op.create_index(op.f("ix_shops_community_id"), "shops", ["community_id"], unique=False)
    op.create_index(op.f("ix_shops_merchant_id"), "shops", ["merchant_id"], unique=False)
    op.create_index(
        "ix_shops_place", "shops", [sa.literal_column("point(lng, lat)")], unique=False, postgresql_using="gist"
    )
    op.create_table(
        "courier_shifts",
        sa.Column("shift_id", sa.Uuid(), nullable=False),
        sa.Column("courier_id", sa.Uuid(), nullable=False),
        sa.Column("lat", sa.Double(), nullable=False),
        sa.Column("lng", sa.Double(), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("active_trips", sa.BigInteger(), server_default="0", nullable=False),
        sa.CheckConstraint("active_trips BETWEEN 0 AND 3", name=op.f("ck_courier_shifts_active_trips_range")),
        sa.ForeignKeyConstraint(["courier_id"], ["couriers.courier_id"], name=op.f("fk_courier_shifts_courier_id")),
        sa.PrimaryKeyConstraint("shift_id", name=op.f("pk_courier_shifts")),
        postgresql_with={"fillfactor": 70},
    )
    op.create_index(op.f("ix_courier_shifts_courier_id"), "courier_shifts", ["courier_id"], unique=False)
    op.create_index(
        "uq_courier_shifts_on",
        "courier_shifts",
        ["courier_id"],
        unique=True,
        postgresql_where=sa.text("ended_at IS NULL"),
    )
    op.create_table(
        "offers",
        sa.Column("offer_id", sa.Uuid(), nullable=False),
        sa.Column("shop_id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("category", sa.Text(), nullable=False),
        sa.Column("position", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("state", sa.Text(), server_default="on_sale", nullable=False),
        sa.Column(
            "created_at", sa.DateTime(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False
        ),
        sa.CheckConstraint("kind IN ('goods', 'dish', 'service', 'voucher')", name=op.f("ck_offers_kind")),
        sa.CheckConstraint("state IN ('on_sale', 'paused', 'removed')", name=op.f("ck_offers_state")),
        sa.ForeignKeyConstraint(["shop_id"], ["shops.shop_id"], name=op.f("fk_offers_shop_id")),
        sa.PrimaryKeyConstraint("offer_id", name=op.f("pk_offers")),
    )
    op.create_index("ix_offers_shelf", "offers", ["shop_id", "position", "offer_id"], unique=False)
    op.create_table(
        "orders",
        sa.Column("order_id", sa.Uuid(), nullable=False),
        sa.Column("number", sa.Text(), nullable=False),
        sa.Column("checkout_id", sa.Uuid(), nullable=False),
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("shop_id", sa.Uuid(), nullable=False),
        sa.Column("merchant_id", sa.Uuid(), nullable=False),
        sa.Column("community_id", sa.Uuid(), nullable=False),
        sa.Column("store_id", sa.Uuid(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("fulfillment", sa.Text(), nullable=False),
        sa.Column("is_perishable", sa.Boolean(), nullable=False),
        sa.Column("goods_fen", sa.BigInteger(), nullable=False),
        sa.Column("packing_fen", sa.BigInteger(), nullable=False),
        sa.Column("delivery_fen", sa.BigInteger(), nullable=False),
        sa.Column("discount_fen", sa.BigInteger(), nullable=False),
        sa.Column("total_fen", sa.BigInteger(), nullable=False),
        sa.Column("refunded_fen", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("left_fen", sa.BigInteger(), nullable=False),
        sa.Column("commission_fen", sa.BigInteger(), nullable=False),
        sa.Column("payment_id", sa.Uuid(), nullable=False),
        sa.Column("payment_method", sa.Text(), nullable=True),
        sa.Column("note", sa.Text(), server_default="", nullable=False),
        sa.Column("address_sealed", sa.Text(), nullable=True),
        sa.Column("address_lat", sa.Double(), nullable=True),
        sa.Column("address_lng", sa.Double(), nullable=True),
        sa.Column("preparation_minutes", sa.BigInteger(), nullable=False),
        sa.Column("placed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("paid_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("accepted_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("promised_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("ready_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("picked_up_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("delivered_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("cancel_requested_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("shorted_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("cancel_reason", sa.Text(), nullable=True),
        sa.Column("code_tries_left", sa.BigInteger(), server_default="5", nullable=False),
        sa.CheckConstraint(
            "cancel_reason IN ('unpaid', 'by_resident', 'not_accepted_in_time', 'no_courier', 'not_collected', 'out_of_stock', 'too_busy', 'closing', 'other')",
            name=op.f("ck_orders_cancel_reason"),
        ),
        sa.CheckConstraint("fulfillment IN ('delivery', 'store_pickup')", name=op.f("ck_orders_fulfillment")),
        sa.CheckConstraint(
            "state IN ('awaiting_payment', 'awaiting_accept', 'preparing', 'ready', 'in_delivery', 'delivered', 'delivery_failed', 'returned', 'completed', 'canceled')",
            name=op.f("ck_orders_state"),
        ),
        sa.CheckConstraint("commission_fen >= 0", name=op.f("ck_orders_commission_fen_not_negative")),
        sa.CheckConstraint("delivery_fen >= 0", name=op.f("ck_orders_delivery_fen_not_negative")),
        sa.CheckConstraint("discount_fen >= 0", name=op.f("ck_orders_discount_fen_not_negative")),
        sa.CheckConstraint("goods_fen >= 0", name=op.f("ck_orders_goods_fen_not_negative")),
        sa.CheckConstraint("left_fen >= 0", name=op.f("ck_orders_left_fen_not_negative")),
        sa.CheckConstraint("packing_fen >= 0", name=op.f("ck_orders_packing_fen_not_negative")),
        sa.CheckConstraint("refunded_fen <= total_fen", name=op.f("ck_orders_refunded_within_total")),
        sa.CheckConstraint("refunded_fen >= 0", name=op.f("ck_orders_refunded_fen_not_negative")),
        sa.CheckConstraint(
            "total_fen = goods_fen + packing_fen + delivery_fen - discount_fen", name=op.f("ck_orders_adds_up")
        ),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.account_id"], name=op.f("fk_orders_account_id")),
        sa.ForeignKeyConstraint(["checkout_id"], ["checkouts.checkout_id"], name=op.f("fk_orders_checkout_id")),
        sa.ForeignKeyConstraint(["community_id"], ["communities.community_id"], name=op.f("fk_orders_community_id")),
        sa.ForeignKeyConstraint(["merchant_id"], ["merchants.merchant_id"], name=op.f("fk_orders_merchant_id")),
        sa.ForeignKeyConstraint(["payment_id"], ["payments.payment_id"], name=op.f("fk_orders_payment_id")),
        sa.ForeignKeyConstraint(["shop_id"], ["shops.shop_id"], name=op.f("fk_orders_shop_id")),
        sa.ForeignKeyConstraint(["store_id"], ["stores.store_id"], name=op.f("fk_orders_store_id")),
        sa.PrimaryKeyConstraint("order_id", name=op.f("pk_orders")),
        postgresql_with={"fillfactor": 70},
    )
    op.create_index(op.f("ix_orders_checkout_id"), "orders", ["checkout_id"], unique=False)
    op.create_index(op.f("ix_orders_community_id"), "orders", ["community_id"], unique=False)
    op.create_index(op.f("ix_orders_merchant_id"), "orders", ["merchant_id"], unique=False)
    op.create_index("ix_orders_mine", "orders", ["account_id", sa.literal_column("order_id DESC")], unique=False)
    op.create_index(op.f("ix_orders_payment_id"), "orders", ["payment_id"], unique=False)
    op.create_index("ix_orders_shop", "orders", ["shop_id", sa.literal_column("order_id DESC")], unique=False)
    op.create_index("ix_orders_store_shelf", "orders", ["store_id", sa.literal_column("order_id DESC")], unique=False)
    op.create_table(
        "payment_attempts",
        sa.Column("attempt_id", sa.Uuid(), nullable=False),
        sa.Column("payment_id", sa.Uuid(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("amount_fen", sa.BigInteger(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("intent_id", sa.Text(), nullable=True),
        sa.Column("qr_text", sa.Text(), nullable=True),
        sa.Column(
            "created_at", sa.DateTime(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False
        ),
        sa.Column("asked_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "state IN ('requested', 'unknown', 'succeeded', 'failed', 'expired')",
            name=op.f("ck_payment_attempts_state"),
        ),
        sa.ForeignKeyConstraint(["payment_id"], ["payments.payment_id"], name=op.f("fk_payment_attempts_payment_id")),
        sa.PrimaryKeyConstraint("attempt_id", name=op.f("pk_payment_attempts")),
        sa.UniqueConstraint("intent_id", name=op.f("uq_payment_attempts_intent_id")),
        sa.UniqueConstraint("key", name=op.f("uq_payment_attempts_key")),
    )
    op.create_index(
        "ix_payment_attempts_open",
        "payment_attempts",
        ["created_at"],
        unique=False,
        postgresql_where=sa.text("state IN ('requested', 'unknown')"),
    )
    op.create_index(op.f("ix_payment_attempts_payment_id"), "payment_attempts", ["payment_id"], unique=False)
    op.create_table(
        "trips",
        sa.Column("trip_id", sa.Uuid(), nullable=False),
        sa.Column("community_id", sa.Uuid(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("courier_id", sa.Uuid(), nullable=True),
        sa.Column("fee_fen", sa.BigInteger(), nullable=False),
        sa.Column("lat", sa.Double(), nullable=False),
        sa.Column("lng", sa.Double(), nullable=False),
        sa.Column("expected_ready_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("assigned_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "(state = 'assigned') <= (courier_id IS NOT NULL)", name=op.f("ck_trips_assigned_to_someone")
        ),
        sa.CheckConstraint("state IN ('open', 'assigned', 'done', 'canceled')", name=op.f("ck_trips_state")),
        sa.CheckConstraint("fee_fen >= 0", name=op.f("ck_trips_fee_fen_not_negative")),
        sa.ForeignKeyConstraint(["community_id"], ["communities.community_id"], name=op.f("fk_trips_community_id")),
        sa.ForeignKeyConstraint(["courier_id"], ["couriers.courier_id"], name=op.f("fk_trips_courier_id")),
        sa.PrimaryKeyConstraint("trip_id", name=op.f("pk_trips")),
        postgresql_with={"fillfactor": 70},
    )
    op.create_index(op.f("ix_trips_community_id"), "trips", ["community_id"], unique=False)
    op.create_index("ix_trips_mine", "trips", ["courier_id", sa.literal_column("trip_id DESC")], unique=False)
    op.create_index(
        "ix_trips_open",
        "trips",
        [sa.literal_column("point(lng, lat)")],
        unique=False,
        postgresql_using="gist",
        postgresql_where=sa.text("state = 'open'"),
    )
    op.create_table(
        "refunds",
        sa.Column("refund_id", sa.Uuid(), nullable=False),
        sa.Column("payment_id", sa.Uuid(), nullable=False),
        sa.Column("order_id", sa.Uuid(), nullable=True),
        sa.Column("attempt_id", sa.Uuid(), nullable=True),
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("method", sa.Text(), nullable=False),
        sa.Column("amount_fen", sa.BigInteger(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("gateway_refund_id", sa.Text(), nullable=True),
        sa.Column("submit_count", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("requested_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("failure", sa.Text(), nullable=True),
        sa.CheckConstraint("method IN ('e_account', 'wechat_pay')", name=op.f("ck_refunds_method")),
        sa.CheckConstraint(
            "state IN ('requested', 'submitting', 'unknown', 'succeeded', 'failed')", name=op.f("ck_refunds_state")
        ),
        sa.CheckConstraint("amount_fen > 0", name=op.f("ck_refunds_amount_fen_positive")),
        sa.CheckConstraint("submit_count >= 0", name=op.f("ck_refunds_submit_count_not_negative")),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.account_id"], name=op.f("fk_refunds_account_id")),
        sa.ForeignKeyConstraint(["attempt_id"], ["payment_attempts.attempt_id"], name=op.f("fk_refunds_attempt_id")),
        sa.ForeignKeyConstraint(["order_id"], ["orders.order_id"], name=op.f("fk_refunds_order_id")),
        sa.ForeignKeyConstraint(["payment_id"], ["payments.payment_id"], name=op.f("fk_refunds_payment_id")),
        sa.PrimaryKeyConstraint("refund_id", name=op.f("pk_refunds")),
        sa.UniqueConstraint("gateway_refund_id", name=op.f("uq_refunds_gateway_refund_id")),
        sa.UniqueConstraint("key", name=op.f("uq_refunds_key")),
    )
    op.create_index(op.f("ix_refunds_account_id"), "refunds", ["account_id"], unique=False)
    op.create_index(op.f("ix_refunds_attempt_id"), "refunds", ["attempt_id"], unique=False)
    op.create_index(
        "ix_refunds_open",
        "refunds",
        ["requested_at"],
        unique=False,
        postgresql_where=sa.text("state IN ('requested', 'submitting', 'unknown')"),
    )
    op.create_index(op.f("ix_refunds_order_id"), "refunds", ["order_id"], unique=False)
    op.create_index(op.f("ix_refunds_payment_id"), "refunds", ["payment_id"], unique=False)
    op.create_table(
        "settlement_items",
        sa.Column("order_id", sa.Uuid(), nullable=False),
        sa.Column("party_kind", sa.Text(), nullable=False),
        sa.Column("party_id", sa.Uuid(), nullable=False),
        sa.Column("amount_fen", sa.BigInteger(), nullable=False),
        sa.Column("eligible_on", sa.Date(), nullable=False),
        sa.Column("settled_on", sa.Date(), nullable=True),
        sa.CheckConstraint("party_kind IN ('merchant', 'courier')", name=op.f("ck_settlement_items_party_kind")),
        sa.CheckConstraint("amount_fen > 0", name=op.f("ck_settlement_items_amount_fen_positive")),
        sa.ForeignKeyConstraint(["order_id"], ["orders.order_id"], name=op.f("fk_settlement_items_order_id")),
        sa.PrimaryKeyConstraint("order_id", "party_kind", name=op.f("pk_settlement_items")),
    )
    op.create_index(
        "ix_settlement_items_due",
        "settlement_items",
        ["eligible_on"],
        unique=False,
        postgresql_where=sa.text("settled_on IS NULL"),
    )
    op.create_index(
        "ix_settlement_items_party", "settlement_items", ["party_kind", "party_id", "order_id"], unique=False
    )
    op.create_table(
        "skus",
        sa.Column("sku_id", sa.Uuid(), nullable=False),
        sa.Column("offer_id", sa.Uuid(), nullable=False),
        sa.Column("shop_id", sa.Uuid(), nullable=False),
        sa.Column("option", sa.Text(), server_default="", nullable=False),
        sa.Column("price_fen", sa.BigInteger(), nullable=False),
        sa.Column("packing_fen", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("barcode", sa.Text(), nullable=True),
        sa.Column("quantity_max", sa.BigInteger(), server_default="99", nullable=False),
        sa.CheckConstraint("packing_fen >= 0", name=op.f("ck_skus_packing_fen_not_negative")),
        sa.CheckConstraint("price_fen > 0", name=op.f("ck_skus_price_fen_positive")),
        sa.CheckConstraint("quantity_max BETWEEN 1 AND 999", name=op.f("ck_skus_quantity_max_range")),
        sa.ForeignKeyConstraint(["offer_id"], ["offers.offer_id"], name=op.f("fk_skus_offer_id")),
        sa.ForeignKeyConstraint(["shop_id"], ["shops.shop_id"], name=op.f("fk_skus_shop_id")),
        sa.PrimaryKeyConstraint("sku_id", name=op.f("pk_skus")),
    )
    op.create_index(op.f("ix_skus_barcode"), "skus", ["barcode"], unique=False)
    op.create_index(op.f("ix_skus_offer_id"), "skus", ["offer_id"], unique=False)
    op.create_index(op.f("ix_skus_shop_id"), "skus", ["shop_id"], unique=False)
    op.create_table(
        "stops",
        sa.Column("stop_id", sa.Uuid(), nullable=False),
        sa.Column("trip_id", sa.Uuid(), nullable=False),
        sa.Column("position", sa.BigInteger(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("lat", sa.Double(), nullable=False),
        sa.Column("lng", sa.Double(), nullable=False),
        sa.Column("arrived_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("done_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("kind IN ('pick_up', 'drop')", name=op.f("ck_stops_kind")),
        sa.CheckConstraint("state IN ('waiting', 'arrived', 'done', 'canceled')", name=op.f("ck_stops_state")),
        sa.ForeignKeyConstraint(["trip_id"], ["trips.trip_id"], name=op.f("fk_stops_trip_id")),
        sa.PrimaryKeyConstraint("stop_id", name=op.f("pk_stops")),
    )
    op.create_index(op.f("ix_stops_trip_id"), "stops", ["trip_id"], unique=False)
    op.create_table(
        "cart_lines",
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("sku_id", sa.Uuid(), nullable=False),
        sa.Column("quantity", sa.BigInteger(), nullable=False),
        sa.Column("added_at", sa.DateTime(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False),
        sa.CheckConstraint("quantity BETWEEN 1 AND 999", name=op.f("ck_cart_lines_quantity_range")),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.account_id"], name=op.f("fk_cart_lines_account_id")),
        sa.ForeignKeyConstraint(["sku_id"], ["skus.sku_id"], name=op.f("fk_cart_lines_sku_id")),
        sa.PrimaryKeyConstraint("account_id", "sku_id", name=op.f("pk_cart_lines")),
    )
    op.create_index(op.f("ix_cart_lines_sku_id"), "cart_lines", ["sku_id"], unique=False)
    op.create_table(
        "deliveries",
        sa.Column("delivery_id", sa.Uuid(), nullable=False),
        sa.Column("order_id", sa.Uuid(), nullable=False),
        sa.Column("trip_id", sa.Uuid(), nullable=False),
        sa.Column("pick_up_stop_id", sa.Uuid(), nullable=False),
        sa.Column("drop_stop_id", sa.Uuid(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("fee_fen", sa.BigInteger(), nullable=False),
        sa.Column("failure_reason", sa.Text(), nullable=True),
        sa.Column("failure_count", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("code_tries_left", sa.BigInteger(), server_default="5", nullable=False),
        sa.Column("photo_reference", sa.Text(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "failure_reason IN ('absent', 'wrong_address', 'refused', 'unsafe', 'damaged', 'lost')",
            name=op.f("ck_deliveries_failure_reason"),
        ),
        sa.CheckConstraint(
            "state IN ('open', 'offered', 'assigned', 'at_pickup', 'picked_up', 'at_drop', 'delivered', 'failed', 'reattempting', 'returning', 'returned', 'disposed', 'canceled')",
            name=op.f("ck_deliveries_state"),
        ),
        sa.CheckConstraint("failure_count >= 0", name=op.f("ck_deliveries_failure_count_not_negative")),
        sa.CheckConstraint("fee_fen >= 0", name=op.f("ck_deliveries_fee_fen_not_negative")),
        sa.ForeignKeyConstraint(["drop_stop_id"], ["stops.stop_id"], name=op.f("fk_deliveries_drop_stop_id")),
        sa.ForeignKeyConstraint(["order_id"], ["orders.order_id"], name=op.f("fk_deliveries_order_id")),
        sa.ForeignKeyConstraint(["pick_up_stop_id"], ["stops.stop_id"], name=op.f("fk_deliveries_pick_up_stop_id")),
        sa.ForeignKeyConstraint(["trip_id"], ["trips.trip_id"], name=op.f("fk_deliveries_trip_id")),
        sa.PrimaryKeyConstraint("delivery_id", name=op.f("pk_deliveries")),
        sa.UniqueConstraint("order_id", name=op.f("uq_deliveries_order_id")),
        postgresql_with={"fillfactor": 70},
    )
    op.create_index(op.f("ix_deliveries_drop_stop_id"), "deliveries", ["drop_stop_id"], unique=False)
    op.create_index(op.f("ix_deliveries_pick_up_stop_id"), "deliveries", ["pick_up_stop_id"], unique=False)
    op.create_index(op.f("ix_deliveries_trip_id"), "deliveries", ["trip_id"], unique=False)
    op.create_table(
        "order_lines",
        sa.Column("order_id", sa.Uuid(), nullable=False),
        sa.Column("line", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("sku_id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("option", sa.Text(), nullable=False),
        sa.Column("unit_price_fen", sa.BigInteger(), nullable=False),
        sa.Column("quantity", sa.BigInteger(), nullable=False),
        sa.Column("goods_fen", sa.BigInteger(), nullable=False),
        sa.Column("packing_fen", sa.BigInteger(), nullable=False),
        sa.Column("discount_fen", sa.BigInteger(), nullable=False),
        sa.Column("commission_bp", sa.BigInteger(), nullable=False),
        sa.Column("commission_rule", sa.Text(), nullable=False),
        sa.Column("refundable_fen", sa.BigInteger(), nullable=False),
        sa.Column("is_counted", sa.Boolean(), nullable=False),
        sa.Column("shorted_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("commission_bp BETWEEN 0 AND 10000", name=op.f("ck_order_lines_commission_bp_range")),
        sa.CheckConstraint("discount_fen >= 0", name=op.f("ck_order_lines_discount_fen_not_negative")),
        sa.CheckConstraint("goods_fen = unit_price_fen * quantity", name=op.f("ck_order_lines_goods_add_up")),
        sa.CheckConstraint("packing_fen >= 0", name=op.f("ck_order_lines_packing_fen_not_negative")),
        sa.CheckConstraint("quantity BETWEEN 1 AND 999", name=op.f("ck_order_lines_quantity_range")),
        sa.CheckConstraint(
            "refundable_fen <= goods_fen + packing_fen - discount_fen",
            name=op.f("ck_order_lines_refundable_within_paid"),
        ),
        sa.CheckConstraint("refundable_fen >= 0", name=op.f("ck_order_lines_refundable_fen_not_negative")),
        sa.ForeignKeyConstraint(["order_id"], ["orders.order_id"], name=op.f("fk_order_lines_order_id")),
        sa.ForeignKeyConstraint(["sku_id"], ["skus.sku_id"], name=op.f("fk_order_lines_sku_id")),
        sa.PrimaryKeyConstraint("order_id", "line", name=op.f("pk_order_lines")),
    )
    op.create_index(op.f("ix_order_lines_sku_id"), "order_lines", ["sku_id"], unique=False)
    op.create_table(
        "stock",
        sa.Column("sku_id", sa.Uuid(), nullable=False),
        sa.Column("received", sa.BigInteger(), nullable=False),
        sa.Column("on_hand", sa.BigInteger(), nullable=False),
        sa.Column("reserved", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("sold", sa.BigInteger(), server_default="0", nullable=False),
        sa.CheckConstraint("on_hand >= 0", name=op.f("ck_stock_on_hand_not_negative")),
        sa.CheckConstraint("received = on_hand + reserved + sold", name=op.f("ck_stock_adds_up")),
        sa.CheckConstraint("received >= 0", name=op.f("ck_stock_received_not_negative")),
        sa.CheckConstraint("reserved >= 0", name=op.f("ck_stock_reserved_not_negative")),
        sa.CheckConstraint("sold >= 0", name=op.f("ck_stock_sold_not_negative")),
        sa.ForeignKeyConstraint(["sku_id"], ["skus.sku_id"], name=op.f("fk_stock_sku_id")),
        sa.PrimaryKeyConstraint("sku_id", name=op.f("pk_stock")),
        postgresql_with={"fillfactor": 60},
    )
    op.execute("INSERT INTO business_clock DEFAULT VALUES")
    op.execute(BUSINESS_NOW)


def downgrade() -> None:
    op.execute("DROP FUNCTION business_now()")
    op.drop_table("stock")
    op.drop_index(op.f("ix_order_lines_sku_id"), table_name="order_lines")
    op.drop_table("order_lines")
    op.drop_index(op.f("ix_deliveries_trip_id"), table_name="deliveries")
    op.drop_index(op.f("ix_deliveries_pick_up_stop_id"), table_name="deliveries")
    op.drop_index(op.f("ix_deliveries_drop_stop_id"), table_name="deliveries")
    op.drop_table("deliveries")
    op.drop_index(op.f("ix_cart_lines_sku_id"), table_name="cart_lines")
    op.drop_table("cart_lines")
    op.drop_index(op.f("ix_stops_trip_id"), table_name="stops")
    op.drop_table("stops")
    op.drop_index(op.f("ix_skus_shop_id"), table_name="skus")
    op.drop_index(op.f("ix_skus_offer_id"), table_name="skus")
    op.drop_index(op.f("ix_skus_barcode"), table_name="skus")
    op.drop_table("skus")
    op.drop_index("ix_settlement_items_party", table_name="settlement_items")
    op.drop_index(
        "ix_settlement_items_due", table_name="settlement_items", postgresql_where=sa.text("settled_on IS NULL")
    )
    op.drop_table("settlement_items")
    op.drop_index(op.f("ix_refunds_payment_id"), table_name="refunds")
    op.drop_index(op.f("ix_refunds_order_id"), table_name="refunds")
    op.drop_index(
        "ix_refunds_open",
        table_name="refunds",
        postgresql_where=sa.text("state IN ('requested', 'submitting', 'unknown')"),
    )
    op.drop_index(op.f("ix_refunds_attempt_id"), table_name="refunds")
    op.drop_index(op.f("ix_refunds_account_id"), table_name="refunds")
    op.drop_table("refunds")
    op.drop_index(
        "ix_trips_open", table_name="trips", postgresql_using="gist", postgresql_where=sa.text("state = 'open'")
    )
    op.drop_index("ix_trips_mine", table_name="trips")
    op.drop_index(op.f("ix_trips_community_id"), table_name="trips")
    op.drop_table("trips")
    op.drop_index(op.f("ix_payment_attempts_payment_id"), table_name="payment_attempts")
    op.drop_index(
        "ix_payment_attempts_open",
        table_name="payment_attempts",
        postgresql_where=sa.text("state IN ('requested', 'unknown')"),
    )
    op.drop_table("payment_attempts")
    op.drop_index("ix_orders_store_shelf", table_name="orders")
    op.drop_index("ix_orders_shop", table_name="orders")
    op.drop_index(op.f("ix_orders_payment_id"), table_name="orders")
    op.drop_index("ix_orders_mine", table_name="orders")
    op.drop_index(op.f("ix_orders_merchant_id"), table_name="orders")
    op.drop_index(op.f("ix_orders_community_id"), table_name="orders")
    op.drop_index(op.f("ix_orders_checkout_id"), table_name="orders")
    op.drop_table("orders")
    op.drop_index("ix_offers_shelf", table_name="offers")
    op.drop_table("offers")
    op.drop_index("uq_courier_shifts_on", table_name="courier_shifts", postgresql_where=sa.text("ended_at IS NULL"))
    op.drop_index(op.f("ix_courier_shifts_courier_id"), table_name="courier_shifts")
    op.drop_table("courier_shifts")
    op.drop_index("ix_shops_place", table_name="shops", postgresql_using="gist")
    op.drop_index(op.f("ix_shops_merchant_id"), table_name="shops")
    op.drop_index(op.f("ix_shops_community_id"), table_name="shops")
    op.drop_table("shops")
    op.drop_index(op.f("ix_refresh_tokens_session_id"), table_name="refresh_tokens")
    op.drop_table("refresh_tokens")
    op.drop_index("ix_payments_mine", table_name="payments")
    op.drop_table("payments")
    op.drop_index(op.f("ix_couriers_community_id"), table_name="couriers")
    op.drop_table("couriers")
    op.drop_index(op.f("ix_addresses_community_id"), table_name="addresses")
    op.drop_index(op.f("ix_addresses_account_id"), table_name="addresses")
    op.drop_table("addresses")
    op.drop_index(op.f("ix_sessions_account_id"), table_name="sessions")
    op.drop_table("sessions")
    op.drop_index(op.f("ix_memberships_organization_id"), table_name="memberships")
    op.drop_table("memberships")
    op.drop_index(op.f("ix_communities_store_id"), table_name="communities")
    op.drop_table("communities")
    op.drop_index("ix_checkouts_mine", table_name="checkouts")
    op.drop_table("checkouts")
    op.drop_index("ix_timers_due", table_name="timers", postgresql_where=sa.text("parked_at IS NULL"))
    op.drop_table("timers")
    op.drop_table("stores")
    op.drop_index(op.f("ix_sign_in_codes_phone_index_created_at"), table_name="sign_in_codes")
    op.drop_table("sign_in_codes")
    op.drop_index(op.f("ix_sandbox_messages_phone_index"), table_name="sandbox_messages")
    op.drop_table("sandbox_messages")
    op.drop_index("ix_receipts_waiting", table_name="receipts", postgresql_where=sa.text("state = 'waiting'"))
    op.drop_table("receipts")
    op.drop_index("ix_outbox_waiting", table_name="outbox", postgresql_where=sa.text("relayed_at IS NULL"))
    op.drop_table("outbox")
    op.drop_table("merchants")
    op.drop_table("live_tickets")
    op.drop_table("live_events")
    op.drop_table("idempotency_keys")
    op.drop_index(op.f("ix_gateway_events_object_id"), table_name="gateway_events")
    op.drop_table("gateway_events")
    op.drop_table("business_clock")
    op.drop_table("accounts")
