"""Community events, sign-ups for them, and two figures of a store's day."""

import sqlalchemy as sa
from alembic import op

revision = "0070"
down_revision = "0069"
branch_labels = None
depends_on = None

FIGURES = ("activities_held", "activity_guests")


def _id(name: str, *, nullable: bool = False) -> sa.Column[object]:
    return sa.Column(name, sa.Uuid(), nullable=nullable)


def _at(name: str, *, nullable: bool = False) -> sa.Column[object]:
    return sa.Column(name, sa.DateTime(timezone=True), nullable=nullable)


def _refers(table: str, column: str, target: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint([column], [target], name=op.f(f"fk_{table}_{column}"))


def upgrade() -> None:
    op.create_table(
        "activities",
        _id("activity_id"),
        _id("store_id"),
        _id("community_id", nullable=True),
        *(sa.Column(name, sa.Text(), nullable=False) for name in ("title", "words", "place")),
        _at("from_at"),
        _at("until_at"),
        sa.Column("capacity", sa.BigInteger(), nullable=False),
        sa.Column("confirmed_count", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("waiting_count", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        _id("published_by_id"),
        _at("published_at"),
        _at("ended_at", nullable=True),
        sa.CheckConstraint("state IN ('published', 'canceled', 'over')", name=op.f("ck_activities_state")),
        sa.CheckConstraint("confirmed_count >= 0", name=op.f("ck_activities_confirmed_count_not_negative")),
        sa.CheckConstraint("waiting_count >= 0", name=op.f("ck_activities_waiting_count_not_negative")),
        sa.CheckConstraint("confirmed_count <= capacity", name=op.f("ck_activities_within_capacity")),
        sa.CheckConstraint("from_at < until_at", name=op.f("ck_activities_ends_after_it_begins")),
        _refers("activities", "store_id", "stores.store_id"),
        _refers("activities", "community_id", "communities.community_id"),
        _refers("activities", "published_by_id", "accounts.account_id"),
        sa.PrimaryKeyConstraint("activity_id", name=op.f("pk_activities")),
    )
    op.create_index(op.f("ix_activities_community_id"), "activities", ["community_id"])
    op.create_index(op.f("ix_activities_published_by_id"), "activities", ["published_by_id"])
    op.create_index(op.f("ix_activities_store_id_activity_id"), "activities", ["store_id", "activity_id"])
    op.create_index(op.f("ix_activities_from_at"), "activities", ["from_at"])
    op.create_table(
        "activity_signups",
        _id("signup_id"),
        _id("activity_id"),
        _id("account_id"),
        sa.Column("state", sa.Text(), nullable=False),
        _at("signed_up_at"),
        _at("checked_in_at", nullable=True),
        _id("checked_in_by_id", nullable=True),
        _at("ended_at", nullable=True),
        sa.CheckConstraint(
            "state IN ('confirmed', 'waiting', 'canceled', 'attended', 'absent', 'lapsed', 'called_off')",
            name=op.f("ck_activity_signups_state"),
        ),
        _refers("activity_signups", "activity_id", "activities.activity_id"),
        _refers("activity_signups", "account_id", "accounts.account_id"),
        _refers("activity_signups", "checked_in_by_id", "accounts.account_id"),
        sa.PrimaryKeyConstraint("signup_id", name=op.f("pk_activity_signups")),
    )
    op.create_index(
        "uq_activity_signups_once",
        "activity_signups",
        ["activity_id", "account_id"],
        unique=True,
        postgresql_where=sa.text("state <> 'canceled'"),
    )
    op.create_index(op.f("ix_activity_signups_account_id_signup_id"), "activity_signups", ["account_id", "signup_id"])
    op.create_index("ix_activity_signups_listed", "activity_signups", ["activity_id", "signup_id"])
    op.create_index(
        "ix_activity_signups_came",
        "activity_signups",
        ["checked_in_at"],
        postgresql_where=sa.text("checked_in_at IS NOT NULL"),
    )
    op.create_index(op.f("ix_activity_signups_checked_in_by_id"), "activity_signups", ["checked_in_by_id"])
    for name in FIGURES:
        op.add_column("store_days", sa.Column(name, sa.BigInteger(), server_default="0", nullable=False))


def downgrade() -> None:
    for name in FIGURES:
        op.drop_column("store_days", name)
    op.drop_table("activity_signups")
    op.drop_table("activities")
