"""Search: rows for offers and shops, kept by triggers; what people searched for; paid placement."""

from pathlib import Path

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0029"
down_revision = "0028"
branch_labels = None
depends_on = None

_SQL = Path(__file__).parents[1] / "sql" / "search.sql"
_SHOPS = """
    INSERT INTO searched_shops (shop_id, words, open_week) SELECT shop_id, search_words(name), week_of(hours) FROM shops
"""
_OFFERS = """
    INSERT INTO searched_offers (offer_id, shop_id, words, price_fen, lat, lng)
    SELECT f.offer_id, f.shop_id, search_words(f.name), min(k.price_fen), s.lat, s.lng
    FROM offers AS f JOIN shops AS s ON s.shop_id = f.shop_id JOIN skus AS k ON k.offer_id = f.offer_id
    WHERE f.state = 'on_sale' GROUP BY f.offer_id, s.shop_id
"""
_UNREAD = """
    INSERT INTO unread_names (subject_id, kind)
    SELECT offer_id, 'offer' FROM searched_offers UNION ALL SELECT shop_id, 'shop' FROM searched_shops
"""
_FUNCTIONS = (
    "shop_was_changed()",
    "sku_was_changed()",
    "offer_was_changed()",
    "keep_searched_offer(uuid)",
    "delivery_fee_fen(jsonb, float8)",
    "meters_between(float8, float8, float8, float8)",
    "minute_of_week(timestamptz)",
    "week_of(jsonb)",
    "search_index(text, text)",
    "search_tokens(text)",
    "search_words(text)",
)


def upgrade() -> None:
    op.create_table(
        "searched_offers",
        sa.Column("offer_id", sa.Uuid(), nullable=False),
        sa.Column("shop_id", sa.Uuid(), nullable=False),
        sa.Column("words", sa.Text(), nullable=False),
        sa.Column("pinyin", sa.Text(), nullable=True),
        sa.Column("price_fen", sa.BigInteger(), nullable=False),
        sa.Column("lat", sa.Double(), nullable=False),
        sa.Column("lng", sa.Double(), nullable=False),
        sa.ForeignKeyConstraint(["offer_id"], ["offers.offer_id"], name=op.f("fk_searched_offers_offer_id")),
        sa.PrimaryKeyConstraint("offer_id", name=op.f("pk_searched_offers")),
        postgresql_with={"fillfactor": "90"},
    )
    op.create_table(
        "searched_shops",
        sa.Column("shop_id", sa.Uuid(), nullable=False),
        sa.Column("words", sa.Text(), nullable=False),
        sa.Column("pinyin", sa.Text(), nullable=True),
        sa.Column("open_week", postgresql.INT4MULTIRANGE(), nullable=False),
        sa.ForeignKeyConstraint(["shop_id"], ["shops.shop_id"], name=op.f("fk_searched_shops_shop_id")),
        sa.PrimaryKeyConstraint("shop_id", name=op.f("pk_searched_shops")),
    )
    op.create_table(
        "unread_names",
        sa.Column("subject_id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.CheckConstraint("kind IN ('offer', 'shop')", name=op.f("ck_unread_names_kind")),
        sa.PrimaryKeyConstraint("subject_id", name=op.f("pk_unread_names")),
    )
    op.create_table(
        "advertisements",
        sa.Column("shop_id", sa.Uuid(), nullable=False),
        sa.Column("starts_on", sa.Date(), nullable=False),
        sa.Column("ends_on", sa.Date(), nullable=False),
        sa.Column("set_by_id", sa.Uuid(), nullable=False),
        sa.Column("set_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("ends_on >= starts_on", name=op.f("ck_advertisements_in_order")),
        sa.ForeignKeyConstraint(["shop_id"], ["shops.shop_id"], name=op.f("fk_advertisements_shop_id")),
        sa.ForeignKeyConstraint(["set_by_id"], ["accounts.account_id"], name=op.f("fk_advertisements_set_by_id")),
        sa.PrimaryKeyConstraint("shop_id", name=op.f("pk_advertisements")),
    )
    op.create_index(op.f("ix_advertisements_set_by_id"), "advertisements", ["set_by_id"])
    op.create_table(
        "recent_searches",
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("words", sa.Text(), nullable=False),
        sa.Column("searched_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.account_id"], name=op.f("fk_recent_searches_account_id")),
        sa.PrimaryKeyConstraint("account_id", "words", name=op.f("pk_recent_searches")),
    )
    op.create_index("ix_recent_searches_searched_at", "recent_searches", ["searched_at"])
    op.execute("SET LOCAL check_function_bodies = off")
    with op.get_bind().connection.cursor() as cursor:
        cursor.execute(_SQL.read_text(encoding="utf-8"))
    for fill in (_SHOPS, _OFFERS, _UNREAD):
        op.execute(fill)
    op.create_index(op.f("ix_searched_offers_shop_id"), "searched_offers", ["shop_id"])
    op.execute(
        "CREATE INDEX ix_searched_offers_tokens ON searched_offers USING gin (search_index(words, pinyin))"
        " WITH (fastupdate = off)"
    )


def downgrade() -> None:
    for trigger, table in (("offer_is_searched", "offers"), ("sku_is_searched", "skus"), ("shop_is_searched", "shops")):
        op.execute(f"DROP TRIGGER {trigger} ON {table}")
    for table in ("recent_searches", "advertisements", "unread_names", "searched_offers", "searched_shops"):
        op.drop_table(table)
    for function in _FUNCTIONS:
        op.execute(f"DROP FUNCTION {function}")
