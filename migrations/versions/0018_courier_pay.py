"""What a trip pays by its parts, the rates of a community, floors climbed on foot, and the account of the subsidy."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None

RATES = ("base_fen", "drop_fen", "step_fen", "floor_fen", "night_fen", "weather_fen")


def upgrade() -> None:
    for table in ("addresses", "orders"):
        op.add_column(table, sa.Column("walk_up_floors", sa.BigInteger(), server_default="0", nullable=False))
    for table in ("trips", "deliveries"):
        op.add_column(table, sa.Column("pay_fen", sa.BigInteger(), nullable=True))
    op.add_column("trips", sa.Column("pay_parts", postgresql.JSONB(), nullable=True))
    op.execute(
        """
        UPDATE trips SET pay_fen = fee_fen, pay_parts = jsonb_build_object('base_fen', 0, 'drops_fen', 0,
            'distance_fen', 0, 'floors_fen', 0, 'night_fen', 0, 'weather_fen', 0, 'fee_rest_fen', fee_fen);
        UPDATE deliveries SET pay_fen = fee_fen;
        ALTER TABLE trips ALTER COLUMN pay_fen SET NOT NULL, ALTER COLUMN pay_parts SET NOT NULL,
            ADD CONSTRAINT ck_trips_pay_fen_not_negative CHECK (pay_fen >= 0),
            ADD CONSTRAINT ck_trips_fee_is_the_couriers CHECK (pay_fen >= fee_fen);
        ALTER TABLE deliveries ALTER COLUMN pay_fen SET NOT NULL,
            ADD CONSTRAINT ck_deliveries_pay_fen_not_negative CHECK (pay_fen >= 0),
            ADD CONSTRAINT ck_deliveries_fee_is_the_couriers CHECK (pay_fen >= fee_fen);
        INSERT INTO ledger.account_kind
            (kind, title_zh, owner_kind, qualifier, sign, floor_fen, stripes, opens_by_itself, has_statement, meaning)
        VALUES ('delivery_subsidy', '配送补贴', 'platform', 'none', -1, NULL, 16, true, false,
            'what couriers earn beyond the delivery fees of residents');
        SELECT ledger.open_account('delivery_subsidy');
        """
    )
    op.create_table(
        "courier_tariffs",
        sa.Column("community_id", sa.Uuid(), nullable=False),
        sa.Column("set_at", sa.DateTime(timezone=True), nullable=False),
        *(sa.Column(rate, sa.BigInteger(), nullable=False) for rate in RATES),
        sa.Column("bad_weather_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("set_by_id", sa.Uuid(), nullable=False),
        *(sa.CheckConstraint(f"{rate} >= 0", name=op.f(f"ck_courier_tariffs_{rate}_not_negative")) for rate in RATES),
        sa.ForeignKeyConstraint(
            ["community_id"], ["communities.community_id"], name=op.f("fk_courier_tariffs_community_id")
        ),
        sa.ForeignKeyConstraint(["set_by_id"], ["accounts.account_id"], name=op.f("fk_courier_tariffs_set_by_id")),
        sa.PrimaryKeyConstraint("community_id", "set_at", name=op.f("pk_courier_tariffs")),
    )
    op.create_index(op.f("ix_courier_tariffs_set_by_id"), "courier_tariffs", ["set_by_id"])


def downgrade() -> None:
    op.drop_table("courier_tariffs")
    op.execute("ALTER TABLE trips DROP COLUMN pay_parts, DROP COLUMN pay_fen")
    op.execute("ALTER TABLE deliveries DROP COLUMN pay_fen")
    for table in ("orders", "addresses"):
        op.drop_column(table, "walk_up_floors")
