"""Chosen shops are desks against a deposit, each with a till of its own."""

import sqlalchemy as sa
from alembic import op

revision = "0104"
down_revision = "0103"
branch_labels = None
depends_on = None

_KINDS_BEFORE = (
    "'correction', 'commission_rate', 'commission_rule', 'staff_role', 'payout', 'mismatch', 'term_product', "
    "'bill_outcome', 'biller_account', 'campaign', 'dispute_acceptance', 'dispute_loss'"
)
_CHECKS = {
    "state": "state IN ('appointed', 'active', 'ended')",
    "covered_fen_not_negative": "covered_fen >= 0",
    "deposit_fen_positive": "deposit_fen > 0",
    "covered_by_deposit": "covered_fen <= deposit_fen",
    "active_store": "(state = 'active') <= (store_id IS NOT NULL)",
}
_REFERS = {"shop_id": "shops.shop_id", "merchant_id": "merchants.merchant_id", "store_id": "stores.store_id"}


def _one_of(table: str, column: str, values: str) -> None:
    op.execute(f"ALTER TABLE {table} DROP CONSTRAINT ck_{table}_{column}")
    op.execute(f"ALTER TABLE {table} ADD CONSTRAINT ck_{table}_{column} CHECK ({column} IN ({values})) NOT VALID")
    op.execute(f"ALTER TABLE {table} VALIDATE CONSTRAINT ck_{table}_{column}")


def upgrade() -> None:
    _one_of("approvals", "kind", f"{_KINDS_BEFORE}, 'shop_desk', 'shop_desk_end'")
    _one_of("tills", "state", "'closed', 'open', 'retired'")
    op.create_table(
        "shop_desks",
        sa.Column("desk_id", sa.Uuid(), nullable=False),
        sa.Column("shop_id", sa.Uuid(), nullable=False),
        sa.Column("merchant_id", sa.Uuid(), nullable=False),
        sa.Column("store_id", sa.Uuid(), nullable=True),
        sa.Column("deposit_fen", sa.BigInteger(), nullable=False),
        sa.Column("covered_fen", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("appointed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("began_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        *(sa.CheckConstraint(rule, name=op.f(f"ck_shop_desks_{name}")) for name, rule in _CHECKS.items()),
        *(
            sa.ForeignKeyConstraint([column], [other], name=op.f(f"fk_shop_desks_{column}"))
            for column, other in _REFERS.items()
        ),
        sa.PrimaryKeyConstraint("desk_id", name=op.f("pk_shop_desks")),
    )
    op.create_index(
        "uq_shop_desks_shop", "shop_desks", ["shop_id"], unique=True, postgresql_where=sa.text("state <> 'ended'")
    )
    op.create_index("uq_shop_desks_store", "shop_desks", ["store_id"], unique=True)
    op.create_index(op.f("ix_shop_desks_merchant_id"), "shop_desks", ["merchant_id"])
    op.create_index(op.f("ix_shop_desks_shop_id"), "shop_desks", ["shop_id"])
    op.execute(
        "UPDATE ledger.account_kind SET opens_by_itself = true, meaning = 'deposited by a shop for the desk that it is'"
        " WHERE kind = 'store_float'"
    )


def downgrade() -> None:
    op.drop_table("shop_desks")
    op.execute(
        "UPDATE ledger.account_kind SET opens_by_itself = false, meaning = 'cash desk of an experience store'"
        " WHERE kind = 'store_float'"
    )
    op.execute("UPDATE tills SET state = 'closed' WHERE state = 'retired'")
    _one_of("tills", "state", "'closed', 'open'")
    op.execute("DELETE FROM approvals WHERE kind IN ('shop_desk', 'shop_desk_end')")
    _one_of("approvals", "kind", _KINDS_BEFORE)
