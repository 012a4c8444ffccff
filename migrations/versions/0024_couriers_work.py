"""Planned shifts, breaks and ends of shifts, tips, ratings with appeal, incidents."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0024"
down_revision = "0023"
branch_labels = None
depends_on = None


def _id(name: str, *, nullable: bool = False) -> sa.Column[object]:
    return sa.Column(name, sa.Uuid(), nullable=nullable)


def _at(name: str, *, nullable: bool = False) -> sa.Column[object]:
    return sa.Column(name, sa.DateTime(timezone=True), nullable=nullable)


def _text(name: str, *, nullable: bool = False) -> sa.Column[str]:
    return sa.Column(name, sa.Text(), nullable=nullable)


def _refers(table: str, column: str, target: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint([column], [target], name=op.f(f"fk_{table}_{column}"))


def _check(table: str, name: str, condition: str) -> sa.CheckConstraint:
    return sa.CheckConstraint(condition, name=op.f(f"ck_{table}_{name}"))


SHIFT_COLUMNS = ("ends_at", "wishes_until", "in_a_row_since", "on_break_since")


def upgrade() -> None:
    for name in SHIFT_COLUMNS:
        op.add_column("courier_shifts", _at(name, nullable=True))
    op.drop_constraint(op.f("ck_settlement_items_party_kind"), "settlement_items", type_="check")
    op.create_check_constraint(
        op.f("ck_settlement_items_party_kind"),
        "settlement_items",
        "party_kind IN ('merchant', 'courier', 'courier_tip')",
    )
    _make_shift_slots()
    _make_tips()
    _make_ratings()
    _make_incidents()


def _make_shift_slots() -> None:
    op.create_table(
        "shift_slots",
        _id("slot_id"),
        _id("community_id"),
        _id("courier_id", nullable=True),
        _text("state"),
        _at("starts_at"),
        _at("ends_at"),
        _id("published_by"),
        _check("shift_slots", "state", "state IN ('open', 'taken', 'passed', 'canceled')"),
        _check("shift_slots", "ends_after_start", "ends_at > starts_at"),
        _check("shift_slots", "taken_by_someone", "(state IN ('taken', 'passed')) = (courier_id IS NOT NULL)"),
        _refers("shift_slots", "community_id", "communities.community_id"),
        _refers("shift_slots", "courier_id", "couriers.courier_id"),
        _refers("shift_slots", "published_by", "accounts.account_id"),
        sa.PrimaryKeyConstraint("slot_id", name=op.f("pk_shift_slots")),
    )
    op.create_index("ix_shift_slots_community", "shift_slots", ["community_id", "starts_at"])
    op.create_index(op.f("ix_shift_slots_courier_id"), "shift_slots", ["courier_id"])
    op.create_index(op.f("ix_shift_slots_published_by"), "shift_slots", ["published_by"])


def _make_tips() -> None:
    op.create_table(
        "tips",
        _id("order_id"),
        _id("account_id"),
        _id("courier_id"),
        sa.Column("amount_fen", sa.BigInteger(), nullable=False),
        _at("given_at"),
        _check("tips", "amount_fen_positive", "amount_fen > 0"),
        _refers("tips", "order_id", "orders.order_id"),
        _refers("tips", "account_id", "accounts.account_id"),
        _refers("tips", "courier_id", "couriers.courier_id"),
        sa.PrimaryKeyConstraint("order_id", name=op.f("pk_tips")),
    )
    op.create_index(op.f("ix_tips_account_id"), "tips", ["account_id"])
    op.create_index("ix_tips_courier", "tips", ["courier_id", "given_at"])


def _make_ratings() -> None:
    op.create_table(
        "courier_ratings",
        _id("rating_id"),
        _id("order_id"),
        _id("account_id"),
        _id("courier_id"),
        sa.Column("stars", sa.BigInteger(), nullable=False),
        sa.Column("marks", postgresql.JSONB(), nullable=False),
        _text("state"),
        _at("rated_at"),
        _text("appeal", nullable=True),
        _at("appealed_at", nullable=True),
        _text("decision", nullable=True),
        _at("decided_at", nullable=True),
        _id("decided_by", nullable=True),
        _check("courier_ratings", "state", "state IN ('counted', 'appealed', 'upheld', 'folded')"),
        _check("courier_ratings", "stars_range", "stars BETWEEN 1 AND 5"),
        _refers("courier_ratings", "order_id", "orders.order_id"),
        _refers("courier_ratings", "account_id", "accounts.account_id"),
        _refers("courier_ratings", "courier_id", "couriers.courier_id"),
        _refers("courier_ratings", "decided_by", "accounts.account_id"),
        sa.PrimaryKeyConstraint("rating_id", name=op.f("pk_courier_ratings")),
        sa.UniqueConstraint("order_id", name=op.f("uq_courier_ratings_order_id")),
    )
    op.create_index(op.f("ix_courier_ratings_account_id"), "courier_ratings", ["account_id"])
    op.create_index("ix_courier_ratings_mine", "courier_ratings", ["courier_id", sa.literal_column("rating_id DESC")])
    op.create_index(
        "ix_courier_ratings_appealed", "courier_ratings", ["rating_id"], postgresql_where=sa.text("state = 'appealed'")
    )
    op.create_index(op.f("ix_courier_ratings_decided_by"), "courier_ratings", ["decided_by"])


def _make_incidents() -> None:
    op.create_table(
        "incidents",
        _id("incident_id"),
        _id("courier_id"),
        _id("store_id"),
        _id("trip_id", nullable=True),
        _text("kind"),
        sa.Column("is_sos", sa.Boolean(), nullable=False),
        sa.Column("lat", sa.Float(), nullable=True),
        sa.Column("lng", sa.Float(), nullable=True),
        _text("note_sealed", nullable=True),
        _text("state"),
        _at("opened_at"),
        _id("taken_by", nullable=True),
        _at("taken_at", nullable=True),
        _id("closed_by", nullable=True),
        _at("closed_at", nullable=True),
        _text("outcome", nullable=True),
        _check("incidents", "kind", "kind IN ('accident', 'threat', 'illness', 'vehicle', 'goods', 'other')"),
        _check("incidents", "state", "state IN ('open', 'taken', 'closed')"),
        _refers("incidents", "courier_id", "couriers.courier_id"),
        _refers("incidents", "trip_id", "trips.trip_id"),
        _refers("incidents", "taken_by", "accounts.account_id"),
        _refers("incidents", "closed_by", "accounts.account_id"),
        sa.PrimaryKeyConstraint("incident_id", name=op.f("pk_incidents")),
    )
    op.create_index("ix_incidents_mine", "incidents", ["courier_id", sa.literal_column("incident_id DESC")])
    op.create_index(
        "ix_incidents_not_closed", "incidents", ["incident_id"], postgresql_where=sa.text("state <> 'closed'")
    )
    for column in ("trip_id", "taken_by", "closed_by"):
        op.create_index(op.f(f"ix_incidents_{column}"), "incidents", [column])


def downgrade() -> None:
    for table in ("incidents", "courier_ratings", "tips", "shift_slots"):
        op.drop_table(table)
    op.execute("DELETE FROM settlement_items WHERE party_kind = 'courier_tip' AND settled_on IS NOT NULL")
    op.drop_constraint(op.f("ck_settlement_items_party_kind"), "settlement_items", type_="check")
    op.create_check_constraint(
        op.f("ck_settlement_items_party_kind"), "settlement_items", "party_kind IN ('merchant', 'courier')"
    )
    for name in SHIFT_COLUMNS:
        op.drop_column("courier_shifts", name)
