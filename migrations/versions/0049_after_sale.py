"""After-sale cases with their lines, and replacements for what a shop lacks."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0049"
down_revision = "0048"
branch_labels = None
depends_on = None

_SOURCES = ("escrow", "pending", "available", "debt", "commission", "platform")
_CASE_STATES = (
    "'applied', 'returning', 'sent_back', 'exchanging', 'replaced', 'rejected', 'escalated', 'refunded', 'exchanged',"
    " 'withdrawn', 'refused'"
)


def upgrade() -> None:
    op.create_table(
        "after_sale_cases",
        sa.Column("case_id", sa.Uuid(), nullable=False),
        sa.Column("order_id", sa.Uuid(), nullable=False),
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("shop_id", sa.Uuid(), nullable=False),
        sa.Column("merchant_id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("asked_fen", sa.BigInteger(), nullable=False),
        sa.Column("note_sealed", sa.Text(), nullable=True),
        sa.Column("evidence", postgresql.JSONB(), server_default="[]", nullable=False),
        sa.Column("answer", sa.Text(), nullable=True),
        sa.Column("appeal_sealed", sa.Text(), nullable=True),
        sa.Column("return_reference", sa.Text(), nullable=True),
        sa.Column("replacement_reference", sa.Text(), nullable=True),
        sa.Column("fault", sa.Text(), nullable=True),
        sa.Column("payer", sa.Text(), nullable=True),
        sa.Column("ruling", sa.Text(), nullable=True),
        sa.Column("ruled_by_id", sa.Uuid(), nullable=True),
        sa.Column("refund_id", sa.Uuid(), nullable=True),
        sa.Column("refund_fen", sa.BigInteger(), server_default="0", nullable=False),
        *(sa.Column(f"from_{name}_fen", sa.BigInteger(), server_default="0", nullable=False) for name in _SOURCES),
        sa.Column("applied_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("moved_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(f"state IN ({_CASE_STATES})", name=op.f("ck_after_sale_cases_state")),
        sa.CheckConstraint("kind IN ('refund_only', 'return', 'exchange')", name=op.f("ck_after_sale_cases_kind")),
        sa.CheckConstraint(
            "reason IN ('wrong_item', 'missing_item', 'damaged', 'spoiled', 'not_as_described', 'service_poor',"
            " 'changed_mind')",
            name=op.f("ck_after_sale_cases_reason"),
        ),
        sa.CheckConstraint(
            "fault IN ('merchant', 'courier', 'resident', 'platform', 'nobody')", name=op.f("ck_after_sale_cases_fault")
        ),
        sa.CheckConstraint("payer IN ('merchant', 'platform')", name=op.f("ck_after_sale_cases_payer")),
        sa.CheckConstraint("asked_fen > 0", name=op.f("ck_after_sale_cases_asked_fen_positive")),
        sa.CheckConstraint("refund_fen BETWEEN 0 AND asked_fen", name=op.f("ck_after_sale_cases_refund_within_asked")),
        sa.CheckConstraint(
            "refund_fen = from_escrow_fen + from_pending_fen + from_available_fen + from_debt_fen"
            " + from_commission_fen + from_platform_fen",
            name=op.f("ck_after_sale_cases_refund_has_sources"),
        ),
        sa.CheckConstraint(
            "(state = 'refunded') <= (payer IS NOT NULL)", name=op.f("ck_after_sale_cases_refund_has_payer")
        ),
        *(
            sa.CheckConstraint(f"from_{name}_fen >= 0", name=op.f(f"ck_after_sale_cases_from_{name}_fen_not_negative"))
            for name in _SOURCES
        ),
        sa.ForeignKeyConstraint(["order_id"], ["orders.order_id"], name=op.f("fk_after_sale_cases_order_id")),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.account_id"], name=op.f("fk_after_sale_cases_account_id")),
        sa.ForeignKeyConstraint(["refund_id"], ["refunds.refund_id"], name=op.f("fk_after_sale_cases_refund_id")),
        sa.PrimaryKeyConstraint("case_id", name=op.f("pk_after_sale_cases")),
    )
    op.create_index(op.f("ix_after_sale_cases_order_id"), "after_sale_cases", ["order_id"])
    op.create_index(op.f("ix_after_sale_cases_refund_id"), "after_sale_cases", ["refund_id"])
    op.create_index("ix_after_sale_cases_mine", "after_sale_cases", ["account_id", sa.text("case_id DESC")])
    op.create_index("ix_after_sale_cases_shop", "after_sale_cases", ["shop_id", sa.text("case_id DESC")])
    op.create_index(
        "ix_after_sale_cases_escalated",
        "after_sale_cases",
        ["case_id"],
        postgresql_where=sa.text("state = 'escalated'"),
    )
    op.create_table(
        "after_sale_case_lines",
        sa.Column("case_id", sa.Uuid(), nullable=False),
        sa.Column("line", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("order_id", sa.Uuid(), nullable=False),
        sa.Column("quantity", sa.BigInteger(), nullable=False),
        sa.Column("asked_fen", sa.BigInteger(), nullable=False),
        sa.Column("refund_fen", sa.BigInteger(), server_default="0", nullable=False),
        sa.CheckConstraint("quantity BETWEEN 1 AND 999", name=op.f("ck_after_sale_case_lines_quantity_range")),
        sa.CheckConstraint("asked_fen > 0", name=op.f("ck_after_sale_case_lines_asked_fen_positive")),
        sa.CheckConstraint(
            "refund_fen BETWEEN 0 AND asked_fen", name=op.f("ck_after_sale_case_lines_refund_within_asked")
        ),
        sa.ForeignKeyConstraint(
            ["case_id"], ["after_sale_cases.case_id"], name=op.f("fk_after_sale_case_lines_case_id")
        ),
        sa.ForeignKeyConstraint(
            ["order_id", "line"],
            ["order_lines.order_id", "order_lines.line"],
            name=op.f("fk_after_sale_case_lines_order_id_line"),
        ),
        sa.PrimaryKeyConstraint("case_id", "line", name=op.f("pk_after_sale_case_lines")),
    )
    op.create_index("ix_after_sale_case_lines_line", "after_sale_case_lines", ["order_id", "line"])
    op.create_table(
        "replacements",
        sa.Column("replacement_id", sa.Uuid(), nullable=False),
        sa.Column("order_id", sa.Uuid(), nullable=False),
        sa.Column("line", sa.BigInteger(), nullable=False),
        sa.Column("sku_id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("option", sa.Text(), nullable=False),
        sa.Column("unit_price_fen", sa.BigInteger(), nullable=False),
        sa.Column("quantity", sa.BigInteger(), nullable=False),
        sa.Column("is_counted", sa.Boolean(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("offered_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("answered_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("state IN ('offered', 'accepted', 'declined')", name=op.f("ck_replacements_state")),
        sa.CheckConstraint("quantity BETWEEN 1 AND 999", name=op.f("ck_replacements_quantity_range")),
        sa.CheckConstraint("unit_price_fen > 0", name=op.f("ck_replacements_unit_price_fen_positive")),
        sa.ForeignKeyConstraint(
            ["order_id", "line"],
            ["order_lines.order_id", "order_lines.line"],
            name=op.f("fk_replacements_order_id_line"),
        ),
        sa.PrimaryKeyConstraint("replacement_id", name=op.f("pk_replacements")),
    )
    op.create_index("ix_replacements_line", "replacements", ["order_id", "line"])
    op.create_index(
        "uq_replacements_open",
        "replacements",
        ["order_id", "line"],
        unique=True,
        postgresql_where=sa.text("state = 'offered'"),
    )


def downgrade() -> None:
    op.drop_table("replacements")
    op.drop_table("after_sale_case_lines")
    op.drop_table("after_sale_cases")
