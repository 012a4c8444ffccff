"""Money comes by card, too."""

import sqlalchemy as sa
from alembic import op

revision = "0084"
down_revision = "0083"
branch_labels = None
depends_on = None

_METHODS = "'e_account', 'wechat_pay', 'card', 'mixed'"
_BEFORE = "'e_account', 'wechat_pay', 'mixed'"


def _methods(values: str) -> None:
    for table in ("payments", "refunds"):
        op.drop_constraint(op.f(f"ck_{table}_method"), table)
        op.create_check_constraint(op.f(f"ck_{table}_method"), table, f"method IN ({values})")


def upgrade() -> None:
    _methods(_METHODS)
    op.add_column("payment_attempts", sa.Column("channel", sa.Text(), server_default="wechat_pay", nullable=False))
    op.add_column("payment_attempts", sa.Column("client_secret", sa.Text(), nullable=True))
    op.create_check_constraint(
        op.f("ck_payment_attempts_channel"), "payment_attempts", "channel IN ('wechat_pay', 'card')"
    )


def downgrade() -> None:
    op.drop_constraint(op.f("ck_payment_attempts_channel"), "payment_attempts")
    op.drop_column("payment_attempts", "client_secret")
    op.drop_column("payment_attempts", "channel")
    _methods(_BEFORE)
