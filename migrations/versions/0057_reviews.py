"""Reviews of orders and their offers, pictures for them, and what they come to."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0057"
down_revision = "0056"
branch_labels = None
depends_on = None

STATES = "'shown', 'folded', 'appealed', 'upheld', 'restored'"


def _id(name: str, *, nullable: bool = False) -> sa.Column[object]:
    return sa.Column(name, sa.Uuid(), nullable=nullable)


def _at(name: str, *, nullable: bool = False) -> sa.Column[object]:
    return sa.Column(name, sa.DateTime(timezone=True), nullable=nullable)


def _text(name: str, *, nullable: bool = False) -> sa.Column[str]:
    return sa.Column(name, sa.Text(), nullable=nullable)


def _int(name: str) -> sa.Column[int]:
    return sa.Column(name, sa.BigInteger(), nullable=False)


def _list(name: str) -> sa.Column[object]:
    return sa.Column(name, postgresql.JSONB(), server_default=sa.text("'[]'"), nullable=False)


def _refers(table: str, column: str, target: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint([column], [target], name=op.f(f"fk_{table}_{column}"))


def _check(table: str, name: str, condition: str) -> sa.CheckConstraint:
    return sa.CheckConstraint(condition, name=op.f(f"ck_{table}_{name}"))


_RATING = """
CREATE FUNCTION rating_hundredths(review_count bigint, star_sum bigint) RETURNS bigint
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN (2 * (4000 + 100 * coalesce(star_sum, 0)) + 10 + coalesce(review_count, 0)) / (2 * (10 + coalesce(review_count, 0)))
"""


def upgrade() -> None:
    op.execute(_RATING)
    op.create_table(
        "reviews",
        _id("review_id"),
        _id("order_id"),
        _id("account_id"),
        _id("shop_id"),
        _int("stars"),
        _text("words"),
        _list("pictures"),
        _text("state"),
        _at("reviewed_at"),
        _text("added_words", nullable=True),
        _list("added_pictures"),
        _at("added_at", nullable=True),
        _text("reply", nullable=True),
        _at("replied_at", nullable=True),
        _id("replied_by_id", nullable=True),
        _text("fold_reason", nullable=True),
        _at("folded_at", nullable=True),
        _id("folded_by_id", nullable=True),
        _text("appeal", nullable=True),
        _at("appealed_at", nullable=True),
        _text("decision", nullable=True),
        _at("decided_at", nullable=True),
        _id("decided_by_id", nullable=True),
        _check("reviews", "state", f"state IN ({STATES})"),
        _check("reviews", "stars_range", "stars BETWEEN 1 AND 5"),
        _refers("reviews", "order_id", "orders.order_id"),
        _refers("reviews", "account_id", "accounts.account_id"),
        sa.PrimaryKeyConstraint("review_id", name=op.f("pk_reviews")),
        sa.UniqueConstraint("order_id", name=op.f("uq_reviews_order_id")),
        postgresql_with={"fillfactor": "80"},
    )
    op.create_index(op.f("ix_reviews_account_id"), "reviews", ["account_id"])
    op.create_index("ix_reviews_shop", "reviews", ["shop_id", sa.text("review_id DESC")])
    op.create_index("ix_reviews_appealed", "reviews", ["review_id"], postgresql_where=sa.text("state = 'appealed'"))
    op.create_table(
        "reviewed_offers",
        _id("review_id"),
        _id("offer_id"),
        _int("stars"),
        _check("reviewed_offers", "stars_range", "stars BETWEEN 1 AND 5"),
        _refers("reviewed_offers", "review_id", "reviews.review_id"),
        _refers("reviewed_offers", "offer_id", "offers.offer_id"),
        sa.PrimaryKeyConstraint("review_id", "offer_id", name=op.f("pk_reviewed_offers")),
    )
    op.create_index(op.f("ix_reviewed_offers_offer_id"), "reviewed_offers", ["offer_id"])
    op.create_table(
        "review_pictures",
        _id("order_id"),
        _text("digest"),
        _at("uploaded_at"),
        _refers("review_pictures", "order_id", "orders.order_id"),
        sa.PrimaryKeyConstraint("order_id", "digest", name=op.f("pk_review_pictures")),
    )
    for table, key in (("shop_ratings", "shop"), ("offer_ratings", "offer")):
        op.create_table(
            table,
            _id(f"{key}_id"),
            _int("review_count"),
            _int("star_sum"),
            _check(table, "review_count_not_negative", "review_count >= 0"),
            _check(table, "star_sum_not_negative", "star_sum >= 0"),
            _refers(table, f"{key}_id", f"{key}s.{key}_id"),
            sa.PrimaryKeyConstraint(f"{key}_id", name=op.f(f"pk_{table}")),
            postgresql_with={"fillfactor": "70"},
        )


def downgrade() -> None:
    for table in ("offer_ratings", "shop_ratings", "review_pictures", "reviewed_offers", "reviews"):
        op.drop_table(table)
    op.execute("DROP FUNCTION rating_hundredths(bigint, bigint)")
