"""The catalog: categories, standard products, price history; what offers and SKUs say of themselves."""

from collections.abc import Iterator

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0040"
down_revision = "0039"
branch_labels = None
depends_on = None

_BRAND = {"key": "brand", "zh": "品牌", "en": "brand", "kind": "text"}
_FLAVOR = {"key": "flavor", "zh": "口味", "en": "flavor", "kind": "text"}
_ORIGIN = {"key": "origin", "zh": "产地", "en": "place of origin", "kind": "text"}
_SHELF_LIFE = {"key": "shelf_life_days", "zh": "保质期（天）", "en": "shelf life, days", "kind": "number"}
_STORAGE = {
    "key": "storage",
    "zh": "储存",
    "en": "storage",
    "kind": "choice",
    "choices": ["常温", "冷藏", "冷冻"],
}
_SPICE = {
    "key": "spice",
    "zh": "辣度",
    "en": "spiciness",
    "kind": "choice",
    "choices": ["不辣", "微辣", "中辣", "特辣"],
}
_ALCOHOL = {"key": "alcohol_percent", "zh": "酒精度（%vol）", "en": "alcohol, % by volume", "kind": "number"}
_APPROVAL = {
    "key": "approval_number",
    "zh": "批准文号",
    "en": "approval number",
    "kind": "text",
    "is_required": True,
}
_AT_HOME = {"key": "is_at_home", "zh": "上门", "en": "at home", "kind": "flag"}
_PERSONS = {"key": "persons", "zh": "适用人数", "en": "for how many", "kind": "number"}

# vertical: first level (code, zh, en, attributes): second level (code, zh, en, marks);
# marks: s = changes are reviewed, a = adults only, r = return excluded.
_TREE = {
    "retail": [
        ("fresh", "生鲜果蔬", "Fresh produce", [_ORIGIN, _STORAGE], [
            ("vegetables", "蔬菜", "Vegetables", "r"), ("fruit", "水果", "Fruit", "r"),
            ("meat", "肉禽蛋", "Meat, poultry, eggs", "r"), ("seafood", "水产", "Seafood", "r"),
            ("deli", "熟食鲜食", "Ready to eat", "r"),
        ]),
        ("drinks", "酒水饮料", "Drinks", [_BRAND, _FLAVOR], [
            ("water", "饮用水", "Water", ""), ("soft", "饮料", "Soft drinks", ""),
            ("tea_coffee", "茶与咖啡", "Tea and coffee", ""), ("dairy", "乳品", "Dairy", ""),
        ]),
        ("alcohol", "酒类", "Alcohol", [_BRAND, _ALCOHOL], [
            ("beer", "啤酒", "Beer", "a"), ("wine", "葡萄酒", "Wine", "a"), ("spirits", "白酒洋酒", "Spirits", "as"),
        ]),
        ("snacks", "休闲零食", "Snacks", [_BRAND, _FLAVOR, _SHELF_LIFE], [
            ("biscuits", "饼干糕点", "Biscuits and cakes", ""), ("nuts", "坚果蜜饯", "Nuts and candied fruit", ""),
            ("candy", "糖果巧克力", "Candy and chocolate", ""), ("crisps", "膨化", "Crisps", ""),
        ]),
        ("staples", "米面粮油", "Staples", [_BRAND, _SHELF_LIFE], [
            ("rice", "米", "Rice", ""), ("flour_noodles", "面粉面条", "Flour and noodles", ""),
            ("oil", "食用油", "Oil", ""), ("seasoning", "调味品", "Seasoning", ""),
            ("instant", "方便速食", "Instant food", ""),
        ]),
        ("household", "日用百货", "Household", [_BRAND], [
            ("paper", "纸品", "Paper", ""), ("cleaning", "清洁", "Cleaning", ""),
            ("personal_care", "个人护理", "Personal care", ""), ("kitchen", "厨房用品", "Kitchen", ""),
            ("intimate", "贴身用品", "Intimate goods", "r"),
        ]),
        ("mother_baby", "母婴", "Mother and baby", [_BRAND], [
            ("infant_formula", "婴幼儿配方乳粉", "Infant formula", "s"), ("diapers", "尿裤", "Diapers", ""),
        ]),
        ("health", "医药健康", "Health", [_BRAND, _APPROVAL], [
            ("medicine_otc", "非处方药", "Medicine without prescription", "sr"),
            ("devices", "医疗器械", "Medical devices", "s"), ("health_food", "保健食品", "Health food", "s"),
        ]),
        ("tobacco", "烟草", "Tobacco", [_BRAND], [("cigarettes", "卷烟", "Cigarettes", "as")]),
        ("pets", "宠物", "Pets", [_BRAND], [("pet_food", "宠物食品", "Pet food", "")]),
    ],
    "food": [
        ("meals", "正餐", "Meals", [_SPICE], [
            ("home_cooking", "家常菜", "Home cooking", "r"), ("hot_pot", "火锅冒菜", "Hot pot", "r"),
            ("grill", "烧烤烤鱼", "Grill", "r"), ("set_meal", "套餐便当", "Set meals", "r"),
        ]),
        ("noodles", "粉面饺子", "Noodles and dumplings", [_SPICE], [
            ("noodle", "面", "Noodles", "r"), ("rice_noodle", "米粉", "Rice noodles", "r"),
            ("dumpling", "饺子馄饨", "Dumplings", "r"),
        ]),
        ("breakfast", "早餐", "Breakfast", [], [
            ("bun", "包子馒头", "Buns", "r"), ("porridge", "粥", "Porridge", "r"), ("soy", "豆浆豆腐脑", "Soy", "r"),
        ]),
        ("sweets", "甜品饮品", "Sweets and drinks", [_FLAVOR], [
            ("milk_tea", "奶茶果饮", "Milk tea and juice", "r"), ("coffee", "咖啡", "Coffee", "r"),
            ("dessert", "甜品", "Desserts", "r"), ("cake", "蛋糕面包", "Cake and bread", "r"),
        ]),
        ("fast_food", "快餐小吃", "Fast food", [_SPICE], [
            ("snack", "小吃", "Street food", "r"), ("western", "西式快餐", "Western fast food", "r"),
        ]),
        ("raw", "冷食生食", "Cold and raw dishes", [], [("raw_fish", "生食水产", "Raw seafood", "sr")]),
    ],
    "home_service": [
        ("cleaning", "保洁", "Cleaning", [_AT_HOME], [
            ("daily_cleaning", "日常保洁", "Daily cleaning", ""), ("deep_cleaning", "深度保洁", "Deep cleaning", ""),
            ("appliance_cleaning", "家电清洗", "Appliance cleaning", ""),
        ]),
        ("repair", "维修", "Repair", [_AT_HOME], [
            ("plumbing", "水电维修", "Plumbing and wiring", ""), ("appliance_repair", "家电维修", "Appliances", ""),
            ("locks", "开锁换锁", "Locks", "s"),
        ]),
        ("care", "照护", "Care", [_AT_HOME], [
            ("child_care", "育儿", "Child care", "s"), ("elder_care", "养老照护", "Elder care", "s"),
            ("cooking", "做饭", "Cooking", ""),
        ]),
        ("moving", "搬家跑腿", "Moving and errands", [], [
            ("moving_house", "搬家", "Moving", ""), ("errand", "跑腿", "Errands", ""),
        ]),
    ],
    "leisure": [
        ("movies", "影音", "Film and sound", [_PERSONS], [
            ("cinema", "电影", "Cinema", ""), ("karaoke", "K歌", "Karaoke", ""),
        ]),
        ("sports", "运动", "Sports", [_PERSONS], [
            ("gym", "健身", "Gym", ""), ("courts", "球馆", "Courts", ""), ("swimming", "游泳", "Swimming", ""),
        ]),
        ("wellness", "丽人休养", "Wellness", [_PERSONS], [
            ("massage", "足疗按摩", "Massage", ""), ("hair", "美发", "Hair", ""), ("beauty", "美容美甲", "Beauty", ""),
        ]),
        ("fun", "玩乐", "Fun", [_PERSONS], [
            ("board_games", "桌游密室", "Board games and escape rooms", ""), ("family", "亲子", "Family", ""),
            ("bar", "酒吧", "Bars", "a"),
        ]),
    ],
}  # fmt: skip

_FUNCTIONS = """
CREATE FUNCTION map_cell(lat double precision, lng double precision, zoom integer) RETURNS bigint
LANGUAGE sql IMMUTABLE PARALLEL SAFE STRICT AS $$
    SELECT (floor((1 - ln(tan(radians(lat)) + 1 / cos(radians(lat))) / pi()) / 2 * (1 << zoom))::bigint << 31)
        | floor((lng + 180) / 360 * (1 << zoom))::bigint
$$;
COMMENT ON FUNCTION map_cell IS 'square of the web map at a zoom: row and column in one number; WGS-84 degrees';

CREATE FUNCTION unit_price_fen(price_fen bigint, amount bigint, unit text, pieces bigint) RETURNS bigint
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT (2 * price_fen * per.size + amount * pieces) / (2 * amount * pieces)
    FROM (SELECT CASE unit WHEN 'g' THEN 100 WHEN 'ml' THEN 100 WHEN 'minute' THEN 60 ELSE 1 END AS size) AS per
$$;
COMMENT ON FUNCTION unit_price_fen IS 'fen for 100 g, 100 ml, an hour or a piece, half up; null without a content';

CREATE FUNCTION place_sku() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    SELECT map_cell(s.lat, s.lng, 12) INTO STRICT NEW.cell FROM shops AS s WHERE s.shop_id = NEW.shop_id;
    RETURN NEW;
END $$;
CREATE TRIGGER place_sku BEFORE INSERT ON skus FOR EACH ROW WHEN (NEW.cell = 0) EXECUTE FUNCTION place_sku();

CREATE FUNCTION move_skus() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE skus SET cell = map_cell(NEW.lat, NEW.lng, 12) WHERE shop_id = NEW.shop_id;
    RETURN NULL;
END $$;
CREATE TRIGGER move_skus AFTER UPDATE OF lat, lng ON shops FOR EACH ROW
WHEN (map_cell(OLD.lat, OLD.lng, 12) <> map_cell(NEW.lat, NEW.lng, 12)) EXECUTE FUNCTION move_skus();

CREATE FUNCTION keep_first_prices() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO price_changes (sku_id, changed_at, price_fen) SELECT sku_id, business_now(), price_fen FROM fresh;
    RETURN NULL;
END $$;
CREATE TRIGGER keep_first_prices AFTER INSERT ON skus REFERENCING NEW TABLE AS fresh
FOR EACH STATEMENT EXECUTE FUNCTION keep_first_prices();

CREATE FUNCTION keep_prices() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO price_changes (sku_id, changed_at, price_fen)
    SELECT n.sku_id, business_now(), n.price_fen FROM later AS n JOIN before AS o ON o.sku_id = n.sku_id
    WHERE n.price_fen <> o.price_fen
    ON CONFLICT (sku_id, changed_at) DO UPDATE SET price_fen = excluded.price_fen;
    RETURN NULL;
END $$;
CREATE TRIGGER keep_prices AFTER UPDATE ON skus REFERENCING OLD TABLE AS before NEW TABLE AS later
FOR EACH STATEMENT EXECUTE FUNCTION keep_prices();
"""


def upgrade() -> None:
    op.create_table(
        "categories",
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("parent_code", sa.Text(), nullable=True),
        sa.Column("vertical", sa.Text(), nullable=False),
        sa.Column("name_zh", sa.Text(), nullable=False),
        sa.Column("name_en", sa.Text(), nullable=False),
        sa.Column("position", sa.BigInteger(), nullable=False),
        sa.Column("attributes", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("is_sensitive", sa.Boolean(), nullable=False),
        sa.Column("is_age_restricted", sa.Boolean(), nullable=False),
        sa.Column("is_return_excluded", sa.Boolean(), nullable=False),
        sa.CheckConstraint(
            "vertical IN ('retail', 'food', 'home_service', 'leisure')", name=op.f("ck_categories_vertical")
        ),
        sa.ForeignKeyConstraint(["parent_code"], ["categories.code"], name=op.f("fk_categories_parent_code")),
        sa.PrimaryKeyConstraint("code", name=op.f("pk_categories")),
    )
    op.create_index(op.f("ix_categories_parent_code"), "categories", ["parent_code"])
    op.create_table(
        "standard_products",
        sa.Column("standard_product_id", sa.Uuid(), nullable=False),
        sa.Column("barcode", sa.Text(), nullable=True),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("brand", sa.Text(), server_default="", nullable=False),
        sa.Column("content_amount", sa.BigInteger(), nullable=True),
        sa.Column("content_unit", sa.Text(), nullable=True),
        sa.Column("content_count", sa.BigInteger(), server_default="1", nullable=False),
        sa.Column("category_code", sa.Text(), nullable=True),
        sa.Column("match_key", sa.Text(), nullable=False),
        sa.Column(
            "created_at", sa.DateTime(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False
        ),
        sa.CheckConstraint(
            "content_unit IN ('g', 'ml', 'piece', 'minute')", name=op.f("ck_standard_products_content_unit")
        ),
        sa.CheckConstraint(
            "(content_amount IS NULL) = (content_unit IS NULL) AND content_amount > 0 IS NOT FALSE "
            "AND content_count > 0",
            name=op.f("ck_standard_products_content_sound"),
        ),
        sa.ForeignKeyConstraint(
            ["category_code"], ["categories.code"], name=op.f("fk_standard_products_category_code")
        ),
        sa.PrimaryKeyConstraint("standard_product_id", name=op.f("pk_standard_products")),
        sa.UniqueConstraint("barcode", name=op.f("uq_standard_products_barcode")),
    )
    op.create_index(op.f("ix_standard_products_category_code"), "standard_products", ["category_code"])
    op.create_index("ix_standard_products_match_key", "standard_products", ["match_key"])
    op.add_column("offers", sa.Column("category_code", sa.Text(), nullable=True))
    op.add_column("offers", sa.Column("brand", sa.Text(), server_default="", nullable=False))
    op.add_column("offers", sa.Column("description", sa.Text(), server_default="", nullable=False))
    op.add_column(
        "offers",
        sa.Column(
            "attributes", postgresql.JSONB(astext_type=sa.Text()), server_default=sa.text("'{}'"), nullable=False
        ),
    )
    op.add_column("offers", sa.Column("sale_hours", postgresql.JSONB(astext_type=sa.Text()), nullable=True))
    op.add_column("offers", sa.Column("preparation_minutes", sa.BigInteger(), server_default="0", nullable=False))
    op.add_column(
        "offers", sa.Column("is_age_restricted", sa.Boolean(), server_default=sa.text("false"), nullable=False)
    )
    op.add_column(
        "offers", sa.Column("is_return_excluded", sa.Boolean(), server_default=sa.text("false"), nullable=False)
    )
    op.create_check_constraint(op.f("ck_offers_preparation_minutes_not_negative"), "offers", "preparation_minutes >= 0")
    op.create_foreign_key(op.f("fk_offers_category_code"), "offers", "categories", ["category_code"], ["code"])
    op.create_index(op.f("ix_offers_category_code"), "offers", ["category_code"])
    op.drop_constraint(op.f("ck_offers_state"), "offers")
    op.create_check_constraint(
        op.f("ck_offers_state"), "offers", "state IN ('on_sale', 'paused', 'removed', 'in_review', 'refused')"
    )
    op.add_column(
        "skus",
        sa.Column("options", postgresql.JSONB(astext_type=sa.Text()), server_default=sa.text("'[]'"), nullable=False),
    )
    op.add_column("skus", sa.Column("content_amount", sa.BigInteger(), nullable=True))
    op.add_column("skus", sa.Column("content_unit", sa.Text(), nullable=True))
    op.add_column("skus", sa.Column("content_count", sa.BigInteger(), server_default="1", nullable=False))
    op.add_column("skus", sa.Column("standard_product_id", sa.Uuid(), nullable=True))
    op.add_column("skus", sa.Column("per_person_max", sa.BigInteger(), nullable=True))
    op.add_column("skus", sa.Column("per_person_days", sa.BigInteger(), server_default="30", nullable=False))
    op.add_column("skus", sa.Column("removed_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("skus", sa.Column("cell", sa.BigInteger(), server_default="0", nullable=False))
    op.create_check_constraint(op.f("ck_skus_content_unit"), "skus", "content_unit IN ('g', 'ml', 'piece', 'minute')")
    op.create_check_constraint(
        op.f("ck_skus_content_sound"),
        "skus",
        "(content_amount IS NULL) = (content_unit IS NULL) AND content_amount > 0 IS NOT FALSE AND content_count > 0",
    )
    op.create_check_constraint(op.f("ck_skus_per_person_max_range"), "skus", "per_person_max BETWEEN 1 AND 999")
    op.create_check_constraint(op.f("ck_skus_per_person_days_range"), "skus", "per_person_days BETWEEN 1 AND 366")
    op.create_foreign_key(
        op.f("fk_skus_standard_product_id"),
        "skus",
        "standard_products",
        ["standard_product_id"],
        ["standard_product_id"],
    )
    op.create_table(
        "price_changes",
        sa.Column("sku_id", sa.Uuid(), nullable=False),
        sa.Column("changed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("price_fen", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("price_fen > 0", name=op.f("ck_price_changes_price_fen_positive")),
        sa.ForeignKeyConstraint(["sku_id"], ["skus.sku_id"], name=op.f("fk_price_changes_sku_id")),
        sa.PrimaryKeyConstraint("sku_id", "changed_at", name=op.f("pk_price_changes")),
    )
    op.add_column(
        "order_lines", sa.Column("is_return_excluded", sa.Boolean(), server_default=sa.text("false"), nullable=False)
    )
    op.execute(_FUNCTIONS)
    _fill()
    op.create_index("ix_skus_product", "skus", ["standard_product_id", "cell"])


def _fill() -> None:
    """Seed the categories; place what is on shelves, begin its price history, tie equal barcodes to one product."""
    categories = sa.table(
        "categories",
        *(sa.column(name) for name in ("code", "parent_code", "vertical", "name_zh", "name_en", "position")),
        sa.column("attributes", postgresql.JSONB),
        *(sa.column(name) for name in ("is_sensitive", "is_age_restricted", "is_return_excluded")),
    )
    op.bulk_insert(categories, list(_categories()))
    op.execute(
        """
        UPDATE skus AS k SET cell = map_cell(s.lat, s.lng, 12) FROM shops AS s WHERE s.shop_id = k.shop_id;
        INSERT INTO price_changes (sku_id, changed_at, price_fen) SELECT sku_id, business_now(), price_fen FROM skus
        ON CONFLICT DO NOTHING;
        INSERT INTO standard_products (standard_product_id, barcode, name, match_key)
        SELECT gen_random_uuid(), barcode, name, lower(name) FROM (
            SELECT DISTINCT ON (k.barcode) k.barcode, f.name FROM skus AS k JOIN offers AS f ON f.offer_id = k.offer_id
            WHERE k.barcode IS NOT NULL AND k.barcode !~ '^(2[0-9]{12}|0*2[0-9]{7})$' ORDER BY k.barcode, k.sku_id
        ) AS known;
        UPDATE skus AS k SET standard_product_id = p.standard_product_id
        FROM standard_products AS p WHERE p.barcode = k.barcode;
        """
    )


def _categories() -> Iterator[dict[str, object]]:
    marks = {"is_sensitive": "s", "is_age_restricted": "a", "is_return_excluded": "r"}
    position = 0
    for vertical, firsts in _TREE.items():
        for code, zh, en, attributes, seconds in firsts:
            position += 1
            first = f"{vertical}.{code}"
            common = {"vertical": vertical, "attributes": attributes}
            yield {
                "code": first, "parent_code": None, "name_zh": zh, "name_en": en, "position": position, **common,
                **dict.fromkeys(marks, False),
            }  # fmt: skip
            for below, zh_below, en_below, marked in seconds:
                position += 1
                yield {
                    "code": f"{first}.{below}", "parent_code": first, "name_zh": zh_below, "name_en": en_below,
                    "position": position, **common, **{name: mark in marked for name, mark in marks.items()},
                }  # fmt: skip


def downgrade() -> None:
    for table, names in {"skus": ("keep_prices", "keep_first_prices", "place_sku"), "shops": ("move_skus",)}.items():
        for name in names:
            op.execute(f"DROP TRIGGER {name} ON {table}; DROP FUNCTION {name}")
    op.drop_column("order_lines", "is_return_excluded")
    op.drop_table("price_changes")
    for column in ("cell", "removed_at", "per_person_days", "per_person_max", "standard_product_id", "content_count",
                   "content_unit", "content_amount", "options"):  # fmt: skip
        op.drop_column("skus", column)
    op.execute("UPDATE offers SET state = 'paused' WHERE state IN ('in_review', 'refused')")
    op.drop_constraint(op.f("ck_offers_state"), "offers")
    op.create_check_constraint(op.f("ck_offers_state"), "offers", "state IN ('on_sale', 'paused', 'removed')")
    for column in ("is_return_excluded", "is_age_restricted", "preparation_minutes", "sale_hours", "attributes",
                   "description", "brand", "category_code"):  # fmt: skip
        op.drop_column("offers", column)
    op.drop_table("standard_products")
    op.drop_table("categories")
    op.execute("DROP FUNCTION unit_price_fen; DROP FUNCTION map_cell")
