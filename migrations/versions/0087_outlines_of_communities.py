"""Outlines of communities, and their history: drawn, merged, split."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0087"
down_revision = "0086"
branch_labels = None
depends_on = None


def _id(name: str, *, nullable: bool = False) -> sa.Column[object]:
    return sa.Column(name, sa.Uuid(), nullable=nullable)


def _refers(column: str, target: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint([column], [target], name=op.f(f"fk_community_changes_{column}"))


def upgrade() -> None:
    op.add_column("communities", sa.Column("outline", JSONB(), nullable=True))
    op.add_column("communities", sa.Column("radius_m", sa.BigInteger(), nullable=True))
    op.add_column("communities", _id("merged_into_id", nullable=True))
    op.create_foreign_key(
        op.f("fk_communities_merged_into_id"),
        "communities",
        "communities",
        ["merged_into_id"],
        ["community_id"],
        postgresql_not_valid=True,
    )
    op.execute("ALTER TABLE communities VALIDATE CONSTRAINT fk_communities_merged_into_id")
    op.create_index(op.f("ix_communities_merged_into_id"), "communities", ["merged_into_id"])
    op.create_table(
        "community_changes",
        _id("change_id"),
        _id("community_id"),
        _id("other_id", nullable=True),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("details", JSONB(), nullable=False),
        sa.Column("why", sa.Text(), nullable=False),
        _id("set_by_id"),
        sa.Column("set_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("kind IN ('outlined', 'merged', 'split')", name=op.f("ck_community_changes_kind")),
        _refers("community_id", "communities.community_id"),
        _refers("other_id", "communities.community_id"),
        _refers("set_by_id", "accounts.account_id"),
        sa.PrimaryKeyConstraint("change_id", name=op.f("pk_community_changes")),
    )
    op.create_index(
        "ix_community_changes_community_id", "community_changes", ["community_id", sa.text("change_id DESC")]
    )
    op.create_index(op.f("ix_community_changes_other_id"), "community_changes", ["other_id"])
    op.create_index(op.f("ix_community_changes_set_by_id"), "community_changes", ["set_by_id"])


def downgrade() -> None:
    op.drop_table("community_changes")
    for name in ("merged_into_id", "radius_m", "outline"):
        op.drop_column("communities", name)
