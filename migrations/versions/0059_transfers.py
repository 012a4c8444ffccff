"""Transfers between residents: payees, what was sent, the day's cap; a purpose of step-up grants."""

import sqlalchemy as sa
from alembic import op

revision = "0059"
down_revision = "0058"
branch_labels = None
depends_on = None

_BEFORE = "'pay_checkout', 'tip_courier', 'buy_wealth', 'pay_bill'"


def _hold(purposes: str) -> None:
    op.execute("ALTER TABLE step_up_grants DROP CONSTRAINT ck_step_up_grants_purpose")
    op.execute(
        f"ALTER TABLE step_up_grants ADD CONSTRAINT ck_step_up_grants_purpose CHECK (purpose IN ({purposes})) NOT VALID"
    )
    op.execute("ALTER TABLE step_up_grants VALIDATE CONSTRAINT ck_step_up_grants_purpose")


def upgrade() -> None:
    op.create_table(
        "payees",
        sa.Column("payee_id", sa.Uuid(), nullable=False),
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("phone_sealed", sa.Text(), nullable=True),
        sa.Column("phone_index", sa.LargeBinary(), nullable=True),
        *(sa.Column(name, sa.DateTime(timezone=True), nullable=False) for name in ("added_at", "usable_at")),
        sa.Column("removed_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.account_id"], name=op.f("fk_payees_account_id")),
        sa.PrimaryKeyConstraint("payee_id", name=op.f("pk_payees")),
    )
    op.create_index(
        "ix_payees_own",
        "payees",
        ["account_id", "phone_index"],
        unique=True,
        postgresql_where=sa.text("removed_at IS NULL"),
    )
    op.create_index("ix_payees_account_id", "payees", ["account_id", sa.text("payee_id DESC")])
    op.create_table(
        "transfers",
        *(
            sa.Column(name, sa.Uuid(), nullable=False)
            for name in ("transfer_id", "account_id", "payee_id", "recipient_id")
        ),
        sa.Column("amount_fen", sa.BigInteger(), nullable=False),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("amount_fen > 0", name=op.f("ck_transfers_amount_fen_positive")),
        sa.CheckConstraint("recipient_id <> account_id", name=op.f("ck_transfers_two_people")),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.account_id"], name=op.f("fk_transfers_account_id")),
        sa.ForeignKeyConstraint(["payee_id"], ["payees.payee_id"], name=op.f("fk_transfers_payee_id")),
        sa.ForeignKeyConstraint(["recipient_id"], ["accounts.account_id"], name=op.f("fk_transfers_recipient_id")),
        sa.PrimaryKeyConstraint("transfer_id", name=op.f("pk_transfers")),
    )
    op.create_index("ix_transfers_account_id", "transfers", ["account_id", sa.text("transfer_id DESC")])
    op.create_index(op.f("ix_transfers_payee_id"), "transfers", ["payee_id"])
    op.create_index(op.f("ix_transfers_recipient_id"), "transfers", ["recipient_id"])
    op.create_table(
        "transfer_days",
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("sent_fen", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("sent_fen >= 0", name=op.f("ck_transfer_days_sent_fen_not_negative")),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.account_id"], name=op.f("fk_transfer_days_account_id")),
        sa.PrimaryKeyConstraint("account_id", name=op.f("pk_transfer_days")),
        postgresql_with={"fillfactor": 70},
    )
    _hold(f"{_BEFORE}, 'transfer'")


def downgrade() -> None:
    op.execute("DELETE FROM step_up_grants WHERE purpose = 'transfer'")
    _hold(_BEFORE)
    for table in ("transfer_days", "transfers", "payees"):
        op.drop_table(table)
