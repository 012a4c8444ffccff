"""How many orders a courier has in hand, told by what is committed at that moment.

Volatile on purpose: an update that waited for the courier's shift asks again, and sees the trip that it waited for.
"""

import sqlalchemy as sa
from alembic import op

revision = "0114"
down_revision = "0113"
branch_labels = None
depends_on = None

_IN_HAND = """
    CREATE FUNCTION orders_in_hand(p_courier_id uuid, p_but_trip_id uuid) RETURNS bigint
    LANGUAGE plpgsql VOLATILE AS $$
    BEGIN
        RETURN (SELECT count(*) FROM trips AS t JOIN deliveries AS d ON d.trip_id = t.trip_id
                WHERE t.courier_id = p_courier_id AND t.state = 'assigned' AND t.trip_id <> p_but_trip_id
                  AND d.ended_at IS NULL);
    END $$;
    COMMENT ON FUNCTION orders_in_hand IS 'orders that a courier still carries, but for one trip';
"""


def upgrade() -> None:
    op.create_index("ix_trips_in_hand", "trips", ["courier_id"], postgresql_where=sa.text("state = 'assigned'"))
    op.execute(_IN_HAND)


def downgrade() -> None:
    op.execute("DROP FUNCTION orders_in_hand(uuid, uuid)")
    op.drop_index("ix_trips_in_hand", "trips")
