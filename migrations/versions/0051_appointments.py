"""Services by appointment: providers with skills, areas and times, appointments, bookings, breaches, extra charges."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0051"
down_revision = "0050"
branch_labels = None
depends_on = None

_STATES = "'held', 'confirmed', 'en_route', 'in_service', 'awaiting_confirm', 'completed', 'canceled', 'no_show'"


def _key(table: str, column: str, target: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint([column], [target], name=op.f(f"fk_{table}_{column}"))


def _check(table: str, name: str, condition: str) -> sa.CheckConstraint:
    return sa.CheckConstraint(condition, name=op.f(f"ck_{table}_{name}"))


def upgrade() -> None:
    op.create_table(
        "service_providers",
        sa.Column("provider_id", sa.Uuid(), nullable=False),
        sa.Column("shop_id", sa.Uuid(), nullable=False),
        sa.Column("lane", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("hours", postgresql.JSONB(), nullable=False),
        sa.Column("is_active", sa.Boolean(), server_default=sa.text("true"), nullable=False),
        _key("service_providers", "shop_id", "shops.shop_id"),
        sa.PrimaryKeyConstraint("provider_id", name=op.f("pk_service_providers")),
        sa.UniqueConstraint("lane", name=op.f("uq_service_providers_lane")),
    )
    op.create_index(op.f("ix_service_providers_shop_id"), "service_providers", ["shop_id"])
    op.create_table(
        "provider_skills",
        sa.Column("provider_id", sa.Uuid(), nullable=False),
        sa.Column("offer_id", sa.Uuid(), nullable=False),
        _key("provider_skills", "provider_id", "service_providers.provider_id"),
        _key("provider_skills", "offer_id", "offers.offer_id"),
        sa.PrimaryKeyConstraint("provider_id", "offer_id", name=op.f("pk_provider_skills")),
    )
    op.create_index(op.f("ix_provider_skills_offer_id"), "provider_skills", ["offer_id"])
    op.create_table(
        "provider_areas",
        sa.Column("provider_id", sa.Uuid(), nullable=False),
        sa.Column("community_id", sa.Uuid(), nullable=False),
        _key("provider_areas", "provider_id", "service_providers.provider_id"),
        _key("provider_areas", "community_id", "communities.community_id"),
        sa.PrimaryKeyConstraint("provider_id", "community_id", name=op.f("pk_provider_areas")),
    )
    op.create_index(op.f("ix_provider_areas_community_id"), "provider_areas", ["community_id"])
    op.create_table(
        "provider_days_off",
        sa.Column("provider_id", sa.Uuid(), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        _key("provider_days_off", "provider_id", "service_providers.provider_id"),
        sa.PrimaryKeyConstraint("provider_id", "day", name=op.f("pk_provider_days_off")),
    )
    op.create_table(
        "service_terms",
        sa.Column("sku_id", sa.Uuid(), nullable=False),
        sa.Column("duration_minutes", sa.BigInteger(), nullable=False),
        sa.Column("buffer_minutes", sa.BigInteger(), nullable=False),
        sa.Column("lead_minutes", sa.BigInteger(), nullable=False),
        _check("service_terms", "duration_minutes_range", "duration_minutes BETWEEN 15 AND 720"),
        _check("service_terms", "buffer_minutes_range", "buffer_minutes BETWEEN 0 AND 240"),
        _check("service_terms", "lead_minutes_range", "lead_minutes BETWEEN 0 AND 10080"),
        _key("service_terms", "sku_id", "skus.sku_id"),
        sa.PrimaryKeyConstraint("sku_id", name=op.f("pk_service_terms")),
    )
    op.create_table(
        "appointments",
        sa.Column("order_id", sa.Uuid(), nullable=False),
        sa.Column("shop_id", sa.Uuid(), nullable=False),
        sa.Column("sku_id", sa.Uuid(), nullable=False),
        sa.Column("provider_id", sa.Uuid(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("starts_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ends_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("buffer_minutes", sa.BigInteger(), nullable=False),
        sa.Column("checked_in_m", sa.BigInteger(), nullable=True),
        sa.Column("checked_in_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("done_percent", sa.BigInteger(), nullable=True),
        _check("appointments", "state", f"state IN ({_STATES})"),
        _check("appointments", "ends_after_it_starts", "ends_at > starts_at"),
        _check("appointments", "done_percent_range", "done_percent BETWEEN 1 AND 100"),
        _key("appointments", "order_id", "orders.order_id"),
        _key("appointments", "provider_id", "service_providers.provider_id"),
        sa.PrimaryKeyConstraint("order_id", name=op.f("pk_appointments")),
        postgresql_with={"fillfactor": 80},
    )
    op.create_index(op.f("ix_appointments_provider_id"), "appointments", ["provider_id"])
    op.create_index("ix_appointments_shop", "appointments", ["shop_id", "starts_at"])
    op.create_table(
        "provider_bookings",
        sa.Column("order_id", sa.Uuid(), nullable=False),
        sa.Column("provider_id", sa.Uuid(), nullable=False),
        sa.Column("from_minute", sa.BigInteger(), nullable=False),
        sa.Column("to_minute", sa.BigInteger(), nullable=False),
        sa.Column("span", postgresql.INT8RANGE(), nullable=False),
        postgresql.ExcludeConstraint(("span", "&&"), name="provider_bookings_no_overlap", using="gist"),
        _key("provider_bookings", "order_id", "orders.order_id"),
        _key("provider_bookings", "provider_id", "service_providers.provider_id"),
        sa.PrimaryKeyConstraint("order_id", name=op.f("pk_provider_bookings")),
    )
    op.create_index(op.f("ix_provider_bookings_provider_id"), "provider_bookings", ["provider_id"])
    op.create_table(
        "provider_breaches",
        sa.Column("order_id", sa.Uuid(), nullable=False),
        sa.Column("provider_id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        _check("provider_breaches", "kind", "kind IN ('canceled', 'no_show')"),
        _key("provider_breaches", "order_id", "orders.order_id"),
        _key("provider_breaches", "provider_id", "service_providers.provider_id"),
        sa.PrimaryKeyConstraint("order_id", "provider_id", name=op.f("pk_provider_breaches")),
    )
    op.create_index(op.f("ix_provider_breaches_provider_id"), "provider_breaches", ["provider_id"])
    op.create_table(
        "extra_charges",
        sa.Column("charge_id", sa.Uuid(), nullable=False),
        sa.Column("order_id", sa.Uuid(), nullable=False),
        sa.Column("paid_by_order_id", sa.Uuid(), nullable=True),
        sa.Column("amount_fen", sa.BigInteger(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("proposed_at", sa.DateTime(timezone=True), nullable=False),
        _check("extra_charges", "state", "state IN ('proposed', 'approved', 'declined')"),
        _check("extra_charges", "amount_fen_positive", "amount_fen > 0"),
        _key("extra_charges", "order_id", "appointments.order_id"),
        _key("extra_charges", "paid_by_order_id", "orders.order_id"),
        sa.PrimaryKeyConstraint("charge_id", name=op.f("pk_extra_charges")),
        sa.UniqueConstraint("paid_by_order_id", name=op.f("uq_extra_charges_paid_by_order_id")),
    )
    op.create_index(op.f("ix_extra_charges_order_id"), "extra_charges", ["order_id"])


def downgrade() -> None:
    for table in (
        "extra_charges",
        "provider_breaches",
        "provider_bookings",
        "appointments",
        "service_terms",
        "provider_days_off",
        "provider_areas",
        "provider_skills",
        "service_providers",
    ):
        op.drop_table(table)
