"""Funds: trading days, suitability, orders, holdings, income; the account of income that is not credited yet."""

from datetime import date, timedelta

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0044"
down_revision = "0043"
branch_labels = None
depends_on = None

# 国务院办公厅关于2025、2026年部分节假日安排的通知: days from Monday to Friday that are public holidays.
HOLIDAYS = {
    2025: "01-01 01-28 01-29 01-30 01-31 02-03 02-04 04-04 05-01 05-02 05-05 06-02 10-01 10-02 10-03 10-06 10-07 10-08",
    2026: "01-01 01-02 02-16 02-17 02-18 02-19 02-20 02-23 04-06 05-01 05-04 05-05 06-19 09-25 10-01 10-02 10-05 10-06"
    " 10-07",
}


def _now(name: str, *, nullable: bool = False) -> sa.Column:
    return sa.Column(name, sa.DateTime(timezone=True), nullable=nullable)


def _fen(name: str, *, nullable: bool = False, default: str | None = None) -> sa.Column:
    return sa.Column(name, sa.BigInteger(), nullable=nullable, server_default=default)


def _uuid(name: str) -> sa.Column:
    return sa.Column(name, sa.Uuid(), nullable=False)


def _text(name: str) -> sa.Column:
    return sa.Column(name, sa.Text(), nullable=False)


def _day(name: str, *, nullable: bool = False) -> sa.Column:
    return sa.Column(name, sa.Date(), nullable=nullable)


def _to(table: str, column: str, target: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint([column], [target], name=op.f(f"fk_{table}_{column}"))


def _check(table: str, name: str, rule: str) -> sa.CheckConstraint:
    return sa.CheckConstraint(rule, name=op.f(f"ck_{table}_{name}"))


def upgrade() -> None:
    op.create_table(
        "trading_days",
        _day("day"),
        sa.Column("is_trading", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("day", name=op.f("pk_trading_days")),
    )
    op.create_index("ix_trading_days_trading", "trading_days", ["day"], postgresql_where=sa.text("is_trading"))
    op.bulk_insert(
        sa.table("trading_days", sa.column("day", sa.Date()), sa.column("is_trading", sa.Boolean())),
        [
            {"day": day, "is_trading": day.weekday() not in {5, 6} and f"{day:%m-%d}" not in holidays.split()}
            for year, holidays in HOLIDAYS.items()
            for number in range(366)
            if (day := date(year, 1, 1) + timedelta(days=number)).year == year
        ],
    )
    op.create_table(
        "funds",
        _uuid("fund_id"),
        _text("code"),
        _text("name_zh"),
        _text("name_en"),
        _fen("risk_level"),
        _fen("minimum_fen"),
        _fen("fast_cap_fen"),
        sa.Column("is_pay_capped", sa.Boolean(), server_default=sa.text("true"), nullable=False),
        _day("accrued_through"),
        _fen("rounding_fen", default="0"),
        _check("funds", "risk_level", "risk_level BETWEEN 1 AND 5"),
        _check("funds", "minimum_fen_not_negative", "minimum_fen >= 0"),
        _check("funds", "fast_cap_fen_not_negative", "fast_cap_fen >= 0"),
        sa.PrimaryKeyConstraint("fund_id", name=op.f("pk_funds")),
        sa.UniqueConstraint("code", name=op.f("uq_funds_code")),
    )
    op.create_table(
        "risk_assessments",
        _uuid("assessment_id"),
        _uuid("account_id"),
        _fen("questionnaire_version"),
        sa.Column("answers", postgresql.JSONB(), nullable=True),
        _fen("score"),
        _fen("level"),
        _now("taken_at"),
        _day("expires_on"),
        _check("risk_assessments", "level", "level BETWEEN 1 AND 5"),
        _to("risk_assessments", "account_id", "accounts.account_id"),
        sa.PrimaryKeyConstraint("assessment_id", name=op.f("pk_risk_assessments")),
    )
    op.create_index(op.f("ix_risk_assessments_account_id"), "risk_assessments", ["account_id"])
    op.create_table(
        "document_consents",
        _uuid("account_id"),
        _text("kind"),
        _fen("version"),
        _now("consented_at"),
        _to("document_consents", "account_id", "accounts.account_id"),
        sa.PrimaryKeyConstraint("account_id", "kind", "version", name=op.f("pk_document_consents")),
    )
    op.create_table(
        "fund_orders",
        _uuid("fund_order_id"),
        _uuid("fund_id"),
        _uuid("account_id"),
        _text("kind"),
        _text("source"),
        _fen("amount_fen"),
        _fen("confirmed_fen", nullable=True),
        _text("state"),
        _now("placed_at"),
        _day("trade_on"),
        _day("confirm_on"),
        _day("earns_from", nullable=True),
        _fen("units_fen", default="0"),
        _day("absorbed_on", nullable=True),
        sa.Column("is_repaid", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        _check("fund_orders", "kind", "kind IN ('buy', 'redeem', 'fast', 'pay')"),
        _check("fund_orders", "source", "source IN ('person', 'sweep', 'plan', 'payment')"),
        _check(
            "fund_orders",
            "state",
            "state IN ('accepted', 'canceled', 'sent', 'confirmed', 'part_confirmed', 'failed')",
        ),
        _check("fund_orders", "amount_fen_positive", "amount_fen > 0"),
        _to("fund_orders", "fund_id", "funds.fund_id"),
        _to("fund_orders", "account_id", "accounts.account_id"),
        sa.PrimaryKeyConstraint("fund_order_id", name=op.f("pk_fund_orders")),
    )
    op.create_index("ix_fund_orders_account_id", "fund_orders", ["account_id", "fund_order_id"])
    op.create_index("ix_fund_orders_fund_id", "fund_orders", ["fund_id", "trade_on", "fund_order_id"])
    op.create_index(
        "ix_fund_orders_moves",
        "fund_orders",
        ["fund_id", "earns_from"],
        postgresql_where=sa.text("absorbed_on IS NULL AND earns_from IS NOT NULL"),
    )
    op.create_index(
        "ix_fund_orders_undecided",
        "fund_orders",
        ["fund_id", "confirm_on"],
        postgresql_where=sa.text("state IN ('accepted', 'sent')"),
    )
    op.create_table(
        "fund_holdings",
        _uuid("account_id"),
        _uuid("fund_id"),
        *(
            _fen(name, default="0")
            for name in ("units_fen", "earning_fen", "carry_e8", "uncredited_fen", "last_income_fen", "income_fen")
        ),
        _day("fast_on", nullable=True),
        _fen("fast_used_fen", default="0"),
        _check("fund_holdings", "units_fen_not_negative", "units_fen >= 0"),
        _check("fund_holdings", "earning_fen_not_negative", "earning_fen >= 0"),
        _check("fund_holdings", "fast_used_fen_not_negative", "fast_used_fen >= 0"),
        _check("fund_holdings", "carry_below_a_fen", "carry_e8 BETWEEN 0 AND 99999999"),
        _to("fund_holdings", "account_id", "accounts.account_id"),
        _to("fund_holdings", "fund_id", "funds.fund_id"),
        sa.PrimaryKeyConstraint("account_id", "fund_id", name=op.f("pk_fund_holdings")),
        postgresql_with={"fillfactor": 45},
    )
    op.create_index(op.f("ix_fund_holdings_fund_id"), "fund_holdings", ["fund_id"])
    op.create_table(
        "fund_yields",
        _uuid("fund_id"),
        _day("day"),
        _fen("version"),
        _fen("ten_thousand_e4"),
        _fen("seven_day_e3", nullable=True),
        _fen("declared_fen"),
        _now("received_at"),
        _check("fund_yields", "ten_thousand_e4_not_negative", "ten_thousand_e4 >= 0"),
        _check("fund_yields", "declared_fen_not_negative", "declared_fen >= 0"),
        _to("fund_yields", "fund_id", "funds.fund_id"),
        sa.PrimaryKeyConstraint("fund_id", "day", "version", name=op.f("pk_fund_yields")),
    )
    op.create_table(
        "fund_days",
        _uuid("fund_id"),
        _day("day"),
        _fen("version"),
        _fen("holder_count"),
        _fen("units_fen"),
        _fen("paid_fen"),
        _fen("declared_fen"),
        _now("accrued_at"),
        _fen("company_fen", nullable=True),
        _fen("difference_count", nullable=True),
        _now("reconciled_at", nullable=True),
        _to("fund_days", "fund_id", "funds.fund_id"),
        sa.PrimaryKeyConstraint("fund_id", "day", name=op.f("pk_fund_days")),
    )
    op.create_table(
        "fund_incomes",
        _uuid("account_id"),
        _uuid("fund_id"),
        _day("day"),
        _fen("units_fen"),
        _fen("paid_fen"),
        _fen("corrected_fen", default="0"),
        sa.PrimaryKeyConstraint("account_id", "fund_id", "day", name=op.f("pk_fund_incomes")),
    )
    op.execute(
        """
        UPDATE ledger.account_kind SET opens_by_itself = true WHERE kind = 'fund_holding';
        INSERT INTO ledger.account_kind
            (kind, title_zh, owner_kind, qualifier, sign, floor_fen, stripes, opens_by_itself, has_statement, meaning)
        VALUES ('fund_income', '基金待入账收益', 'platform', 'none', 1, NULL, 4, true, false,
            'accrued income of fund holders, not on their accounts yet');
        SELECT ledger.open_account('fund_income');
        ALTER TABLE step_up_grants DROP CONSTRAINT ck_step_up_grants_purpose;
        ALTER TABLE step_up_grants ADD CONSTRAINT ck_step_up_grants_purpose
            CHECK (purpose IN ('pay_checkout', 'tip_courier', 'buy_wealth')) NOT VALID;
        ALTER TABLE step_up_grants VALIDATE CONSTRAINT ck_step_up_grants_purpose;
        """
    )


def downgrade() -> None:
    for table in (
        "fund_incomes",
        "fund_days",
        "fund_yields",
        "fund_holdings",
        "fund_orders",
        "document_consents",
        "risk_assessments",
        "funds",
        "trading_days",
    ):
        op.drop_table(table)
