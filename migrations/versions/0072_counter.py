"""Payments at a shop's counter, the codes that are shown for them, and refunds of them."""

import sqlalchemy as sa
from alembic import op

revision = "0072"
down_revision = "0071"
branch_labels = None
depends_on = None

_BEFORE = "'pay_checkout', 'tip_courier', 'buy_wealth', 'pay_bill', 'transfer'"


def _purposes(purposes: str) -> None:
    op.execute("ALTER TABLE step_up_grants DROP CONSTRAINT ck_step_up_grants_purpose")
    op.execute(
        f"ALTER TABLE step_up_grants ADD CONSTRAINT ck_step_up_grants_purpose CHECK (purpose IN ({purposes})) NOT VALID"
    )
    op.execute("ALTER TABLE step_up_grants VALIDATE CONSTRAINT ck_step_up_grants_purpose")


def _id(name: str, *, nullable: bool = False) -> sa.Column[object]:
    return sa.Column(name, sa.Uuid(), nullable=nullable)


def _fen(name: str, default: str | None = None) -> sa.Column[object]:
    return sa.Column(name, sa.BigInteger(), nullable=False, server_default=default)


def _at(name: str, *, nullable: bool = False) -> sa.Column[object]:
    return sa.Column(name, sa.DateTime(timezone=True), nullable=nullable)


def _check(table: str, name: str, rule: str) -> sa.CheckConstraint:
    return sa.CheckConstraint(rule, name=op.f(f"ck_{table}_{name}"))


def _refers(table: str, column: str, target: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint([column], [target], name=op.f(f"fk_{table}_{column}"))


def _index(table: str, *columns: str) -> None:
    op.create_index(op.f(f"ix_{table}_{columns[0]}"), table, [sa.text(one) if " " in one else one for one in columns])


def upgrade() -> None:
    _purposes(f"{_BEFORE}, 'pay_counter'")
    op.create_table(
        "pay_codes",
        _id("pay_code_id"),
        _id("account_id"),
        _id("session_id"),
        _fen("amount_fen_max"),
        sa.Column("factor", sa.Text()),
        sa.Column("is_new_device", sa.Boolean(), nullable=False),
        _at("expires_at"),
        _at("used_at", nullable=True),
        _check("pay_codes", "amount_fen_max_positive", "amount_fen_max > 0"),
        _refers("pay_codes", "account_id", "accounts.account_id"),
        _refers("pay_codes", "session_id", "sessions.session_id"),
        sa.PrimaryKeyConstraint("pay_code_id", name=op.f("pk_pay_codes")),
    )
    for column in ("account_id", "session_id", "expires_at"):
        _index("pay_codes", column)
    _payments()
    _refunds()


def _payments() -> None:
    table = "counter_payments"
    op.create_table(
        table,
        *(_id(name) for name in ("counter_payment_id", "account_id", "shop_id", "merchant_id")),
        sa.Column("way", sa.Text(), nullable=False),
        _id("pay_code_id", nullable=True),
        _id("clerk_id", nullable=True),
        _fen("amount_fen"),
        _fen("fee_fen"),
        sa.Column("commission_rule", sa.Text(), nullable=False),
        _fen("commission_bp"),
        _fen("refunded_fen", "0"),
        _fen("fee_back_fen", "0"),
        _at("paid_at"),
        sa.Column("eligible_on", sa.Date(), nullable=False),
        sa.Column("settled_on", sa.Date()),
        _id("statement_id", nullable=True),
        _check(table, "way", "way IN ('shown_code', 'shop_code')"),
        _check(table, "amount_fen_positive", "amount_fen > 0"),
        _check(table, "fee_within_amount", "fee_fen BETWEEN 0 AND amount_fen"),
        _check(table, "refunded_within_amount", "refunded_fen BETWEEN 0 AND amount_fen"),
        _check(table, "fee_back_within_fee", "fee_back_fen BETWEEN 0 AND least(fee_fen, refunded_fen)"),
        _check(table, "code_named", "(way = 'shown_code') = (pay_code_id IS NOT NULL)"),
        _refers(table, "account_id", "accounts.account_id"),
        _refers(table, "clerk_id", "accounts.account_id"),
        sa.UniqueConstraint("pay_code_id", name=op.f("uq_counter_payments_pay_code_id")),
        sa.PrimaryKeyConstraint("counter_payment_id", name=op.f("pk_counter_payments")),
    )
    _index(table, "clerk_id")
    op.create_index("ix_counter_payments_mine", table, ["account_id", sa.text("counter_payment_id DESC")])
    op.create_index("ix_counter_payments_shop", table, ["shop_id", sa.text("counter_payment_id DESC")])
    op.create_index(
        "ix_counter_payments_unsettled",
        table,
        ["merchant_id", "eligible_on"],
        postgresql_where=sa.text("settled_on IS NULL"),
    )
    op.create_index(
        "ix_counter_payments_statement",
        table,
        ["statement_id"],
        postgresql_where=sa.text("statement_id IS NOT NULL"),
    )


def _refunds() -> None:
    table = "counter_refunds"
    op.create_table(
        table,
        *(_id(name) for name in ("counter_refund_id", "counter_payment_id", "merchant_id", "by_id")),
        *(_fen(name) for name in ("amount_fen", "fee_back_fen", "pending_fen", "available_fen", "debt_fen")),
        sa.Column("is_after_settlement", sa.Boolean(), nullable=False),
        _at("made_at"),
        _id("statement_id", nullable=True),
        _check(table, "amount_fen_positive", "amount_fen > 0"),
        _check(table, "adds_up", "amount_fen = fee_back_fen + pending_fen + available_fen + debt_fen"),
        *(
            _check(table, f"{name}_not_negative", f"{name} >= 0")
            for name in ("fee_back_fen", "pending_fen", "available_fen", "debt_fen")
        ),
        _refers(table, "counter_payment_id", "counter_payments.counter_payment_id"),
        _refers(table, "by_id", "accounts.account_id"),
        sa.PrimaryKeyConstraint("counter_refund_id", name=op.f("pk_counter_refunds")),
    )
    for column in ("counter_payment_id", "by_id"):
        _index(table, column)
    op.create_index(
        "ix_counter_refunds_waiting", table, ["merchant_id"], postgresql_where=sa.text("statement_id IS NULL")
    )
    op.create_index(
        "ix_counter_refunds_statement", table, ["statement_id"], postgresql_where=sa.text("statement_id IS NOT NULL")
    )


def downgrade() -> None:
    for table in ("counter_refunds", "counter_payments", "pay_codes"):
        op.drop_table(table)
    op.execute("DELETE FROM step_up_grants WHERE purpose = 'pay_counter'")
    _purposes(_BEFORE)
