"""Payment PINs, and the step-up grants that they buy."""

import sqlalchemy as sa
from alembic import op

revision = "0023"
down_revision = "0022"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "payment_pins",
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.Column("tries_left", sa.BigInteger(), nullable=False),
        sa.Column("lock_count", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("locked_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("set_at", sa.DateTime(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False),
        sa.CheckConstraint("tries_left >= 0", name=op.f("ck_payment_pins_tries_left_not_negative")),
        sa.CheckConstraint("lock_count >= 0", name=op.f("ck_payment_pins_lock_count_not_negative")),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.account_id"], name=op.f("fk_payment_pins_account_id")),
        sa.PrimaryKeyConstraint("account_id", name=op.f("pk_payment_pins")),
        postgresql_with={"fillfactor": 70},
    )
    op.create_table(
        "step_up_grants",
        sa.Column("grant_id", sa.Uuid(), nullable=False),
        sa.Column("session_id", sa.Uuid(), nullable=False),
        sa.Column("purpose", sa.Text(), nullable=False),
        sa.Column("subject_id", sa.Uuid(), nullable=False),
        sa.Column("amount_fen_max", sa.BigInteger(), nullable=False),
        sa.Column("factor", sa.Text(), nullable=False),
        sa.Column(
            "granted_at", sa.DateTime(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False
        ),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("used_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("amount_fen_max > 0", name=op.f("ck_step_up_grants_amount_fen_max_positive")),
        sa.CheckConstraint("factor IN ('pin')", name=op.f("ck_step_up_grants_factor")),
        sa.CheckConstraint("purpose IN ('pay_checkout')", name=op.f("ck_step_up_grants_purpose")),
        sa.ForeignKeyConstraint(["session_id"], ["sessions.session_id"], name=op.f("fk_step_up_grants_session_id")),
        sa.PrimaryKeyConstraint("grant_id", name=op.f("pk_step_up_grants")),
    )
    op.create_index(op.f("ix_step_up_grants_session_id"), "step_up_grants", ["session_id"])
    op.create_index(op.f("ix_step_up_grants_granted_at"), "step_up_grants", ["granted_at"])


def downgrade() -> None:
    op.drop_table("step_up_grants")
    op.drop_table("payment_pins")
