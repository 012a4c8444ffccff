"""Requests that another person approves."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "approvals",
        sa.Column("approval_id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("body", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("why", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("requested_by", sa.Uuid(), nullable=False),
        sa.Column("requested_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("decided_by", sa.Uuid(), nullable=True),
        sa.Column("decided_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("kind IN ('correction', 'commission_rate', 'staff_role')", name=op.f("ck_approvals_kind")),
        sa.CheckConstraint("state IN ('open', 'approved', 'rejected')", name=op.f("ck_approvals_state")),
        sa.CheckConstraint("decided_by <> requested_by", name=op.f("ck_approvals_two_people")),
        sa.CheckConstraint("(state = 'open') = (decided_by IS NULL)", name=op.f("ck_approvals_decided_by_somebody")),
        sa.ForeignKeyConstraint(["requested_by"], ["accounts.account_id"], name=op.f("fk_approvals_requested_by")),
        sa.ForeignKeyConstraint(["decided_by"], ["accounts.account_id"], name=op.f("fk_approvals_decided_by")),
        sa.PrimaryKeyConstraint("approval_id", name=op.f("pk_approvals")),
    )
    op.create_index(op.f("ix_approvals_requested_by"), "approvals", ["requested_by"])
    op.create_index(op.f("ix_approvals_decided_by"), "approvals", ["decided_by"])
    op.create_index("ix_approvals_open", "approvals", ["approval_id"], postgresql_where=sa.text("state = 'open'"))


def downgrade() -> None:
    op.drop_table("approvals")
