"""Price alerts: who wants to be told what became cheaper, what was told, and whose prices moved."""

import sqlalchemy as sa
from alembic import op

revision = "0083"
down_revision = "0082"
branch_labels = None
depends_on = None

_MARK = """
CREATE FUNCTION mark_moved_prices(products uuid[]) RETURNS void LANGUAGE sql AS $$
    INSERT INTO moved_prices (standard_product_id)
    SELECT DISTINCT m.product_id FROM unnest(products) AS m (product_id)
    WHERE EXISTS (SELECT 1 FROM price_alerts AS a WHERE a.standard_product_id = m.product_id)
$$;

CREATE OR REPLACE FUNCTION keep_first_prices() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO price_changes (sku_id, changed_at, price_fen) SELECT sku_id, business_now(), price_fen FROM fresh;
    PERFORM mark_moved_prices(ARRAY(SELECT standard_product_id FROM fresh WHERE standard_product_id IS NOT NULL));
    RETURN NULL;
END $$;

CREATE OR REPLACE FUNCTION keep_prices() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO price_changes (sku_id, changed_at, price_fen)
    SELECT n.sku_id, business_now(), n.price_fen FROM later AS n JOIN before AS o ON o.sku_id = n.sku_id
    WHERE n.price_fen <> o.price_fen
    ON CONFLICT (sku_id, changed_at) DO UPDATE SET price_fen = excluded.price_fen;
    PERFORM mark_moved_prices(ARRAY(
        SELECT p.product_id FROM later AS n JOIN before AS o ON o.sku_id = n.sku_id
        CROSS JOIN LATERAL (VALUES (o.standard_product_id), (n.standard_product_id)) AS p (product_id)
        WHERE p.product_id IS NOT NULL AND (n.price_fen, n.standard_product_id, n.removed_at)
            IS DISTINCT FROM (o.price_fen, o.standard_product_id, o.removed_at)));
    RETURN NULL;
END $$;

CREATE FUNCTION mark_offers_on_sale() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM mark_moved_prices(ARRAY(
        SELECT k.standard_product_id FROM later AS n JOIN before AS o ON o.offer_id = n.offer_id
        JOIN skus AS k ON k.offer_id = n.offer_id AND k.standard_product_id IS NOT NULL
        WHERE n.state <> o.state));
    RETURN NULL;
END $$;
CREATE TRIGGER mark_offers_on_sale AFTER UPDATE ON offers REFERENCING OLD TABLE AS before NEW TABLE AS later
FOR EACH STATEMENT EXECUTE FUNCTION mark_offers_on_sale();
"""
_BEFORE = """
DROP TRIGGER mark_offers_on_sale ON offers;
DROP FUNCTION mark_offers_on_sale();

CREATE OR REPLACE FUNCTION keep_first_prices() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO price_changes (sku_id, changed_at, price_fen) SELECT sku_id, business_now(), price_fen FROM fresh;
    RETURN NULL;
END $$;

CREATE OR REPLACE FUNCTION keep_prices() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO price_changes (sku_id, changed_at, price_fen)
    SELECT n.sku_id, business_now(), n.price_fen FROM later AS n JOIN before AS o ON o.sku_id = n.sku_id
    WHERE n.price_fen <> o.price_fen
    ON CONFLICT (sku_id, changed_at) DO UPDATE SET price_fen = excluded.price_fen;
    RETURN NULL;
END $$;

DROP FUNCTION mark_moved_prices(uuid[]);
"""


def upgrade() -> None:
    op.create_table(
        "price_alerts",
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("standard_product_id", sa.Uuid(), nullable=False),
        sa.Column("address_id", sa.Uuid(), nullable=False),
        sa.Column("target_fen", sa.BigInteger(), nullable=True),
        sa.Column("last_fen", sa.BigInteger(), nullable=True),
        sa.Column("told_fen", sa.BigInteger(), nullable=True),
        sa.Column("told_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("set_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("target_fen > 0", name=op.f("ck_price_alerts_target_fen_positive")),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.account_id"], name=op.f("fk_price_alerts_account_id")),
        sa.ForeignKeyConstraint(["address_id"], ["addresses.address_id"], name=op.f("fk_price_alerts_address_id")),
        sa.ForeignKeyConstraint(
            ["standard_product_id"],
            ["standard_products.standard_product_id"],
            name=op.f("fk_price_alerts_standard_product_id"),
        ),
        sa.PrimaryKeyConstraint("account_id", "standard_product_id", name=op.f("pk_price_alerts")),
    )
    op.create_index("ix_price_alerts_product", "price_alerts", ["standard_product_id", "account_id"])
    op.create_index("ix_price_alerts_expires_at", "price_alerts", ["expires_at"])
    op.create_index(op.f("ix_price_alerts_address_id"), "price_alerts", ["address_id"])
    op.create_table(
        "price_notices",
        sa.Column("notice_id", sa.Uuid(), nullable=False),
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("standard_product_id", sa.Uuid(), nullable=False),
        sa.Column("shop_id", sa.Uuid(), nullable=False),
        sa.Column("sku_id", sa.Uuid(), nullable=False),
        sa.Column("price_fen", sa.BigInteger(), nullable=False),
        sa.Column("was_fen", sa.BigInteger(), nullable=True),
        sa.Column("noticed_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("notice_id", name=op.f("pk_price_notices")),
    )
    op.create_index("ix_price_notices_account_id", "price_notices", ["account_id", "notice_id"])
    op.create_index("ix_price_notices_noticed_at", "price_notices", ["noticed_at"])
    op.create_table(
        "moved_prices",
        sa.Column("move_id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("standard_product_id", sa.Uuid(), nullable=False),
        sa.Column("after", sa.Uuid(), server_default="00000000-0000-0000-0000-000000000000", nullable=False),
        sa.PrimaryKeyConstraint("move_id", name=op.f("pk_moved_prices")),
    )
    op.execute(_MARK)


def downgrade() -> None:
    op.execute(_BEFORE)
    for table in ("moved_prices", "price_notices", "price_alerts"):
        op.drop_table(table)
