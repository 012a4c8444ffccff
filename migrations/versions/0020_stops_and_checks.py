"""Trips of several orders, what they weigh, and what is checked at counter and door; wrong codes by courier."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None

WAYS = "hand_over_way IN ('code', 'photo', 'neighbor', 'locker')"


def _count(name: str, default: str | None = None) -> sa.Column[int]:
    return sa.Column(name, sa.BigInteger(), server_default=default, nullable=default is None)


def _flag(name: str) -> sa.Column[bool]:
    return sa.Column(name, sa.Boolean(), server_default=sa.text("false"), nullable=False)


def _text(name: str) -> sa.Column[str]:
    return sa.Column(name, sa.Text(), nullable=True)


COLUMNS: dict[str, tuple[sa.Column[object], ...]] = {
    "skus": (_count("weight_g", "0"), _flag("is_cold")),
    "couriers": (_flag("has_cold_box"),),
    "courier_shifts": (_count("active_weight_g", "0"),),
    "trips": (_count("order_count", "1"), _count("weight_g", "0"), _flag("is_cold")),
    "stops": (_count("arrived_distance_m"), _count("done_distance_m")),
    "deliveries": (
        _text("failure_photo_reference"),
        _flag("is_failure_proven"),
        sa.Column("wrong_codes", postgresql.JSONB(), server_default="{}", nullable=False),
        _count("counted_items"),
        _text("pick_up_photo_reference"),
        _text("hand_over_way"),
        _text("neighbor_sealed"),
        _text("locker_box"),
    ),
}
NOT_NEGATIVE = (("skus", "weight_g"), ("courier_shifts", "active_weight_g"), ("trips", "weight_g"))


def upgrade() -> None:
    for table, columns in COLUMNS.items():
        for column in columns:
            op.add_column(table, column)
    for table, column in NOT_NEGATIVE:
        op.create_check_constraint(op.f(f"ck_{table}_{column}_not_negative"), table, f"{column} >= 0")
    op.create_check_constraint(op.f("ck_deliveries_hand_over_way"), "deliveries", WAYS)
    op.execute("UPDATE deliveries SET is_failure_proven = true WHERE failure_reason IS NOT NULL")
    op.drop_column("deliveries", "code_tries_left")


def downgrade() -> None:
    op.add_column("deliveries", sa.Column("code_tries_left", sa.BigInteger(), server_default="5", nullable=False))
    for table, columns in reversed(COLUMNS.items()):
        for column in reversed(columns):
            op.drop_column(table, column.name)
