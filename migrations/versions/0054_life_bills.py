"""Life bills: billers, accounts with them, who bound them, bills, quotes, payments, notices, files, differences."""

import sqlalchemy as sa
from alembic import op

revision = "0054"
down_revision = "0053"
branch_labels = None
depends_on = None

_PURPOSES = "'pay_checkout', 'tip_courier', 'buy_wealth'"


def _purposes(names: str) -> None:
    op.execute(
        f"""
        ALTER TABLE step_up_grants DROP CONSTRAINT ck_step_up_grants_purpose;
        ALTER TABLE step_up_grants ADD CONSTRAINT ck_step_up_grants_purpose
            CHECK (purpose IN ({names})) NOT VALID;
        ALTER TABLE step_up_grants VALIDATE CONSTRAINT ck_step_up_grants_purpose;
        """
    )


def upgrade() -> None:
    _purposes(f"{_PURPOSES}, 'pay_bill'")
    op.create_table(
        "billers",
        sa.Column("biller_id", sa.Uuid(), nullable=False),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("name_zh", sa.Text(), nullable=False),
        sa.Column("name_en", sa.Text(), nullable=False),
        sa.Column("region_code", sa.Text(), nullable=False),
        sa.Column("region_zh", sa.Text(), nullable=False),
        sa.Column("region_en", sa.Text(), nullable=False),
        sa.Column("digits_min", sa.BigInteger(), nullable=False),
        sa.Column("digits_max", sa.BigInteger(), nullable=False),
        sa.Column("check_scheme", sa.Text(), nullable=False),
        sa.Column("is_part_allowed", sa.Boolean(), nullable=False),
        sa.Column("is_prepaid", sa.Boolean(), nullable=False),
        sa.Column("minimum_fen", sa.BigInteger(), nullable=False),
        sa.Column("maximum_fen", sa.BigInteger(), nullable=False),
        sa.Column("is_active", sa.Boolean(), server_default=sa.text("true"), nullable=False),
        sa.CheckConstraint(
            "check_scheme IN ('none', 'luhn', 'mod_11_10', 'mod_97_10', 'mobile')", name=op.f("ck_billers_check_scheme")
        ),
        sa.CheckConstraint(
            "kind IN ('water', 'electricity', 'gas', 'television', 'broadband', 'telephone')",
            name=op.f("ck_billers_kind"),
        ),
        sa.CheckConstraint("digits_min BETWEEN 1 AND digits_max", name=op.f("ck_billers_digits")),
        sa.CheckConstraint("maximum_fen >= 0", name=op.f("ck_billers_maximum_fen_not_negative")),
        sa.CheckConstraint("minimum_fen >= 0", name=op.f("ck_billers_minimum_fen_not_negative")),
        sa.PrimaryKeyConstraint("biller_id", name=op.f("pk_billers")),
        sa.UniqueConstraint("code", name=op.f("uq_billers_code")),
    )
    op.create_index("ix_billers_region_code", "billers", ["region_code", "kind"], unique=False)
    op.create_table(
        "utility_accounts",
        sa.Column("utility_account_id", sa.Uuid(), nullable=False),
        sa.Column("biller_id", sa.Uuid(), nullable=False),
        sa.Column("number_sealed", sa.Text(), nullable=True),
        sa.Column("number_index", sa.LargeBinary(), nullable=False),
        sa.Column("tail", sa.Text(), nullable=False),
        sa.Column("balance_fen", sa.BigInteger(), nullable=True),
        sa.Column("asked_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["biller_id"], ["billers.biller_id"], name=op.f("fk_utility_accounts_biller_id")),
        sa.PrimaryKeyConstraint("utility_account_id", name=op.f("pk_utility_accounts")),
        sa.UniqueConstraint("biller_id", "number_index", name=op.f("uq_utility_accounts_biller_id_number_index")),
    )
    op.create_table(
        "bill_bindings",
        sa.Column("binding_id", sa.Uuid(), nullable=False),
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("utility_account_id", sa.Uuid(), nullable=False),
        sa.Column("nickname_sealed", sa.Text(), nullable=False),
        sa.Column("is_reminded", sa.Boolean(), nullable=False),
        sa.Column("bound_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("removed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("look_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("autopay_cap_fen", sa.BigInteger(), nullable=True),
        sa.Column("autopay_factor", sa.Text(), nullable=True),
        sa.Column("autopay_tried_on", sa.Date(), server_default="2000-01-01", nullable=False),
        sa.CheckConstraint("autopay_factor IN ('pin', 'passkey')", name=op.f("ck_bill_bindings_autopay_factor")),
        sa.CheckConstraint(
            "(autopay_cap_fen IS NULL) = (autopay_factor IS NULL)", name=op.f("ck_bill_bindings_autopay_confirmed")
        ),
        sa.CheckConstraint("autopay_cap_fen > 0", name=op.f("ck_bill_bindings_autopay_cap_fen_positive")),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.account_id"], name=op.f("fk_bill_bindings_account_id")),
        sa.ForeignKeyConstraint(
            ["utility_account_id"],
            ["utility_accounts.utility_account_id"],
            name=op.f("fk_bill_bindings_utility_account_id"),
        ),
        sa.PrimaryKeyConstraint("binding_id", name=op.f("pk_bill_bindings")),
    )
    op.create_index("ix_bill_bindings_account_id", "bill_bindings", ["account_id", "binding_id"], unique=False)
    op.create_index(
        "ix_bill_bindings_autopay",
        "bill_bindings",
        ["autopay_tried_on"],
        unique=False,
        postgresql_where=sa.text("removed_at IS NULL AND autopay_cap_fen IS NOT NULL"),
    )
    op.create_index(
        "ix_bill_bindings_bound",
        "bill_bindings",
        ["account_id", "utility_account_id"],
        unique=True,
        postgresql_where=sa.text("removed_at IS NULL"),
    )
    op.create_index(
        "ix_bill_bindings_look_at",
        "bill_bindings",
        ["look_at"],
        unique=False,
        postgresql_where=sa.text("removed_at IS NULL"),
    )
    op.create_index("ix_bill_bindings_utility_account_id", "bill_bindings", ["utility_account_id"], unique=False)
    op.create_table(
        "bills",
        sa.Column("bill_id", sa.Uuid(), nullable=False),
        sa.Column("utility_account_id", sa.Uuid(), nullable=False),
        sa.Column("bill_no", sa.Text(), nullable=False),
        sa.Column("month", sa.Date(), nullable=False),
        sa.Column("due_on", sa.Date(), nullable=False),
        sa.Column("amount_fen", sa.BigInteger(), nullable=False),
        sa.Column("told_paid_fen", sa.BigInteger(), nullable=False),
        sa.Column("taken_fen", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("told_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("amount_fen > 0", name=op.f("ck_bills_amount_fen_positive")),
        sa.CheckConstraint("taken_fen BETWEEN 0 AND amount_fen", name=op.f("ck_bills_taken_once")),
        sa.CheckConstraint("told_paid_fen >= 0", name=op.f("ck_bills_told_paid_fen_not_negative")),
        sa.ForeignKeyConstraint(
            ["utility_account_id"], ["utility_accounts.utility_account_id"], name=op.f("fk_bills_utility_account_id")
        ),
        sa.PrimaryKeyConstraint("bill_id", name=op.f("pk_bills")),
        sa.UniqueConstraint("utility_account_id", "bill_no", name=op.f("uq_bills_utility_account_id_bill_no")),
    )
    op.create_table(
        "bill_quotes",
        sa.Column("quote_id", sa.Uuid(), nullable=False),
        sa.Column("binding_id", sa.Uuid(), nullable=False),
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("bill_id", sa.Uuid(), nullable=True),
        sa.Column("low_fen", sa.BigInteger(), nullable=False),
        sa.Column("high_fen", sa.BigInteger(), nullable=False),
        sa.Column("lock", sa.Text(), nullable=True),
        sa.Column("locked_until", sa.DateTime(timezone=True), nullable=False),
        sa.Column("used_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("low_fen BETWEEN 1 AND high_fen", name=op.f("ck_bill_quotes_amounts")),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.account_id"], name=op.f("fk_bill_quotes_account_id")),
        sa.ForeignKeyConstraint(["bill_id"], ["bills.bill_id"], name=op.f("fk_bill_quotes_bill_id")),
        sa.ForeignKeyConstraint(["binding_id"], ["bill_bindings.binding_id"], name=op.f("fk_bill_quotes_binding_id")),
        sa.PrimaryKeyConstraint("quote_id", name=op.f("pk_bill_quotes")),
    )
    op.create_index(op.f("ix_bill_quotes_account_id"), "bill_quotes", ["account_id"], unique=False)
    op.create_index(op.f("ix_bill_quotes_bill_id"), "bill_quotes", ["bill_id"], unique=False)
    op.create_index(op.f("ix_bill_quotes_binding_id"), "bill_quotes", ["binding_id"], unique=False)
    op.create_index(op.f("ix_bill_quotes_locked_until"), "bill_quotes", ["locked_until"], unique=False)
    op.create_table(
        "bill_payments",
        sa.Column("bill_payment_id", sa.Uuid(), nullable=False),
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("biller_id", sa.Uuid(), nullable=False),
        sa.Column("utility_account_id", sa.Uuid(), nullable=False),
        sa.Column("bill_id", sa.Uuid(), nullable=True),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("is_whole", sa.Boolean(), nullable=False),
        sa.Column("amount_fen", sa.BigInteger(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("lock", sa.Text(), nullable=True),
        sa.Column("requested_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ask_count", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("next_ask_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("biller_reference", sa.Text(), nullable=True),
        sa.Column("booked_on", sa.Date(), nullable=True),
        sa.Column("refusal", sa.Text(), nullable=True),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("source IN ('person', 'auto')", name=op.f("ck_bill_payments_source")),
        sa.CheckConstraint(
            "state IN ('debited', 'submitted', 'unknown', 'succeeded', 'returned')", name=op.f("ck_bill_payments_state")
        ),
        sa.CheckConstraint("amount_fen > 0", name=op.f("ck_bill_payments_amount_fen_positive")),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.account_id"], name=op.f("fk_bill_payments_account_id")),
        sa.ForeignKeyConstraint(["bill_id"], ["bills.bill_id"], name=op.f("fk_bill_payments_bill_id")),
        sa.ForeignKeyConstraint(["biller_id"], ["billers.biller_id"], name=op.f("fk_bill_payments_biller_id")),
        sa.ForeignKeyConstraint(
            ["utility_account_id"],
            ["utility_accounts.utility_account_id"],
            name=op.f("fk_bill_payments_utility_account_id"),
        ),
        sa.PrimaryKeyConstraint("bill_payment_id", name=op.f("pk_bill_payments")),
        sa.UniqueConstraint("key", name=op.f("uq_bill_payments_key")),
    )
    op.create_index("ix_bill_payments_account_id", "bill_payments", ["account_id", "bill_payment_id"], unique=False)
    op.create_index(op.f("ix_bill_payments_bill_id"), "bill_payments", ["bill_id"], unique=False)
    op.create_index("ix_bill_payments_biller_id", "bill_payments", ["biller_id", "booked_on"], unique=False)
    op.create_index(
        "ix_bill_payments_open",
        "bill_payments",
        ["next_ask_at"],
        unique=False,
        postgresql_where=sa.text("state IN ('debited', 'submitted', 'unknown')"),
    )
    op.create_index(
        "ix_bill_payments_paid_once",
        "bill_payments",
        ["bill_id"],
        unique=True,
        postgresql_where=sa.text("is_whole AND state <> 'returned'"),
    )
    op.create_index(op.f("ix_bill_payments_utility_account_id"), "bill_payments", ["utility_account_id"], unique=False)
    op.create_table(
        "bill_notices",
        sa.Column("notice_id", sa.Uuid(), nullable=False),
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("binding_id", sa.Uuid(), nullable=False),
        sa.Column("bill_id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("amount_fen", sa.BigInteger(), nullable=False),
        sa.Column("due_on", sa.Date(), nullable=False),
        sa.Column("noticed_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("kind IN ('due', 'paid', 'over_cap', 'not_paid')", name=op.f("ck_bill_notices_kind")),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.account_id"], name=op.f("fk_bill_notices_account_id")),
        sa.ForeignKeyConstraint(["bill_id"], ["bills.bill_id"], name=op.f("fk_bill_notices_bill_id")),
        sa.ForeignKeyConstraint(["binding_id"], ["bill_bindings.binding_id"], name=op.f("fk_bill_notices_binding_id")),
        sa.PrimaryKeyConstraint("notice_id", name=op.f("pk_bill_notices")),
        sa.UniqueConstraint("binding_id", "bill_id", "kind", name=op.f("uq_bill_notices_binding_id_bill_id_kind")),
    )
    op.create_index("ix_bill_notices_account_id", "bill_notices", ["account_id", "notice_id"], unique=False)
    op.create_index(op.f("ix_bill_notices_bill_id"), "bill_notices", ["bill_id"], unique=False)
    op.create_table(
        "bill_files",
        sa.Column("file_id", sa.Uuid(), nullable=False),
        sa.Column("biller_id", sa.Uuid(), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("sha256", sa.Text(), nullable=False),
        sa.Column("lines_count", sa.BigInteger(), nullable=False),
        sa.Column("total_fen", sa.BigInteger(), nullable=False),
        sa.Column("taken_at", sa.DateTime(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False),
        sa.ForeignKeyConstraint(["biller_id"], ["billers.biller_id"], name=op.f("fk_bill_files_biller_id")),
        sa.PrimaryKeyConstraint("file_id", name=op.f("pk_bill_files")),
        sa.UniqueConstraint("biller_id", "day", name=op.f("uq_bill_files_biller_id_day")),
    )
    op.create_table(
        "bill_file_lines",
        sa.Column("biller_id", sa.Uuid(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("file_id", sa.Uuid(), nullable=False),
        sa.Column("reference", sa.Text(), nullable=False),
        sa.Column("amount_fen", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["biller_id"], ["billers.biller_id"], name=op.f("fk_bill_file_lines_biller_id")),
        sa.ForeignKeyConstraint(["file_id"], ["bill_files.file_id"], name=op.f("fk_bill_file_lines_file_id")),
        sa.PrimaryKeyConstraint("biller_id", "key", name=op.f("pk_bill_file_lines")),
    )
    op.create_index(op.f("ix_bill_file_lines_file_id"), "bill_file_lines", ["file_id"], unique=False)
    op.create_table(
        "bill_differences",
        sa.Column("difference_id", sa.Uuid(), nullable=False),
        sa.Column("biller_id", sa.Uuid(), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("mismatch", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("ours_fen", sa.BigInteger(), nullable=True),
        sa.Column("theirs_fen", sa.BigInteger(), nullable=True),
        sa.Column("found_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("resolved_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("resolved_by_id", sa.Uuid(), nullable=True),
        sa.Column("why", sa.Text(), nullable=True),
        sa.CheckConstraint(
            "mismatch IN ('missing_here', 'missing_there', 'amount_differs', 'paid_after_return')",
            name=op.f("ck_bill_differences_mismatch"),
        ),
        sa.CheckConstraint("(resolved_at IS NULL) = (why IS NULL)", name=op.f("ck_bill_differences_resolved_somehow")),
        sa.ForeignKeyConstraint(["biller_id"], ["billers.biller_id"], name=op.f("fk_bill_differences_biller_id")),
        sa.ForeignKeyConstraint(
            ["resolved_by_id"], ["accounts.account_id"], name=op.f("fk_bill_differences_resolved_by_id")
        ),
        sa.PrimaryKeyConstraint("difference_id", name=op.f("pk_bill_differences")),
        sa.UniqueConstraint("biller_id", "key", "mismatch", name=op.f("uq_bill_differences_biller_id_key_mismatch")),
    )
    op.create_index(
        "ix_bill_differences_open",
        "bill_differences",
        ["difference_id"],
        unique=False,
        postgresql_where=sa.text("resolved_at IS NULL"),
    )
    op.create_index(op.f("ix_bill_differences_resolved_by_id"), "bill_differences", ["resolved_by_id"], unique=False)


def downgrade() -> None:
    for table in (
        "bill_differences",
        "bill_file_lines",
        "bill_files",
        "bill_notices",
        "bill_payments",
        "bill_quotes",
        "bills",
        "bill_bindings",
        "utility_accounts",
        "billers",
    ):
        op.drop_table(table)
    op.execute("DELETE FROM step_up_grants WHERE purpose = 'pay_bill'")
    _purposes(_PURPOSES)
