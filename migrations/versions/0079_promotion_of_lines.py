"""What the platform bears of each line, and what it still adds for what is left of an order."""

import sqlalchemy as sa
from alembic import op

revision = "0079"
down_revision = "0078"
branch_labels = None
depends_on = None

SOURCES = (
    "from_escrow_fen + from_pending_fen + from_available_fen + from_debt_fen + from_commission_fen + from_platform_fen"
)
CHECKS = (
    ("orders", "promotion_within_off", "promotion_fen BETWEEN 0 AND platform_off_fen"),
    ("after_sale_cases", "promotion_back_fen_not_negative", "promotion_back_fen >= 0"),
    ("order_lines", "platform_off_within_discount", "platform_off_fen BETWEEN 0 AND discount_fen"),
)


def upgrade() -> None:
    op.add_column("orders", sa.Column("promotion_fen", sa.BigInteger(), server_default="0", nullable=False))
    op.add_column("order_lines", sa.Column("platform_off_fen", sa.BigInteger(), server_default="0", nullable=False))
    op.add_column(
        "after_sale_cases", sa.Column("promotion_back_fen", sa.BigInteger(), server_default="0", nullable=False)
    )
    for table, name, check in CHECKS:
        _check(table, name, check)
    op.drop_constraint(op.f("ck_after_sale_cases_refund_has_sources"), "after_sale_cases")
    _check("after_sale_cases", "refund_has_sources", f"refund_fen + promotion_back_fen = {SOURCES}")


def _check(table: str, name: str, check: str) -> None:
    op.execute(f"ALTER TABLE {table} ADD CONSTRAINT ck_{table}_{name} CHECK ({check}) NOT VALID")
    op.execute(f"ALTER TABLE {table} VALIDATE CONSTRAINT ck_{table}_{name}")


def downgrade() -> None:
    op.drop_constraint(op.f("ck_after_sale_cases_refund_has_sources"), "after_sale_cases")
    _check("after_sale_cases", "refund_has_sources", f"refund_fen = {SOURCES}")
    for table, name, _ in CHECKS:
        op.drop_constraint(op.f(f"ck_{table}_{name}"), table)
    op.drop_column("after_sale_cases", "promotion_back_fen")
    op.drop_column("order_lines", "platform_off_fen")
    op.drop_column("orders", "promotion_fen")
