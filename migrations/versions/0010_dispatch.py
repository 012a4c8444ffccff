"""Positions and trail of couriers, modes, decisions and offers of dispatch."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def _id(name: str, *, nullable: bool = False) -> sa.Column[object]:
    return sa.Column(name, sa.Uuid(), nullable=nullable)


def _at(name: str, *, nullable: bool = False) -> sa.Column[object]:
    return sa.Column(name, sa.DateTime(timezone=True), nullable=nullable)


def _degrees(name: str) -> sa.Column[object]:
    return sa.Column(name, sa.Float(), nullable=False)


def _refers(table: str, column: str, target: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint([column], [target], name=op.f(f"fk_{table}_{column}"))


def upgrade() -> None:
    op.add_column("courier_shifts", _id("session_id", nullable=True))
    op.create_table(
        "courier_positions",
        _id("courier_id"),
        _degrees("lat"),
        _degrees("lng"),
        _at("measured_at"),
        _at("heard_at"),
        _at("received_at"),
        _at("trailed_at", nullable=True),
        _refers("courier_positions", "courier_id", "couriers.courier_id"),
        sa.PrimaryKeyConstraint("courier_id", name=op.f("pk_courier_positions")),
        postgresql_with={"fillfactor": 50},
    )
    op.create_table(
        "courier_trail",
        _id("courier_id"),
        _at("measured_at"),
        _degrees("lat"),
        _degrees("lng"),
        _refers("courier_trail", "courier_id", "couriers.courier_id"),
        sa.PrimaryKeyConstraint("courier_id", "measured_at", name=op.f("pk_courier_trail")),
    )
    op.create_index("ix_courier_trail_measured_at", "courier_trail", ["measured_at"])
    op.create_table(
        "dispatch_modes",
        _id("community_id"),
        _at("set_at"),
        sa.Column("mode", sa.Text(), nullable=False),
        _id("set_by_id", nullable=True),
        sa.CheckConstraint("mode IN ('hall', 'assign', 'both')", name=op.f("ck_dispatch_modes_mode")),
        _refers("dispatch_modes", "community_id", "communities.community_id"),
        _refers("dispatch_modes", "set_by_id", "accounts.account_id"),
        sa.PrimaryKeyConstraint("community_id", "set_at", name=op.f("pk_dispatch_modes")),
    )
    op.create_index(op.f("ix_dispatch_modes_set_by_id"), "dispatch_modes", ["set_by_id"])
    op.create_table(
        "dispatch_decisions",
        _id("decision_id"),
        _id("trip_id"),
        sa.Column("policy", sa.Text(), nullable=False),
        sa.Column("candidate_count", sa.BigInteger(), nullable=False),
        sa.Column("alternatives", postgresql.JSONB(), nullable=False),
        _at("decided_at"),
        _refers("dispatch_decisions", "trip_id", "trips.trip_id"),
        sa.PrimaryKeyConstraint("decision_id", name=op.f("pk_dispatch_decisions")),
    )
    op.create_index(
        "ix_dispatch_decisions_trip_id", "dispatch_decisions", ["trip_id", sa.literal_column("decision_id DESC")]
    )
    op.create_index("ix_dispatch_decisions_decided_at", "dispatch_decisions", ["decided_at"])
    op.create_table(
        "trip_offers",
        _id("trip_offer_id"),
        _id("trip_id"),
        _id("courier_id"),
        _id("decision_id"),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("fee_fen", sa.BigInteger(), nullable=False),
        _at("offered_at"),
        _at("expires_at"),
        _at("answered_at", nullable=True),
        sa.CheckConstraint("state IN ('live', 'accepted', 'declined', 'expired')", name=op.f("ck_trip_offers_state")),
        _refers("trip_offers", "trip_id", "trips.trip_id"),
        _refers("trip_offers", "courier_id", "couriers.courier_id"),
        _refers("trip_offers", "decision_id", "dispatch_decisions.decision_id"),
        sa.PrimaryKeyConstraint("trip_offer_id", name=op.f("pk_trip_offers")),
    )
    live = sa.text("state = 'live'")
    op.create_index("uq_trip_offers_live_trip", "trip_offers", ["trip_id"], unique=True, postgresql_where=live)
    op.create_index("uq_trip_offers_live_courier", "trip_offers", ["courier_id"], unique=True, postgresql_where=live)
    op.create_index("ix_trip_offers_trip_id", "trip_offers", ["trip_id"])
    op.create_index("ix_trip_offers_mine", "trip_offers", ["courier_id", sa.literal_column("trip_offer_id DESC")])
    op.create_index(op.f("ix_trip_offers_decision_id"), "trip_offers", ["decision_id"])


def downgrade() -> None:
    for table in ("trip_offers", "dispatch_decisions", "dispatch_modes", "courier_trail", "courier_positions"):
        op.drop_table(table)
    op.drop_column("courier_shifts", "session_id")
