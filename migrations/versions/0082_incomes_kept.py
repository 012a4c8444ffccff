"""A holding says what its last accrual earned on; the rows of history are written after the accrual."""

import sqlalchemy as sa
from alembic import op

revision = "0082"
down_revision = "0081"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("fund_holdings", sa.Column("last_units_fen", sa.BigInteger(), server_default="0", nullable=False))
    op.execute("UPDATE fund_holdings SET last_units_fen = earning_fen - last_income_fen WHERE last_income_fen > 0")
    op.add_column("fund_days", sa.Column("incomes_kept_at", sa.DateTime(timezone=True), nullable=True))
    op.execute("UPDATE fund_days SET incomes_kept_at = accrued_at")


def downgrade() -> None:
    op.drop_column("fund_days", "incomes_kept_at")
    op.drop_column("fund_holdings", "last_units_fen")
