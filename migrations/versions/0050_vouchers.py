"""Vouchers with their terms and uses; ways of fulfillment beside goods; several earnings of one order."""

import sqlalchemy as sa
from alembic import op

revision = "0050"
down_revision = "0049"
branch_labels = None
depends_on = None

_FULFILLMENTS = "'delivery', 'store_pickup', 'shop_pickup', 'voucher', 'appointment'"
_REASONS = (
    "'unpaid', 'by_resident', 'not_accepted_in_time', 'no_courier', 'not_collected', 'out_of_stock', 'too_busy',"
    " 'closing', 'other', 'expired', 'no_show', 'provider_canceled'"
)


def upgrade() -> None:
    op.drop_constraint(op.f("ck_orders_fulfillment"), "orders", type_="check")
    op.create_check_constraint(op.f("ck_orders_fulfillment"), "orders", f"fulfillment IN ({_FULFILLMENTS})")
    op.drop_constraint(op.f("ck_orders_cancel_reason"), "orders", type_="check")
    op.create_check_constraint(op.f("ck_orders_cancel_reason"), "orders", f"cancel_reason IN ({_REASONS})")
    op.add_column("settlement_items", sa.Column("part", sa.BigInteger(), server_default="0", nullable=False))
    op.drop_constraint(op.f("pk_settlement_items"), "settlement_items", type_="primary")
    op.create_primary_key(op.f("pk_settlement_items"), "settlement_items", ["order_id", "party_kind", "part"])
    op.create_table(
        "voucher_terms",
        sa.Column("sku_id", sa.Uuid(), nullable=False),
        sa.Column("uses", sa.BigInteger(), nullable=False),
        sa.Column("valid_days", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("uses BETWEEN 1 AND 100", name=op.f("ck_voucher_terms_uses_range")),
        sa.CheckConstraint("valid_days BETWEEN 1 AND 1095", name=op.f("ck_voucher_terms_valid_days_range")),
        sa.ForeignKeyConstraint(["sku_id"], ["skus.sku_id"], name=op.f("fk_voucher_terms_sku_id")),
        sa.PrimaryKeyConstraint("sku_id", name=op.f("pk_voucher_terms")),
    )
    op.create_table(
        "vouchers",
        sa.Column("voucher_id", sa.Uuid(), nullable=False),
        sa.Column("order_id", sa.Uuid(), nullable=False),
        sa.Column("line", sa.BigInteger(), nullable=False),
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("shop_id", sa.Uuid(), nullable=False),
        sa.Column("code_digest", sa.LargeBinary(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("uses", sa.BigInteger(), nullable=False),
        sa.Column("uses_left", sa.BigInteger(), nullable=False),
        sa.Column("value_fen", sa.BigInteger(), nullable=False),
        sa.Column("value_left_fen", sa.BigInteger(), nullable=False),
        sa.Column("issued_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("state IN ('issued', 'used', 'refunded', 'expired')", name=op.f("ck_vouchers_state")),
        sa.CheckConstraint("uses_left BETWEEN 0 AND uses", name=op.f("ck_vouchers_uses_left_range")),
        sa.CheckConstraint("value_left_fen BETWEEN 0 AND value_fen", name=op.f("ck_vouchers_value_left_within_value")),
        sa.CheckConstraint("state = 'issued' OR value_left_fen = 0", name=op.f("ck_vouchers_over_is_empty")),
        sa.CheckConstraint("value_fen >= 0", name=op.f("ck_vouchers_value_fen_not_negative")),
        sa.ForeignKeyConstraint(
            ["order_id", "line"], ["order_lines.order_id", "order_lines.line"], name=op.f("fk_vouchers_order_id_line")
        ),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.account_id"], name=op.f("fk_vouchers_account_id")),
        sa.PrimaryKeyConstraint("voucher_id", name=op.f("pk_vouchers")),
        sa.UniqueConstraint("code_digest", name=op.f("uq_vouchers_code_digest")),
        postgresql_with={"fillfactor": 80},
    )
    op.create_index("ix_vouchers_mine", "vouchers", ["account_id", sa.text("voucher_id DESC")])
    op.create_index("ix_vouchers_line", "vouchers", ["order_id", "line"])
    op.create_table(
        "voucher_uses",
        sa.Column("voucher_id", sa.Uuid(), nullable=False),
        sa.Column("use_number", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("amount_fen", sa.BigInteger(), nullable=False),
        sa.Column("commission_fen", sa.BigInteger(), nullable=False),
        sa.Column("redeemed_by_id", sa.Uuid(), nullable=False),
        sa.Column("used_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("amount_fen >= 0", name=op.f("ck_voucher_uses_amount_fen_not_negative")),
        sa.CheckConstraint(
            "commission_fen BETWEEN 0 AND amount_fen", name=op.f("ck_voucher_uses_commission_within_amount")
        ),
        sa.ForeignKeyConstraint(["voucher_id"], ["vouchers.voucher_id"], name=op.f("fk_voucher_uses_voucher_id")),
        sa.PrimaryKeyConstraint("voucher_id", "use_number", name=op.f("pk_voucher_uses")),
    )


def downgrade() -> None:
    op.drop_table("voucher_uses")
    op.drop_table("vouchers")
    op.drop_table("voucher_terms")
    op.drop_constraint(op.f("pk_settlement_items"), "settlement_items", type_="primary")
    op.create_primary_key(op.f("pk_settlement_items"), "settlement_items", ["order_id", "party_kind"])
    op.drop_column("settlement_items", "part")
    op.drop_constraint(op.f("ck_orders_cancel_reason"), "orders", type_="check")
    op.create_check_constraint(
        op.f("ck_orders_cancel_reason"),
        "orders",
        "cancel_reason IN ('unpaid', 'by_resident', 'not_accepted_in_time', 'no_courier', 'not_collected',"
        " 'out_of_stock', 'too_busy', 'closing', 'other')",
    )
    op.drop_constraint(op.f("ck_orders_fulfillment"), "orders", type_="check")
    op.create_check_constraint(op.f("ck_orders_fulfillment"), "orders", "fulfillment IN ('delivery', 'store_pickup')")
