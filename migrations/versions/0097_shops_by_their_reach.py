"""What sells a product for an address is found by the reach of shops, then by shop and product."""

from pathlib import Path

from alembic import op

revision = "0097"
down_revision = "0096"
branch_labels = None
depends_on = None

_SQL = Path(__file__).parents[1] / "sql" / "delivery_box.sql"


def upgrade() -> None:
    op.execute(_SQL.read_text(encoding="utf-8"))
    op.execute("CREATE INDEX ix_searched_shops_reach ON searched_shops USING gist (delivery_box(lat, lng, radius_m))")
    op.create_index("ix_skus_shop", "skus", ["shop_id", "standard_product_id"])
    op.drop_index("ix_skus_shop_id", "skus")


def downgrade() -> None:
    op.create_index("ix_skus_shop_id", "skus", ["shop_id"])
    op.drop_index("ix_skus_shop", "skus")
    op.drop_index("ix_searched_shops_reach", "searched_shops")
    op.execute("DROP FUNCTION delivery_box(float8, float8, bigint)")
