"""Invitations to be a member of a merchant or a store, by phone."""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "invitations",
        sa.Column("invitation_id", sa.Uuid(), nullable=False),
        sa.Column("organization_kind", sa.Text(), nullable=False),
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("role", sa.Text(), nullable=False),
        sa.Column("phone_index", sa.LargeBinary(), nullable=False),
        sa.Column("invited_by", sa.Uuid(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("invited_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint(
            "organization_kind IN ('merchant', 'store', 'platform')", name=op.f("ck_invitations_organization_kind")
        ),
        sa.CheckConstraint(
            "role IN ('owner', 'manager', 'clerk', 'agent', 'reviewer', 'finance', 'support', 'admin')",
            name=op.f("ck_invitations_role"),
        ),
        sa.CheckConstraint("state IN ('open', 'accepted', 'refused', 'withdrawn')", name=op.f("ck_invitations_state")),
        sa.ForeignKeyConstraint(["invited_by"], ["accounts.account_id"], name=op.f("fk_invitations_invited_by")),
        sa.PrimaryKeyConstraint("invitation_id", name=op.f("pk_invitations")),
    )
    op.create_index(op.f("ix_invitations_invited_by"), "invitations", ["invited_by"])
    op.create_index(op.f("ix_invitations_phone_index"), "invitations", ["phone_index"])
    op.create_index(op.f("ix_invitations_organization_id"), "invitations", ["organization_id"])


def downgrade() -> None:
    op.drop_table("invitations")
