"""Orders of two shops on one trip, for one delivery fee."""

import sqlalchemy as sa
from alembic import op

revision = "0073"
down_revision = "0072"
branch_labels = None
depends_on = None

_WITHIN = "ck_orders_surcharges_within_delivery"
_SAVING = "ck_orders_trip_saving_fen_not_negative"


def upgrade() -> None:
    op.add_column("orders", sa.Column("trip_saving_fen", sa.BigInteger(), server_default="0", nullable=False))
    op.add_column("orders", sa.Column("shared_trip_id", sa.Uuid(), nullable=True))
    op.execute(f"ALTER TABLE orders DROP CONSTRAINT {_WITHIN}")
    op.execute(
        f"ALTER TABLE orders ADD CONSTRAINT {_WITHIN}"
        " CHECK (night_fen + weather_fen + floors_fen <= delivery_fen + trip_saving_fen) NOT VALID"
    )
    op.execute(f"ALTER TABLE orders ADD CONSTRAINT {_SAVING} CHECK (trip_saving_fen >= 0) NOT VALID")
    for constraint in (_WITHIN, _SAVING):
        op.execute(f"ALTER TABLE orders VALIDATE CONSTRAINT {constraint}")


def downgrade() -> None:
    op.execute(f"ALTER TABLE orders DROP CONSTRAINT {_WITHIN}")
    op.drop_column("orders", "shared_trip_id")
    op.drop_column("orders", "trip_saving_fen")
    op.execute(
        f"ALTER TABLE orders ADD CONSTRAINT {_WITHIN}"
        " CHECK (night_fen + weather_fen + floors_fen <= delivery_fen) NOT VALID"
    )
