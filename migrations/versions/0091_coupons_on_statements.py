"""Statements say how much of what was earned, and of what went back, the platform's coupons gave."""

import sqlalchemy as sa
from alembic import op

revision = "0091"
down_revision = "0090"
branch_labels = None
depends_on = None


def upgrade() -> None:
    for table, column, _ in _COLUMNS:
        op.add_column(table, sa.Column(column, sa.BigInteger(), server_default="0", nullable=False))
    # What went back of an order's coupon is told by its latest refund: by each refund it was not kept.
    op.execute(
        """
        UPDATE settlement_refunds AS r SET promotion_back_fen = least(r.amount_fen, i.promotion_back_fen)
        FROM (SELECT order_id, sum(promotion_back_fen)::bigint AS promotion_back_fen FROM settlement_items
              WHERE party_kind = 'merchant' AND promotion_back_fen > 0 GROUP BY 1) AS i
        WHERE r.order_id = i.order_id
          AND r.refund_id = (SELECT l.refund_id FROM settlement_refunds AS l WHERE l.order_id = i.order_id
                             ORDER BY l.refund_id DESC LIMIT 1)
        """
    )
    op.execute(
        """
        UPDATE statements AS s SET
            promotion_fen = coalesce((SELECT sum(i.promotion_fen) FROM settlement_items AS i
                                      WHERE i.statement_id = s.statement_id), 0),
            promotion_back_fen = coalesce((SELECT sum(r.promotion_back_fen) FROM settlement_refunds AS r
                                           WHERE r.statement_id = s.statement_id), 0)
        """
    )
    for table, column, of in _COLUMNS:
        name = column.removesuffix("_fen") + "_within"
        op.create_check_constraint(op.f(f"ck_{table}_{name}"), table, f"{column} BETWEEN 0 AND {of}")


def downgrade() -> None:
    for table, column, _ in _COLUMNS:
        op.drop_column(table, column)


_COLUMNS = (
    ("settlement_refunds", "promotion_back_fen", "amount_fen"),
    ("statements", "promotion_fen", "gross_fen"),
    ("statements", "promotion_back_fen", "refunded_fen"),
)
