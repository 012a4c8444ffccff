"""Settlements with billers, and their payouts by the files of the bank."""

import sqlalchemy as sa
from alembic import op

revision = "0076"
down_revision = "0075"
branch_labels = None
depends_on = None

KINDS_BEFORE = (
    "'correction', 'commission_rate', 'commission_rule', 'staff_role', 'payout', 'mismatch', 'term_product',"
    " 'bill_outcome'"
)
PARTIES_BEFORE = "'merchant', 'courier'"


def _one_of(table: str, column: str, values: str) -> None:
    op.drop_constraint(op.f(f"ck_{table}_{column}"), table, type_="check")
    op.create_check_constraint(op.f(f"ck_{table}_{column}"), table, f"{column} IN ({values})")


def upgrade() -> None:
    _one_of("approvals", "kind", f"{KINDS_BEFORE}, 'biller_account'")
    for table in ("bank_accounts", "payouts"):
        _one_of(table, "party_kind", f"{PARTIES_BEFORE}, 'biller'")
    op.add_column("bill_payments", sa.Column("suspended_on", sa.Date(), nullable=True))
    op.add_column("bill_payments", sa.Column("settled_on", sa.Date(), nullable=True))
    op.create_index(
        "ix_bill_payments_unsettled",
        "bill_payments",
        ["biller_id", "bill_payment_id"],
        postgresql_where=sa.text("state = 'succeeded' AND settled_on IS NULL"),
    )
    op.create_table(
        "bill_settlements",
        sa.Column("settlement_id", sa.Uuid(), nullable=False),
        sa.Column("biller_id", sa.Uuid(), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("payments_count", sa.BigInteger(), nullable=False),
        sa.Column("amount_fen", sa.BigInteger(), nullable=False),
        sa.Column("suspended_fen", sa.BigInteger(), nullable=False),
        sa.Column("settled_at", sa.DateTime(timezone=True), nullable=False),
        *(
            sa.CheckConstraint(f"{column} >= 0", name=op.f(f"ck_bill_settlements_{column}_not_negative"))
            for column in ("payments_count", "amount_fen", "suspended_fen")
        ),
        sa.ForeignKeyConstraint(["biller_id"], ["billers.biller_id"], name=op.f("fk_bill_settlements_biller_id")),
        sa.PrimaryKeyConstraint("settlement_id", name=op.f("pk_bill_settlements")),
        sa.UniqueConstraint("biller_id", "day", name=op.f("uq_bill_settlements_biller_id_day")),
    )
    op.execute(
        """
        INSERT INTO ledger.account_kind
            (kind, title_zh, owner_kind, qualifier, sign, floor_fen, stripes, opens_by_itself, has_statement, meaning)
        VALUES ('biller_available', '缴费待划款', 'biller', 'uuid', 1, 0, 1, true, false,
            'agreed with a biller''s file, on its way to the biller''s bank account')
        """
    )


def downgrade() -> None:
    op.execute("DELETE FROM ledger.account_kind WHERE kind = 'biller_available'")
    op.drop_table("bill_settlements")
    op.drop_index("ix_bill_payments_unsettled", "bill_payments")
    op.drop_column("bill_payments", "settled_on")
    op.drop_column("bill_payments", "suspended_on")
    op.execute("DELETE FROM approvals WHERE kind = 'biller_account'")
    _one_of("approvals", "kind", KINDS_BEFORE)
    for table in ("bank_accounts", "payouts"):
        op.execute(f"DELETE FROM {table} WHERE party_kind = 'biller'")
        _one_of(table, "party_kind", PARTIES_BEFORE)
