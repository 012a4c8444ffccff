"""The directory of merchants that have not come yet, its imports and its claims."""

import sqlalchemy as sa
from alembic import op

revision = "0035"
down_revision = "0034"
branch_labels = None
depends_on = None

_STATES = "state IN ('submitted', 'approved', 'refused', 'lost', 'withdrawn')"
_COUNTS = ("row_count", "inserted_count", "merged_count", "refused_count")


def upgrade() -> None:
    op.create_table(
        "listings",
        sa.Column("listing_id", sa.Uuid(), nullable=False),
        sa.Column("cell", sa.BigInteger(), nullable=False),
        sa.Column("place_key", sa.BigInteger(), nullable=False),
        sa.Column("lat", sa.Double(), nullable=False),
        sa.Column("lng", sa.Double(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("category", sa.Text(), nullable=False),
        sa.Column("address", sa.Text(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("shop_id", sa.Uuid(), nullable=True),
        sa.PrimaryKeyConstraint("listing_id", name=op.f("pk_listings")),
    )
    op.create_index("ix_listings_place", "listings", ["cell", "category"])
    op.create_index("ix_listings_place_key", "listings", ["place_key"])
    op.create_table(
        "listing_imports",
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        *(sa.Column(name, sa.BigInteger(), nullable=False) for name in _COUNTS),
        sa.Column(
            "started_at", sa.DateTime(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False
        ),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        *(sa.CheckConstraint(f"{n} >= 0", name=op.f(f"ck_listing_imports_{n}_not_negative")) for n in _COUNTS),
        sa.PrimaryKeyConstraint("digest", name=op.f("pk_listing_imports")),
    )
    op.create_table(
        "listing_claims",
        sa.Column("claim_id", sa.Uuid(), nullable=False),
        sa.Column("listing_id", sa.Uuid(), nullable=False),
        sa.Column("merchant_id", sa.Uuid(), nullable=False),
        sa.Column("claimed_by_id", sa.Uuid(), nullable=False),
        sa.Column("photo_reference", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("shop_id", sa.Uuid(), nullable=True),
        sa.Column("claimed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("decided_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("decided_by_id", sa.Uuid(), nullable=True),
        sa.CheckConstraint(_STATES, name=op.f("ck_listing_claims_state")),
        sa.ForeignKeyConstraint(["listing_id"], ["listings.listing_id"], name=op.f("fk_listing_claims_listing_id")),
        sa.ForeignKeyConstraint(["merchant_id"], ["merchants.merchant_id"], name=op.f("fk_listing_claims_merchant_id")),
        sa.ForeignKeyConstraint(
            ["claimed_by_id"], ["accounts.account_id"], name=op.f("fk_listing_claims_claimed_by_id")
        ),
        sa.ForeignKeyConstraint(["shop_id"], ["shops.shop_id"], name=op.f("fk_listing_claims_shop_id")),
        sa.ForeignKeyConstraint(
            ["decided_by_id"], ["accounts.account_id"], name=op.f("fk_listing_claims_decided_by_id")
        ),
        sa.PrimaryKeyConstraint("claim_id", name=op.f("pk_listing_claims")),
    )
    for column in ("listing_id", "merchant_id", "claimed_by_id", "shop_id", "decided_by_id"):
        op.create_index(op.f(f"ix_listing_claims_{column}"), "listing_claims", [column])
    op.create_index(
        "uq_listing_claims_waiting",
        "listing_claims",
        ["listing_id", "merchant_id"],
        unique=True,
        postgresql_where=sa.text("state = 'submitted'"),
    )
    op.create_index(
        "uq_listing_claims_approved",
        "listing_claims",
        ["listing_id"],
        unique=True,
        postgresql_where=sa.text("state = 'approved'"),
    )
    op.create_index("ix_listing_claims_review", "listing_claims", ["state", "claim_id"])


def downgrade() -> None:
    for table in ("listing_claims", "listing_imports", "listings"):
        op.drop_table(table)
