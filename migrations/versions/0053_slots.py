"""Orders for later: slots of shops with places, reserved at the placement."""

import sqlalchemy as sa
from alembic import op

revision = "0053"
down_revision = "0052"
branch_labels = None
depends_on = None

RANGES = {
    "slot_minutes": "slot_minutes BETWEEN 30 AND 240",
    "capacity": "capacity BETWEEN 1 AND 999",
    "lead_minutes": "lead_minutes BETWEEN 0 AND 10080",
    "days_ahead": "days_ahead BETWEEN 0 AND 14",
}


def _at(name: str, *, nullable: bool = False) -> sa.Column[object]:
    return sa.Column(name, sa.DateTime(timezone=True), nullable=nullable)


def upgrade() -> None:
    for name in ("slot_starts_at", "slot_ends_at"):
        op.add_column("orders", _at(name, nullable=True))
    op.add_column("trips", _at("opens_at", nullable=True))
    op.create_table(
        "slot_rules",
        sa.Column("shop_id", sa.Uuid(), nullable=False),
        *(sa.Column(name, sa.BigInteger(), nullable=False) for name in RANGES),
        *(
            sa.CheckConstraint(condition, name=op.f(f"ck_slot_rules_{name}_range"))
            for name, condition in RANGES.items()
        ),
        sa.ForeignKeyConstraint(["shop_id"], ["shops.shop_id"], name=op.f("fk_slot_rules_shop_id")),
        sa.PrimaryKeyConstraint("shop_id", name=op.f("pk_slot_rules")),
    )
    op.create_table(
        "slot_counters",
        sa.Column("shop_id", sa.Uuid(), nullable=False),
        _at("starts_at"),
        sa.Column("taken", sa.BigInteger(), nullable=False),
        sa.Column("capacity", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("taken >= 0", name=op.f("ck_slot_counters_taken_not_negative")),
        sa.ForeignKeyConstraint(["shop_id"], ["shops.shop_id"], name=op.f("fk_slot_counters_shop_id")),
        sa.PrimaryKeyConstraint("shop_id", "starts_at", name=op.f("pk_slot_counters")),
        postgresql_with={"fillfactor": "70"},
    )


def downgrade() -> None:
    op.drop_table("slot_counters")
    op.drop_table("slot_rules")
    op.drop_column("trips", "opens_at")
    for name in ("slot_ends_at", "slot_starts_at"):
        op.drop_column("orders", name)
