"""Carts that several fill and one pays."""

import sqlalchemy as sa
from alembic import op

revision = "0065"
down_revision = "0064"
branch_labels = None
depends_on = None


def _id(name: str) -> sa.Column[object]:
    return sa.Column(name, sa.Uuid(), nullable=False)


def _at(name: str, *, nullable: bool = False) -> sa.Column[object]:
    return sa.Column(name, sa.DateTime(timezone=True), nullable=nullable)


def _refers(table: str, column: str, target: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint([column], [target], name=op.f(f"fk_{table}_{column}"))


def upgrade() -> None:
    op.create_table(
        "shared_carts",
        _id("shared_cart_id"),
        _id("owner_id"),
        sa.Column("state", sa.Text(), nullable=False),
        _at("opened_at"),
        _at("expires_at"),
        _at("ended_at", nullable=True),
        sa.CheckConstraint(
            "state IN ('open', 'locked', 'taken', 'closed', 'expired')", name=op.f("ck_shared_carts_state")
        ),
        _refers("shared_carts", "owner_id", "accounts.account_id"),
        sa.PrimaryKeyConstraint("shared_cart_id", name=op.f("pk_shared_carts")),
    )
    op.create_index(op.f("ix_shared_carts_owner_id"), "shared_carts", ["owner_id"])
    op.create_index(
        "uq_shared_carts_live",
        "shared_carts",
        ["owner_id"],
        unique=True,
        postgresql_where=sa.text("state IN ('open', 'locked')"),
    )
    op.create_table(
        "shared_cart_members",
        _id("shared_cart_id"),
        _id("account_id"),
        _at("joined_at"),
        _refers("shared_cart_members", "shared_cart_id", "shared_carts.shared_cart_id"),
        _refers("shared_cart_members", "account_id", "accounts.account_id"),
        sa.PrimaryKeyConstraint("shared_cart_id", "account_id", name=op.f("pk_shared_cart_members")),
    )
    op.create_index(op.f("ix_shared_cart_members_account_id"), "shared_cart_members", ["account_id"])
    op.create_table(
        "shared_cart_lines",
        _id("shared_cart_id"),
        _id("account_id"),
        _id("sku_id"),
        sa.Column("quantity", sa.BigInteger(), nullable=False),
        sa.Column("note", sa.Text(), server_default="", nullable=False),
        sa.CheckConstraint("quantity BETWEEN 1 AND 999", name=op.f("ck_shared_cart_lines_quantity_range")),
        sa.ForeignKeyConstraint(
            ["shared_cart_id", "account_id"],
            ["shared_cart_members.shared_cart_id", "shared_cart_members.account_id"],
            name="fk_shared_cart_lines_member",
        ),
        _refers("shared_cart_lines", "sku_id", "skus.sku_id"),
        sa.PrimaryKeyConstraint("shared_cart_id", "account_id", "sku_id", name=op.f("pk_shared_cart_lines")),
    )
    op.create_index("ix_shared_cart_lines_account_id", "shared_cart_lines", ["account_id"])
    op.create_index(op.f("ix_shared_cart_lines_sku_id"), "shared_cart_lines", ["sku_id"])


def downgrade() -> None:
    for table in ("shared_cart_lines", "shared_cart_members", "shared_carts"):
        op.drop_table(table)
