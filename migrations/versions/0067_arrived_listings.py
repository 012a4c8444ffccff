"""Lists of merchants arrive in a table of their own and are merged by the keys of their names."""

import sqlalchemy as sa
from alembic import op

revision = "0067"
down_revision = "0066"
branch_labels = None
depends_on = None

# The key of a name is computed from its normal form, at some 50 microseconds a row.
_KEYS = """
    UPDATE listings SET place_key = CAST(CAST('x' || encode(substring(
        sha256(convert_to(replace(search_words(name), ' ', ''), 'UTF8')) FROM 1 FOR 8), 'hex') AS bit(64)) AS bigint)
"""


def upgrade() -> None:
    op.drop_index("ix_listings_place_key", "listings")
    op.execute(_KEYS)
    op.alter_column("listings", "place_key", new_column_name="name_key")
    op.add_column(
        "listing_imports", sa.Column("import_number", sa.BigInteger(), sa.Identity(always=True), nullable=False)
    )
    op.create_unique_constraint(op.f("uq_listing_imports_import_number"), "listing_imports", ["import_number"])
    op.add_column("listing_imports", sa.Column("merged_row", sa.BigInteger(), server_default="0", nullable=False))
    # What an older version read of a list was merged at once, so an unfinished list is read anew.
    op.execute("UPDATE listing_imports SET row_count = 0, refused_count = 0 WHERE finished_at IS NULL")
    op.create_table(
        "arrived_listings",
        sa.Column("import_number", sa.BigInteger(), nullable=False),
        sa.Column("line", sa.BigInteger(), nullable=False),
        sa.Column("cell", sa.BigInteger(), nullable=False),
        sa.Column("name_key", sa.BigInteger(), nullable=False),
        sa.Column("lat", sa.Double(), nullable=False),
        sa.Column("lng", sa.Double(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("category", sa.Text(), nullable=False),
        sa.Column("address", sa.Text(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("import_number", "line", name=op.f("pk_arrived_listings")),
        prefixes=["UNLOGGED"],
    )


def downgrade() -> None:
    op.drop_table("arrived_listings")
    op.drop_column("listing_imports", "merged_row")
    op.drop_column("listing_imports", "import_number")
    op.alter_column("listings", "name_key", new_column_name="place_key")
    op.create_index("ix_listings_place_key", "listings", ["place_key"])
