"""Erasure: who waits for it, and the digest by which limits outlive it."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "erasures",
        sa.Column("erasure_id", sa.Uuid(), nullable=False),
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("requested_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("state IN ('waiting', 'canceled', 'stopped', 'done')", name=op.f("ck_erasures_state")),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.account_id"], name=op.f("fk_erasures_account_id")),
        sa.PrimaryKeyConstraint("erasure_id", name=op.f("pk_erasures")),
    )
    op.create_index(op.f("ix_erasures_account_id"), "erasures", ["account_id"])
    op.create_index(
        "uq_erasures_waiting", "erasures", ["account_id"], unique=True, postgresql_where=sa.text("state = 'waiting'")
    )
    op.create_table(
        "former_identities",
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("number_index", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.account_id"], name=op.f("fk_former_identities_account_id")),
        sa.PrimaryKeyConstraint("account_id", name=op.f("pk_former_identities")),
    )
    op.create_index(op.f("ix_former_identities_number_index"), "former_identities", ["number_index"])
    op.drop_constraint(op.f("ck_accounts_state"), "accounts")
    op.execute(
        "ALTER TABLE accounts ADD CONSTRAINT ck_accounts_state CHECK (state IN ('active', 'suspended', 'erased')) "
        "NOT VALID"
    )
    op.execute("ALTER TABLE accounts VALIDATE CONSTRAINT ck_accounts_state")


def downgrade() -> None:
    """Refuse: rows of erased accounts have a state that the older version does not know."""
    message = "accounts that were erased cannot be brought back to an older version"
    raise RuntimeError(message)
