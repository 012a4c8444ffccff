"""A courier's exchange is a delivery on a trip, beside the order's own."""

import sqlalchemy as sa
from alembic import op

revision = "0089"
down_revision = "0088"
branch_labels = None
depends_on = None

_DELIVERIES, _CASES = "deliveries", "after_sale_cases"
_TO_CARRY = "ix_after_sale_cases_to_carry"


def upgrade() -> None:
    op.add_column(_DELIVERIES, sa.Column("case_id", sa.Uuid(), nullable=True))
    op.create_foreign_key("fk_deliveries_case_id", _DELIVERIES, _CASES, ["case_id"], ["case_id"])
    op.create_unique_constraint(
        "uq_deliveries_order_id_case_id", _DELIVERIES, ["order_id", "case_id"], postgresql_nulls_not_distinct=True
    )
    op.drop_constraint("uq_deliveries_order_id", _DELIVERIES, type_="unique")
    op.create_unique_constraint("uq_deliveries_case_id", _DELIVERIES, ["case_id"])
    op.drop_index(_TO_CARRY, _CASES)
    op.execute(f"UPDATE {_CASES} SET exchange_way = 'shop' WHERE exchange_way = 'courier' AND state = 'exchanging'")


def downgrade() -> None:
    op.execute(f"UPDATE {_CASES} SET exchange_way = 'shop' WHERE exchange_way = 'courier' AND state = 'exchanging'")
    op.create_index(
        _TO_CARRY,
        _CASES,
        ["case_id"],
        postgresql_where=sa.text("exchange_way = 'courier' AND state IN ('exchanging', 'carried')"),
    )
    op.execute(f"DELETE FROM {_DELIVERIES} WHERE case_id IS NOT NULL")
    op.drop_constraint("uq_deliveries_case_id", _DELIVERIES, type_="unique")
    op.create_unique_constraint("uq_deliveries_order_id", _DELIVERIES, ["order_id"])
    op.drop_constraint("uq_deliveries_order_id_case_id", _DELIVERIES, type_="unique")
    op.drop_column(_DELIVERIES, "case_id")
