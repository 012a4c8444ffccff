"""Parcels on the shelves of stores, and days on which a store is closed."""

import sqlalchemy as sa
from alembic import op

revision = "0055"
down_revision = "0054"
branch_labels = None
depends_on = None

_STANDS = sa.text("state IN ('waiting', 'overdue')")
_AT = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.create_table(
        "parcels",
        sa.Column("parcel_id", sa.Uuid(), nullable=False),
        sa.Column("store_id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("order_id", sa.Uuid(), nullable=False),
        sa.Column("case_id", sa.Uuid(), nullable=True),
        sa.Column("slot", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("shelved_by_id", sa.Uuid(), nullable=False),
        sa.Column("shelved_at", _AT, nullable=False),
        sa.Column("reminded_at", _AT, nullable=True),
        sa.Column("ended_by_id", sa.Uuid(), nullable=True),
        sa.Column("ended_at", _AT, nullable=True),
        sa.CheckConstraint("kind IN ('order', 'return')", name=op.f("ck_parcels_kind")),
        sa.CheckConstraint(
            "state IN ('waiting', 'collected', 'overdue', 'passed_on', 'disposed')", name=op.f("ck_parcels_state")
        ),
        sa.CheckConstraint("(kind = 'return') = (case_id IS NOT NULL)", name=op.f("ck_parcels_return_of_a_case")),
        sa.ForeignKeyConstraint(["store_id"], ["stores.store_id"], name=op.f("fk_parcels_store_id")),
        sa.ForeignKeyConstraint(["order_id"], ["orders.order_id"], name=op.f("fk_parcels_order_id")),
        sa.ForeignKeyConstraint(["case_id"], ["after_sale_cases.case_id"], name=op.f("fk_parcels_case_id")),
        sa.ForeignKeyConstraint(["shelved_by_id"], ["accounts.account_id"], name=op.f("fk_parcels_shelved_by_id")),
        sa.ForeignKeyConstraint(["ended_by_id"], ["accounts.account_id"], name=op.f("fk_parcels_ended_by_id")),
        sa.PrimaryKeyConstraint("parcel_id", name=op.f("pk_parcels")),
    )
    op.create_index("uq_parcels_slot", "parcels", ["store_id", "slot"], unique=True, postgresql_where=_STANDS)
    op.create_index("uq_parcels_standing", "parcels", ["order_id", "kind"], unique=True, postgresql_where=_STANDS)
    op.create_index(op.f("ix_parcels_store_id_parcel_id"), "parcels", ["store_id", "parcel_id"])
    for column in ("order_id", "case_id", "shelved_by_id", "ended_by_id"):
        op.create_index(op.f(f"ix_parcels_{column}"), "parcels", [column])
    op.create_table(
        "store_closures",
        sa.Column("closure_id", sa.Uuid(), nullable=False),
        sa.Column("store_id", sa.Uuid(), nullable=False),
        sa.Column("from_at", _AT, nullable=False),
        sa.Column("until_at", _AT, nullable=False),
        sa.Column("set_by_id", sa.Uuid(), nullable=False),
        sa.Column("set_at", _AT, nullable=False),
        sa.CheckConstraint("until_at > from_at", name=op.f("ck_store_closures_ends_after_it_begins")),
        sa.ForeignKeyConstraint(["store_id"], ["stores.store_id"], name=op.f("fk_store_closures_store_id")),
        sa.ForeignKeyConstraint(["set_by_id"], ["accounts.account_id"], name=op.f("fk_store_closures_set_by_id")),
        sa.PrimaryKeyConstraint("closure_id", name=op.f("pk_store_closures")),
    )
    for column in ("store_id", "set_by_id"):
        op.create_index(op.f(f"ix_store_closures_{column}"), "store_closures", [column])


def downgrade() -> None:
    op.drop_table("store_closures")
    op.drop_table("parcels")
