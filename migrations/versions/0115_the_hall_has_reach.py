"""A trip says whether it was claimed out of the hall; who has how many such is told by what is committed.

Volatile on purpose, as ``orders_in_hand``: an update that waited for the courier's shift asks again. A trip may be
taken from its courier for two more reasons.
"""

import sqlalchemy as sa
from alembic import op

revision = "0115"
down_revision = "0114"
branch_labels = None
depends_on = None

_GRABS = """
    CREATE FUNCTION grabs_in_hand(p_courier_id uuid, p_but_trip_id uuid) RETURNS bigint
    LANGUAGE plpgsql VOLATILE AS $$
    BEGIN
        RETURN (SELECT count(*) FROM trips AS t
                WHERE t.courier_id = p_courier_id AND t.state = 'assigned' AND t.is_grabbed
                  AND t.trip_id <> p_but_trip_id);
    END $$;
    COMMENT ON FUNCTION grabs_in_hand IS 'trips that a courier has in hand out of the hall, but for one';
"""
_BEFORE = ("given_back", "silent", "still", "unable", "late_shop", "by_operator")


def _reasons(*reasons: str) -> None:
    words = ", ".join(f"'{reason}'" for reason in reasons)
    op.execute("ALTER TABLE trip_releases DROP CONSTRAINT ck_trip_releases_reason")
    op.execute(
        f"ALTER TABLE trip_releases ADD CONSTRAINT ck_trip_releases_reason CHECK (reason IN ({words})) NOT VALID"
    )
    op.execute("ALTER TABLE trip_releases VALIDATE CONSTRAINT ck_trip_releases_reason")


def upgrade() -> None:
    op.add_column("trips", sa.Column("is_grabbed", sa.Boolean(), server_default=sa.text("false"), nullable=False))
    op.execute(_GRABS)
    _reasons("given_back", "silent", "still", "unable", "astray", "late", "late_shop", "by_operator")


def downgrade() -> None:
    op.execute("UPDATE trip_releases SET reason = 'still' WHERE reason IN ('astray', 'late')")
    _reasons(*_BEFORE)
    op.execute("DROP FUNCTION grabs_in_hand(uuid, uuid)")
    op.drop_column("trips", "is_grabbed")
