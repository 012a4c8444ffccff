"""Settlement by statements: terms, refunds after completion, statements with their place in the books."""

from pathlib import Path

import sqlalchemy as sa
from alembic import op

revision = "0030"
down_revision = "0029"
branch_labels = None
depends_on = None

_SQL = Path(__file__).parents[1] / "sql" / "ledger_reading.sql"
_SEQS = [f"{name}_{end}_seq" for name in ("available", "deposit", "debt") for end in ("from", "to")]
_FEN = [
    "opening_fen",
    "gross_fen",
    "fee_fen",
    "refunded_fen",
    "fee_back_fen",
    "others_fen",
    "closing_fen",
    "income_fen",
    "debt_repaid_fen",
    "to_deposit_fen",
    "available_fen",
    "deposit_fen",
    "debt_fen",
]


def _int(name: str, default: str | None = None) -> sa.Column[int]:
    return sa.Column(
        name, sa.BigInteger(), nullable=False, server_default=None if default is None else sa.text(default)
    )


def _check(table: str, name: str, condition: str) -> sa.CheckConstraint:
    return sa.CheckConstraint(condition, name=op.f(f"ck_{table}_{name}"))


def _not_negative(table: str, *names: str) -> list[sa.CheckConstraint]:
    return [_check(table, f"{name}_not_negative", f"{name} >= 0") for name in names]


def upgrade() -> None:
    with op.get_bind().connection.cursor() as cursor:
        cursor.execute(_SQL.read_text(encoding="utf-8"))
    _make_accounts()
    _change_items()
    _make_refunds()
    _make_statements()


def _make_accounts() -> None:
    table = "settlement_accounts"
    op.create_table(
        table,
        sa.Column("party_kind", sa.Text(), nullable=False),
        sa.Column("party_id", sa.Uuid(), nullable=False),
        sa.Column("cycle", sa.Text(), nullable=False, server_default="daily"),
        _int("hold_days", "1"),
        _int("deposit_target_fen", "0"),
        _int("deposit_bp", "0"),
        sa.Column("next_on", sa.Date(), nullable=False),
        _int("statements_count", "0"),
        sa.Column("last_on", sa.Date(), nullable=True),
        _int("closing_fen", "0"),
        _int("available_seq", "0"),
        _int("deposit_seq", "0"),
        _int("debt_seq", "0"),
        _check(table, "party_kind", "party_kind IN ('merchant', 'courier')"),
        _check(table, "cycle", "cycle IN ('daily', 'weekly', 'monthly')"),
        _check(table, "hold_days_range", "hold_days BETWEEN 0 AND 60"),
        _check(table, "deposit_bp_range", "deposit_bp BETWEEN 0 AND 10000"),
        *_not_negative(table, "deposit_target_fen"),
        sa.PrimaryKeyConstraint("party_kind", "party_id", name=op.f(f"pk_{table}")),
        postgresql_with={"fillfactor": 70},
    )
    op.create_index("ix_settlement_accounts_next", table, ["next_on"])
    # What was settled before there were statements is where the first of them opens.
    op.execute(
        """
        INSERT INTO settlement_accounts (party_kind, party_id, next_on, closing_fen, available_seq)
        SELECT p.party_kind, p.party_id, CAST(business_now() AT TIME ZONE 'Asia/Shanghai' AS date),
            coalesce(h.posted_fen, 0), coalesce(h.seq, 0)
        FROM (SELECT DISTINCT split_part(party_kind, '_', 1) AS party_kind, party_id FROM settlement_items) AS p
        LEFT JOIN ledger.head AS h ON h.code = (p.party_kind || '_available:' || p.party_id) COLLATE "C"
        """
    )


def _change_items() -> None:
    table = "settlement_items"
    for name in ("fee_fen", "refunded_fen", "fee_back_fen"):
        op.add_column(table, _int(name, "0"))
    op.add_column(table, sa.Column("blocked_why", sa.Text(), nullable=True))
    op.add_column(table, sa.Column("statement_id", sa.Uuid(), nullable=True))
    op.execute(
        """
        UPDATE settlement_items AS i SET fee_fen = l.amount_fen
        FROM ledger.leg AS l WHERE i.party_kind = 'merchant' AND l.key = 'end:' || i.order_id AND l.code = 'commission'
        """
    )
    for name, condition in (
        ("refunded_within_gross", "refunded_fen BETWEEN 0 AND amount_fen + fee_fen"),
        ("fee_back_within_fee", "fee_back_fen BETWEEN 0 AND least(fee_fen, refunded_fen)"),
        ("fee_fen_not_negative", "fee_fen >= 0"),
    ):
        op.create_check_constraint(op.f(f"ck_{table}_{name}"), table, condition)
    op.drop_index("ix_settlement_items_due", table_name=table)
    op.create_index(
        "ix_settlement_items_unsettled",
        table,
        ["party_id", "eligible_on"],
        postgresql_where=sa.text("settled_on IS NULL"),
    )
    op.create_index(
        "ix_settlement_items_statement", table, ["statement_id"], postgresql_where=sa.text("statement_id IS NOT NULL")
    )


def _make_refunds() -> None:
    table = "settlement_refunds"
    op.create_table(
        table,
        sa.Column("refund_id", sa.Uuid(), nullable=False),
        sa.Column("order_id", sa.Uuid(), nullable=False),
        sa.Column("merchant_id", sa.Uuid(), nullable=False),
        _int("amount_fen"),
        _int("fee_back_fen"),
        _int("pending_fen"),
        _int("available_fen"),
        _int("debt_fen"),
        sa.Column("is_after_settlement", sa.Boolean(), nullable=False),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("statement_id", sa.Uuid(), nullable=True),
        _check(table, "amount_fen_positive", "amount_fen > 0"),
        _check(table, "adds_up", "amount_fen = fee_back_fen + pending_fen + available_fen + debt_fen"),
        *_not_negative(table, "fee_back_fen", "pending_fen", "available_fen", "debt_fen"),
        sa.ForeignKeyConstraint(["refund_id"], ["refunds.refund_id"], name=op.f(f"fk_{table}_refund_id")),
        sa.PrimaryKeyConstraint("refund_id", name=op.f(f"pk_{table}")),
    )
    op.create_index(op.f("ix_settlement_refunds_order_id"), table, ["order_id"])
    op.create_index(
        "ix_settlement_refunds_waiting", table, ["merchant_id"], postgresql_where=sa.text("statement_id IS NULL")
    )
    op.create_index(
        "ix_settlement_refunds_statement", table, ["statement_id"], postgresql_where=sa.text("statement_id IS NOT NULL")
    )


def _make_statements() -> None:
    table = "statements"
    op.create_table(
        table,
        sa.Column("statement_id", sa.Uuid(), nullable=False),
        sa.Column("party_kind", sa.Text(), nullable=False),
        sa.Column("party_id", sa.Uuid(), nullable=False),
        _int("number"),
        sa.Column("period_from", sa.Date(), nullable=False),
        sa.Column("period_to", sa.Date(), nullable=False),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=False),
        _int("orders_count"),
        _int("refunds_count"),
        *[_int(name) for name in (*_FEN, *_SEQS)],
        _check(table, "party_kind", "party_kind IN ('merchant', 'courier')"),
        _check(
            table,
            "adds_up",
            "closing_fen = opening_fen + gross_fen - fee_fen - refunded_fen + fee_back_fen + others_fen",
        ),
        _check(table, "closes_as_the_books", "closing_fen = available_fen + deposit_fen - debt_fen"),
        *_not_negative(table, "gross_fen", "fee_fen", "refunded_fen", "fee_back_fen", "deposit_fen", "debt_fen"),
        sa.PrimaryKeyConstraint("statement_id", name=op.f(f"pk_{table}")),
        sa.UniqueConstraint("party_kind", "party_id", "number", name=op.f(f"uq_{table}_party_kind_party_id_number")),
    )
    op.create_index("ix_statements_party", table, ["party_kind", "party_id", sa.literal_column("statement_id DESC")])


def downgrade() -> None:
    message = "statements are records of trade; they are kept"
    raise RuntimeError(message)
