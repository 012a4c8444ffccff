"""Visits of the service vans of stores."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import ARRAY

revision = "0093"
down_revision = "0092"
branch_labels = None
depends_on = None


def _id(name: str) -> sa.Column[object]:
    return sa.Column(name, sa.Uuid(), nullable=False)


def _at(name: str, *, nullable: bool = False) -> sa.Column[object]:
    return sa.Column(name, sa.DateTime(timezone=True), nullable=nullable)


def _refers(column: str, target: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint([column], [target], name=op.f(f"fk_van_visits_{column}"))


def upgrade() -> None:
    op.create_table(
        "van_visits",
        _id("van_visit_id"),
        _id("store_id"),
        _id("community_id"),
        sa.Column("place", sa.Text(), nullable=False),
        sa.Column("lat", sa.Double(), nullable=False),
        sa.Column("lng", sa.Double(), nullable=False),
        sa.Column("services", ARRAY(sa.Text()), nullable=False),
        _at("from_at"),
        _at("until_at"),
        sa.Column("state", sa.Text(), nullable=False),
        _id("planned_by_id"),
        _at("planned_at"),
        _at("moved_at", nullable=True),
        sa.CheckConstraint("state IN ('planned', 'canceled')", name=op.f("ck_van_visits_state")),
        sa.CheckConstraint("from_at < until_at", name=op.f("ck_van_visits_ends_after_it_begins")),
        _refers("store_id", "stores.store_id"),
        _refers("community_id", "communities.community_id"),
        _refers("planned_by_id", "accounts.account_id"),
        sa.PrimaryKeyConstraint("van_visit_id", name=op.f("pk_van_visits")),
    )
    planned = sa.text("state = 'planned'")
    op.create_index(op.f("ix_van_visits_store_id_van_visit_id"), "van_visits", ["store_id", "van_visit_id"])
    op.create_index(op.f("ix_van_visits_community_id"), "van_visits", ["community_id"])
    op.create_index("ix_van_visits_next", "van_visits", ["community_id", "until_at"], postgresql_where=planned)
    op.create_index("ix_van_visits_ahead", "van_visits", ["until_at"], postgresql_where=planned)
    op.create_index(op.f("ix_van_visits_planned_by_id"), "van_visits", ["planned_by_id"])


def downgrade() -> None:
    op.drop_table("van_visits")
