"""Queue tickets and appointments at the desk of a store."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0096"
down_revision = "0095"
branch_labels = None
depends_on = None

_OPEN = "state IN ('booked', 'waiting', 'called')"
_STATES = "'booked', 'waiting', 'called', 'served', 'no_show', 'canceled', 'lapsed'"
_CHECKS = {
    "topic": "topic IN ('cash', 'bill', 'transfer', 'verification', 'other')",
    "state": f"state IN ({_STATES})",
    "number_positive": "number > 0",
    "booked_slot": "(state = 'booked') <= (slot_at IS NOT NULL AND number IS NULL)",
    "numbered": "(state IN ('waiting', 'called', 'served')) <= (number IS NOT NULL)",
    "called_by_somebody": "(state = 'called') <= (clerk_id IS NOT NULL)",
}
_REFERS = {"store_id": "stores.store_id", "account_id": "accounts.account_id", "clerk_id": "accounts.account_id"}


def upgrade() -> None:
    op.create_table(
        "store_desks",
        sa.Column("store_id", sa.Uuid(), nullable=False),
        sa.Column("hours", JSONB(), nullable=False),
        sa.Column("slot_minutes", sa.BigInteger(), nullable=False),
        sa.Column("slot_capacity", sa.BigInteger(), nullable=False),
        sa.Column("numbered_on", sa.Date(), nullable=True),
        sa.Column("last_number", sa.BigInteger(), server_default="0", nullable=False),
        sa.CheckConstraint("slot_minutes > 0 AND slot_capacity > 0", name=op.f("ck_store_desks_slots")),
        sa.ForeignKeyConstraint(["store_id"], ["stores.store_id"], name=op.f("fk_store_desks_store_id")),
        sa.PrimaryKeyConstraint("store_id", name=op.f("pk_store_desks")),
        postgresql_with={"fillfactor": 70},
    )
    op.create_table(
        "desk_tickets",
        sa.Column("ticket_id", sa.Uuid(), nullable=False),
        sa.Column("store_id", sa.Uuid(), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=True),
        sa.Column("account_id", sa.Uuid(), nullable=True),
        sa.Column("topic", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("slot_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("taken_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("called_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("clerk_id", sa.Uuid(), nullable=True),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        *(sa.CheckConstraint(rule, name=op.f(f"ck_desk_tickets_{name}")) for name, rule in _CHECKS.items()),
        *(
            sa.ForeignKeyConstraint([column], [other], name=op.f(f"fk_desk_tickets_{column}"))
            for column, other in _REFERS.items()
        ),
        sa.PrimaryKeyConstraint("ticket_id", name=op.f("pk_desk_tickets")),
    )
    op.create_index("uq_desk_tickets_number", "desk_tickets", ["store_id", "day", "number"], unique=True)
    op.create_index(
        "uq_desk_tickets_once",
        "desk_tickets",
        ["account_id", "store_id", "day"],
        unique=True,
        postgresql_where=sa.text(_OPEN),
    )
    op.create_index(
        "uq_desk_tickets_clerk",
        "desk_tickets",
        ["clerk_id"],
        unique=True,
        postgresql_where=sa.text("state = 'called'"),
    )
    op.create_index(
        "ix_desk_tickets_slot", "desk_tickets", ["store_id", "slot_at"], postgresql_where=sa.text("slot_at IS NOT NULL")
    )
    op.create_index(op.f("ix_desk_tickets_store_id_ticket_id"), "desk_tickets", ["store_id", "ticket_id"])
    op.create_index(op.f("ix_desk_tickets_account_id_ticket_id"), "desk_tickets", ["account_id", "ticket_id"])
    op.create_index(op.f("ix_desk_tickets_clerk_id"), "desk_tickets", ["clerk_id"])


def downgrade() -> None:
    op.drop_table("desk_tickets")
    op.drop_table("store_desks")
