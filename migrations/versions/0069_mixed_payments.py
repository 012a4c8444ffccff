"""Payments in two parts: one from the e-account, on hold first, one from outside."""

import sqlalchemy as sa
from alembic import op

revision = "0069"
down_revision = "0068"
branch_labels = None
depends_on = None

_METHODS = "method IN ('e_account', 'wechat_pay', 'mixed')"
_OLD_METHODS = "method IN ('e_account', 'wechat_pay')"


def _rule(table: str, name: str, rule: str) -> None:
    op.execute(f"ALTER TABLE {table} ADD CONSTRAINT ck_{table}_{name} CHECK ({rule}) NOT VALID")
    op.execute(f"ALTER TABLE {table} VALIDATE CONSTRAINT ck_{table}_{name}")


def _methods(rule: str) -> None:
    for table in ("payments", "refunds"):
        op.execute(f"ALTER TABLE {table} DROP CONSTRAINT ck_{table}_method")
        _rule(table, "method", rule)


def upgrade() -> None:
    op.add_column(
        "payment_attempts", sa.Column("account_part_fen", sa.BigInteger(), nullable=False, server_default="0")
    )
    for column in ("part_held_at", "part_ended_at"):
        op.add_column("payment_attempts", sa.Column(column, sa.DateTime(timezone=True)))
    op.add_column("refunds", sa.Column("account_part_fen", sa.BigInteger(), nullable=False, server_default="0"))
    op.add_column("orders", sa.Column("outside_fen", sa.BigInteger()))
    op.add_column("orders", sa.Column("part_held_at", sa.DateTime(timezone=True)))
    _methods(_METHODS)
    _rule("payment_attempts", "account_part_fen_not_negative", "account_part_fen >= 0")
    _rule("payment_attempts", "part_held", "(account_part_fen > 0) = (part_held_at IS NOT NULL)")
    _rule("refunds", "part_of_mixed", "(account_part_fen > 0) = (method = 'mixed')")
    _rule("refunds", "part_within_amount", "account_part_fen >= 0 AND account_part_fen < amount_fen")
    _rule("orders", "outside_within_total", "outside_fen BETWEEN 0 AND total_fen")
    op.create_index(
        "uq_payment_attempts_part",
        "payment_attempts",
        ["payment_id"],
        unique=True,
        postgresql_where=sa.text("account_part_fen > 0 AND part_ended_at IS NULL"),
    )


def downgrade() -> None:
    op.drop_index("uq_payment_attempts_part", table_name="payment_attempts")
    _methods(_OLD_METHODS)
    op.drop_column("orders", "part_held_at")
    op.drop_column("orders", "outside_fen")
    op.drop_column("refunds", "account_part_fen")
    for column in ("part_ended_at", "part_held_at", "account_part_fen"):
        op.drop_column("payment_attempts", column)
