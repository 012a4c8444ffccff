"""Rows of search hold hours with holidays and single days, sale hours, areas, fees and ratings; tokens know places."""

from pathlib import Path

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0077"
down_revision = "0076"
branch_labels = None
depends_on = None

_SQL = Path(__file__).parents[1] / "sql" / "search_rows.sql"
_FORMER = _SQL.parent / "search.sql"
_FILL = """
    UPDATE searched_shops AS z SET open_minutes = open_minutes(s.hours), lat = s.lat, lng = s.lng,
        vertical = s.vertical, state = s.state, license_expires_on = s.license_expires_on,
        paused_until = s.paused_until, radius_m = s.radius_m, area = area_points(s.area), minimum_fen = s.minimum_fen,
        fee_from_m = fee_from_m(s.fee_tiers), fees = fees_of(s.fee_tiers)
    FROM shops AS s WHERE s.shop_id = z.shop_id;
    UPDATE searched_shops AS z SET review_count = r.review_count,
        rating_hundredths = rating_hundredths(r.review_count, r.star_sum)
    FROM shop_ratings AS r WHERE r.shop_id = z.shop_id;
    UPDATE searched_offers AS w SET sale_minutes = open_minutes(f.sale_hours)
    FROM offers AS f WHERE f.offer_id = w.offer_id AND f.sale_hours IS NOT NULL
"""
_SHOPS = (
    ("lat", sa.Double()),
    ("lng", sa.Double()),
    ("vertical", sa.Text()),
    ("state", sa.Text()),
    ("license_expires_on", sa.Date()),
    ("radius_m", sa.BigInteger()),
    ("minimum_fen", sa.BigInteger()),
    ("fee_from_m", postgresql.ARRAY(sa.Double())),
    ("fees", postgresql.ARRAY(sa.BigInteger())),
)
_WATCHED = (
    "name, hours, lat, lng, vertical, state, license_expires_on, paused_until, radius_m, area, minimum_fen, fee_tiers"
)
_NEW = (
    "rating_was_changed()",
    "search_index(text, text, float8, float8)",
    "place_token(float8, float8, integer)",
    "is_in_area(float8[], float8, float8)",
    "area_points(jsonb)",
    "fees_of(jsonb)",
    "fee_from_m(jsonb)",
    "is_open_in(int4multirange, integer, integer, integer, boolean)",
    "open_minutes(jsonb)",
)


def _watch(columns: str, table: str = "shops", function: str = "shop_was_changed", name: str = "shop") -> None:
    op.execute(
        f"CREATE OR REPLACE TRIGGER {name}_is_searched AFTER INSERT OR UPDATE OF {columns} ON {table}"
        f" FOR EACH ROW EXECUTE FUNCTION {function}()"
    )


def upgrade() -> None:
    op.drop_index("ix_searched_offers_tokens", "searched_offers")
    op.execute("DROP FUNCTION search_index(text, text)")
    op.execute(_SQL.read_text(encoding="utf-8"))
    op.alter_column("searched_shops", "open_week", new_column_name="open_minutes")
    for name, kind in _SHOPS:
        op.add_column("searched_shops", sa.Column(name, kind, nullable=True))
    op.add_column("searched_shops", sa.Column("paused_until", sa.DateTime(timezone=True), nullable=True))
    op.add_column("searched_shops", sa.Column("area", postgresql.ARRAY(sa.Double()), nullable=True))
    op.add_column("searched_shops", sa.Column("review_count", sa.BigInteger(), server_default="0", nullable=False))
    op.add_column(
        "searched_shops", sa.Column("rating_hundredths", sa.BigInteger(), server_default="400", nullable=False)
    )
    op.add_column("searched_offers", sa.Column("sale_minutes", postgresql.INT4MULTIRANGE(), nullable=True))
    op.execute(_FILL)
    for name, _ in _SHOPS:
        op.alter_column("searched_shops", name, nullable=False)
    op.create_index("ix_searched_shops_place", "searched_shops", [sa.text("point(lng, lat)")], postgresql_using="gist")
    op.execute(
        "CREATE INDEX ix_searched_offers_tokens ON searched_offers USING gin (search_index(words, pinyin, lat, lng))"
        " WITH (fastupdate = off)"
    )
    _watch(_WATCHED)
    _watch("name, state, sale_hours", "offers", "offer_was_changed", "offer")
    _watch("review_count, star_sum", "shop_ratings", "rating_was_changed", "rating")
    op.execute("DROP FUNCTION delivery_fee_fen(jsonb, float8); DROP FUNCTION week_of(jsonb)")


def downgrade() -> None:
    op.execute("DROP TRIGGER rating_is_searched ON shop_ratings")
    op.drop_index("ix_searched_offers_tokens", "searched_offers")
    op.drop_index("ix_searched_shops_place", "searched_shops")
    for name in ("week_of", "delivery_fee_fen", "search_tokens", "search_index", "keep_searched_offer"):
        op.execute(
            _former(name).replace("k.offer_id = f.offer_id\n", "k.offer_id = f.offer_id AND k.removed_at IS NULL\n")
        )
    op.execute(_former("shop_was_changed"))
    _watch("name, hours, lat, lng")
    _watch("name, state", "offers", "offer_was_changed", "offer")
    op.drop_column("searched_offers", "sale_minutes")
    for name in ("paused_until", "area", "review_count", "rating_hundredths", *(name for name, _ in _SHOPS)):
        op.drop_column("searched_shops", name)
    op.alter_column("searched_shops", "open_minutes", new_column_name="open_week")
    op.execute(
        "UPDATE searched_shops AS z SET open_week = week_of(s.hours) FROM shops AS s WHERE s.shop_id = z.shop_id"
    )
    for function in _NEW:
        op.execute(f"DROP FUNCTION {function}")
    op.execute(
        "CREATE INDEX ix_searched_offers_tokens ON searched_offers USING gin (search_index(words, pinyin))"
        " WITH (fastupdate = off)"
    )


def _former(name: str) -> str:
    """Return the statement that made a function before."""
    told = _FORMER.read_text(encoding="utf-8")
    begin = told.index(f"CREATE FUNCTION {name}(")
    return told[begin : told.index("$$;\n", begin) + 3].replace("CREATE FUNCTION", "CREATE OR REPLACE FUNCTION")
