"""What dispatch knows of places and times: where a courier became free, who stands still, what was released, and pins."""

import sqlalchemy as sa
from alembic import op

revision = "0034"
down_revision = "0033"
branch_labels = None
depends_on = None

_REASONS = "reason IN ('given_back', 'silent', 'still', 'unable', 'late_shop', 'by_operator')"


def upgrade() -> None:
    op.add_column("orders", sa.Column("expected_ready_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("deliveries", sa.Column("collected_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("courier_shifts", sa.Column("freed_at", sa.DateTime(timezone=True), nullable=True))
    for name in ("still_lat", "still_lng"):
        op.add_column("courier_positions", sa.Column(name, sa.Double(), nullable=True))
    op.add_column("courier_positions", sa.Column("still_since", sa.DateTime(timezone=True), nullable=True))
    op.add_column("trips", sa.Column("pinned_to_id", sa.Uuid(), nullable=True))
    op.add_column("trips", sa.Column("is_apart", sa.Boolean(), server_default=sa.text("false"), nullable=False))
    op.create_foreign_key(
        op.f("fk_trips_pinned_to_id"), "trips", "couriers", ["pinned_to_id"], ["courier_id"], postgresql_not_valid=True
    )
    op.execute("ALTER TABLE trips VALIDATE CONSTRAINT fk_trips_pinned_to_id")
    op.create_index(op.f("ix_trips_pinned_to_id"), "trips", ["pinned_to_id"])
    op.create_table(
        "trip_releases",
        sa.Column("release_id", sa.Uuid(), nullable=False),
        sa.Column("trip_id", sa.Uuid(), nullable=False),
        sa.Column("courier_id", sa.Uuid(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("released_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint(_REASONS, name=op.f("ck_trip_releases_reason")),
        sa.ForeignKeyConstraint(["courier_id"], ["couriers.courier_id"], name=op.f("fk_trip_releases_courier_id")),
        sa.ForeignKeyConstraint(["trip_id"], ["trips.trip_id"], name=op.f("fk_trip_releases_trip_id")),
        sa.PrimaryKeyConstraint("release_id", name=op.f("pk_trip_releases")),
    )
    op.create_index(op.f("ix_trip_releases_trip_id"), "trip_releases", ["trip_id"])
    op.create_index(op.f("ix_trip_releases_courier_id"), "trip_releases", ["courier_id"])
    op.create_index(op.f("ix_trip_releases_released_at"), "trip_releases", ["released_at"])


def downgrade() -> None:
    op.drop_table("trip_releases")
    op.drop_index(op.f("ix_trips_pinned_to_id"), "trips")
    op.drop_column("trips", "is_apart")
    op.drop_column("trips", "pinned_to_id")
    for name in ("still_lat", "still_lng", "still_since"):
        op.drop_column("courier_positions", name)
    op.drop_column("courier_shifts", "freed_at")
    op.drop_column("deliveries", "collected_at")
    op.drop_column("orders", "expected_ready_at")
