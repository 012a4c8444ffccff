"""The statements of a search: words and squares of the map by one index, ranked by :mod:`app.core.search.ranking`.

Without words the shops of the circle come first. All read the shelf and the stock as they are committed at this moment,
and look at few columns until the page is known.
"""

from dataclasses import dataclass
from functools import cache

from sqlalchemy import TextClause, text

from app.core.search.ranking import ADVERTISEMENT_SLOTS, KEYS, PARTS, Sort, match_sql, score_sql
from app.core.search.words import Asked, almost, begins, contains, halves, initials, tokens

BROWSE_M_MAX = 10_000
"""No further without words."""
RADIUS_M_MAX = 50_000
BRANCHES_MAX = 32
"""Ways in which one word may be found in the index."""


def delivers_to(lat: str, lng: str) -> str:
    """Return the condition that the shop ``z`` of ``searched_shops`` delivers to a point, by the rule of checkout."""
    return (
        f"round(meters_between(z.lat, z.lng, {lat}, {lng})) <= z.radius_m"
        f" AND (z.area IS NULL OR is_in_area(z.area, {lat}, {lng}))"
    )


_NOW = """
    asked_at AS MATERIALIZED (
        SELECT c.now, d.day, ((extract(isodow FROM d.day) - 1) * 1440 + m.minute)::integer AS minute_of_week,
            m.minute AS minute_of_day, 30000 + (d.day - date '2000-01-01') * 1500 AS day_base,
            d.day = ANY (CAST(:holidays AS date[])) AS is_holiday
        FROM (SELECT coalesce(CAST(:moment AS timestamptz), business_now()) AS now) AS c
        CROSS JOIN LATERAL (SELECT c.now AT TIME ZONE 'Asia/Shanghai' AS local) AS l
        CROSS JOIN LATERAL (SELECT CAST(l.local AS date) AS day) AS d
        CROSS JOIN LATERAL (
            SELECT (extract(hour FROM l.local) * 60 + extract(minute FROM l.local))::integer AS minute) AS m
    ),
    advertised AS MATERIALIZED (
        SELECT a.shop_id FROM advertisements AS a CROSS JOIN asked_at AS t WHERE t.day BETWEEN a.starts_on AND a.ends_on
    )"""
_IS_IN = "is_open_in({minutes}, t.minute_of_week, t.minute_of_day, t.day_base, t.is_holiday)"
_SHOP_COLUMNS = f"""
    z.shop_id, z.minimum_fen, z.review_count, z.rating_hundredths, d.distance_m,
    z.fees[width_bucket(d.distance_m, z.fee_from_m) + 1] AS delivery_fen,
    z.state = 'open' AND (z.paused_until IS NULL OR z.paused_until <= t.now)
        AND {_IS_IN.format(minutes="z.open_minutes")} AS is_open,
    z.shop_id IN (SELECT shop_id FROM advertised) AS is_advertised"""
_SHOP_FILTER = """
    z.state IN ('open', 'resting') AND z.license_expires_on >= t.day AND d.distance_m <= :radius_m
    AND (NOT CAST(:is_delivered AS boolean)
        OR d.distance_m <= z.radius_m AND (z.area IS NULL OR is_in_area(z.area, :lat, :lng)))
    AND (CAST(:vertical AS text) IS NULL OR z.vertical = :vertical)
    AND (CAST(:minimum_fen_max AS bigint) IS NULL OR z.minimum_fen <= :minimum_fen_max)"""
_DISTANCE = """
    CROSS JOIN LATERAL (SELECT round(meters_between(z.lat, z.lng, :lat, :lng)) AS distance_m OFFSET 0) AS d"""
"""Reckoned once a shop: without OFFSET the planner writes it out wherever it is named."""
_AROUND = "point(z.lng, z.lat) <@ box(point(:lng_min, :lat_min), point(:lng_max, :lat_max))"
_AWAY = "(point(z.lng, z.lat) <-> point(:lng, :lat))"
"""Degrees, which the index of points sorts by; meters are fewer to a degree of longitude than to one of latitude."""
NEAREST = 120
"""Shops that are looked at first for the nearest ones: enough for a page where half of them are closed."""
SAFE_M_A_DEGREE = 109_000
"""Of a degree of latitude a little less than it is: to the north of a place its degrees of longitude are narrower."""
_DELIVERY_FILTER = "(CAST(:delivery_fen_max AS bigint) IS NULL OR n.delivery_fen <= :delivery_fen_max)"
SOLD_AT_THIS_HOUR = f"(w.sale_minutes IS NULL OR {_IS_IN.format(minutes='w.sale_minutes')})"
_SOLD = f"n.is_open AND {SOLD_AT_THIS_HOUR}"
_PRICE_FILTER = """
    (CAST(:price_fen_min AS bigint) IS NULL OR w.price_fen >= :price_fen_min)
    AND (CAST(:price_fen_max AS bigint) IS NULL OR w.price_fen <= :price_fen_max)"""
_OF_CATEGORY = """JOIN offers AS c ON c.offer_id = w.offer_id AND (c.category = :category
                    OR c.category_code = :category OR starts_with(c.category_code, :category || '.'))"""
"""A group of a shop's own shelf by its name, or a category by its code with those below it."""
_PARTS = ", ".join(f"CAST({part.value} AS float8) AS part_{part.name}" for part in PARTS)

SERVING = f"""{_NOW},
    serving AS MATERIALIZED (
        SELECT z.shop_id, z.minimum_fen, z.rating_hundredths, d.distance_m,
            z.fees[width_bucket(d.distance_m, z.fee_from_m) + 1] AS delivery_fen
        FROM asked_at AS t CROSS JOIN searched_shops AS z {_DISTANCE}
        WHERE delivery_box(z.lat, z.lng, z.radius_m) @> box(point(:lng, :lat), point(:lng, :lat))
            AND d.distance_m <= z.radius_m AND (z.area IS NULL OR is_in_area(z.area, :lat, :lng))
            AND z.state = 'open' AND z.license_expires_on >= t.day
            AND (z.paused_until IS NULL OR z.paused_until <= t.now) AND {_IS_IN.format(minutes="z.open_minutes")}
    )"""
"""``asked_at`` and ``serving``: shops that serve the point at this moment, by the rule of checkout."""


@dataclass(frozen=True, slots=True)
class Shape:
    """What a statement is made for; two questions of one shape share it, planned once a connection.

    :param branches: for each word, in how many ways the index is asked; none without words.
    :param is_nearest: only :data:`NEAREST` shops are looked at; see :func:`shops_statement`.
    """

    sort: Sort
    terms: int
    branches: tuple[int, ...] = ()
    has_category: bool = False
    is_whole: bool = False
    is_nearest: bool = False


def shape_of(asked: Asked | None, *, sort: Sort, has_category: bool, is_almost: bool) -> Shape:
    """Return the shape of a question."""
    if asked is None:
        return Shape(sort, 0, has_category=has_category)
    branches = tuple(_rounded_up(len(ways)) for ways in _ways(asked, is_almost=is_almost))
    return Shape(sort, len(branches), branches, has_category=has_category)


def word_params(asked: Asked | None, shape: Shape, *, is_almost: bool) -> dict[str, object]:
    """Return the parameters that say what is looked for.

    :param is_almost: names with one character wrong will do.
    """
    if asked is None:
        return {"whole": "", "begins": "", "contains": ""}
    params: dict[str, object] = {
        "whole": asked.whole,
        "begins": begins(asked.whole),
        "contains": contains(asked.whole),
    }
    for place, term in enumerate(asked.terms):
        patterns = [contains(other) for other in term.alternatives]
        params[f"like{place}"] = [*patterns, *(almost(term.word) if is_almost else ())]
        params[f"reading{place}"] = "|".join(term.readings) or None
    if shape.branches:
        for place, ways in enumerate(_ways(asked, is_almost=is_almost)):
            for branch in range(shape.branches[place]):
                params[f"tokens{place}_{branch}"] = ways[branch % len(ways)]
    return params


@cache
def offers_statement(shape: Shape) -> TextClause:
    """Return the statement of a search for offers.

    Its rows are a page in order, those in paid places first (``is_advertisement``).
    """
    category = _OF_CATEGORY if shape.has_category else ""
    columns = f"""w.offer_id, w.words, w.price_fen, n.shop_id, n.review_count, n.rating_hundredths, n.distance_m,
        n.delivery_fen, n.is_advertised, {_SOLD} AS is_open"""
    if shape.branches:
        found = f"""
            found AS MATERIALIZED (
                SELECT w.offer_id, w.shop_id, w.words, w.price_fen, w.sale_minutes FROM searched_offers AS w {category}
                WHERE {found_filters(shape)} AND {_PRICE_FILTER}
            ),
            matched AS (
                SELECT {columns} FROM asked_at AS t CROSS JOIN found AS w CROSS JOIN LATERAL (
                    SELECT {_SHOP_COLUMNS} FROM searched_shops AS z {_DISTANCE}
                    WHERE z.shop_id = w.shop_id AND {_SHOP_FILTER}
                ) AS n WHERE {_DELIVERY_FILTER}
            )"""
    else:
        found = f"""
            near AS MATERIALIZED (
                SELECT {_SHOP_COLUMNS} FROM asked_at AS t CROSS JOIN searched_shops AS z {_DISTANCE}
                WHERE {_AROUND} AND {_SHOP_FILTER}
            ),
            matched AS (
                SELECT {columns} FROM asked_at AS t CROSS JOIN near AS n
                JOIN searched_offers AS w ON w.shop_id = n.shop_id {category}
                WHERE {_DELIVERY_FILTER} AND {_PRICE_FILTER}
            )"""
    match = match_sql() if shape.terms else "CAST(0 AS float8)"
    if shape.is_whole:
        return text(f"WITH {_NOW}, {found} SELECT offer_id FROM matched")
    return text(f"""
        WITH {_NOW}, {found},
        fitted AS (SELECT m.*, {match} AS match FROM matched AS m WHERE NOT CAST(:only_open AS boolean) OR m.is_open),
        scored AS (SELECT fitted.*, {score_sql()} AS score FROM fitted),
        ranked AS MATERIALIZED (SELECT scored.*, {KEYS[shape.sort]} AS key FROM scored),
        paid AS (
            SELECT DISTINCT ON (shop_id) true AS is_advertisement, ranked.* FROM ranked
            WHERE CAST(:with_paid AS boolean) AND is_advertised AND is_open ORDER BY shop_id, key, offer_id
        ),
        ordered AS (
            SELECT false AS is_advertisement, ranked.* FROM ranked
            WHERE CAST(:after_key AS bigint) IS NULL OR (key, offer_id) > (:after_key, CAST(:after_id AS uuid))
            ORDER BY key, offer_id
        ),
        page AS (
            (SELECT {_SHOWN} FROM (SELECT * FROM paid ORDER BY key, offer_id) AS r {_LIVE}
             ORDER BY r.key, r.offer_id LIMIT {len(ADVERTISEMENT_SLOTS)})
            UNION ALL
            (SELECT {_SHOWN} FROM ordered AS r {_LIVE} ORDER BY r.key, r.offer_id LIMIT :limit)
        )
        SELECT page.*, {_PARTS}, t.now, {_SHOWN_SHOP}
        FROM page CROSS JOIN asked_at AS t JOIN shops AS s ON s.shop_id = page.shop_id
        ORDER BY page.is_advertisement DESC, page.key, page.offer_id
    """)


_SHOWN_SHOP = """
    s.name AS shop_name, s.vertical, s.state AS shop_state, s.lat AS shop_lat, s.lng AS shop_lng, s.minimum_fen,
    s.preparation_minutes, s.hours, s.fee_tiers, s.paused_until"""
_SHOWN = """
    r.*, f.name, f.kind, f.category, f.sale_hours, f.is_age_restricted, live.sku_id, live.price_fen AS live_fen,
    live.sku_count"""
_LIVE = """
    CROSS JOIN LATERAL (
        SELECT (array_agg(k.sku_id ORDER BY k.price_fen, k.sku_id))[1] AS sku_id, min(k.price_fen) AS price_fen,
            count(*) AS sku_count
        FROM skus AS k LEFT JOIN stock AS n ON n.sku_id = k.sku_id
        WHERE k.offer_id = r.offer_id AND k.removed_at IS NULL AND (n.sku_id IS NULL OR n.on_hand > 0)
    ) AS live JOIN offers AS f ON f.offer_id = r.offer_id AND f.state = 'on_sale' AND live.sku_id IS NOT NULL"""


_NEAREST_SHOPS = f"""
    nearest AS MATERIALIZED (
        SELECT z.*, {_AWAY} AS away FROM searched_shops AS z WHERE {_AROUND} ORDER BY {_AWAY} LIMIT {NEAREST}
    ),
    looked_at AS MATERIALIZED (
        SELECT CASE WHEN count(*) = {NEAREST} THEN max(away) * cos(radians(:lat)) * {SAFE_M_A_DEGREE} END AS safe_m
        FROM nearest
    ),
    further AS (
        SELECT z.* FROM advertised AS a CROSS JOIN LATERAL (
            SELECT y.*, 0 AS away FROM searched_shops AS y WHERE y.shop_id = a.shop_id OFFSET 0
        ) AS z WHERE {_AROUND} AND z.shop_id NOT IN (SELECT shop_id FROM nearest)
    ),"""


@cache
def shops_statement(shape: Shape) -> TextClause:
    """Return the statement of a search for shops: by their name, or by what they sell and have.

    Where ``is_nearest`` is asked for, what is ordered ends where a shop that was not looked at could be nearer
    (``safe_m``, null where all were looked at); shops in paid places are of the whole circle.
    """
    named = " AND ".join(_word_filters("n", shape.terms)) or "true"
    selling = (
        f"""
        selling AS MATERIALIZED (
            SELECT DISTINCT w.shop_id FROM searched_offers AS w WHERE {found_filters(shape)} AND EXISTS (
                SELECT 1 FROM skus AS k LEFT JOIN stock AS q ON q.sku_id = k.sku_id
                WHERE k.offer_id = w.offer_id AND k.removed_at IS NULL AND (q.sku_id IS NULL OR q.on_hand > 0))
        ),"""
        if shape.terms
        else ""
    )
    sells = "OR n.shop_id IN (SELECT shop_id FROM selling)" if shape.terms else ""
    match = f"CASE WHEN is_named THEN {match_sql()} ELSE 0.4 END" if shape.terms else "CAST(0 AS float8)"
    shops, safe, safe_m = "searched_shops", "", "CAST(NULL AS float8)"
    if shape.is_nearest:
        shops = "(SELECT * FROM nearest UNION ALL SELECT * FROM further)"
        safe_m = "(SELECT safe_m FROM looked_at)"
        safe = f"AND distance_m <= coalesce({safe_m}, :radius_m)"
    return text(f"""
        WITH {_NOW}, {selling}{_NEAREST_SHOPS if shape.is_nearest else ""}
        near AS MATERIALIZED (
            SELECT {_SHOP_COLUMNS}, z.words, z.pinyin, 0 AS price_fen FROM asked_at AS t CROSS JOIN {shops} AS z
            {_DISTANCE} WHERE {_AROUND} AND {_SHOP_FILTER}
        ),
        named AS (SELECT n.*, coalesce({named}, false) AS is_named FROM near AS n),
        matched AS (
            SELECT n.* FROM named AS n
            WHERE (n.is_named {sells}) AND {_DELIVERY_FILTER} AND (NOT CAST(:only_open AS boolean) OR n.is_open)
        ),
        fitted AS (SELECT m.*, {match} AS match FROM matched AS m),
        scored AS (SELECT fitted.*, {score_sql()} AS score FROM fitted),
        ranked AS MATERIALIZED (SELECT scored.*, {KEYS[shape.sort]} AS key FROM scored),
        page AS (
            (SELECT true AS is_advertisement, ranked.* FROM ranked
             WHERE CAST(:with_paid AS boolean) AND is_advertised AND is_open
             ORDER BY key, shop_id LIMIT {len(ADVERTISEMENT_SLOTS)})
            UNION ALL
            (SELECT false AS is_advertisement, ranked.* FROM ranked
             WHERE (CAST(:after_key AS bigint) IS NULL OR (key, shop_id) > (:after_key, CAST(:after_id AS uuid))) {safe}
             ORDER BY key, shop_id LIMIT :limit)
        )
        SELECT page.*, {_PARTS}, {safe_m} AS safe_m, t.now, CAST(NULL AS jsonb) AS sale_hours, {_SHOWN_SHOP}
        FROM page CROSS JOIN asked_at AS t JOIN shops AS s ON s.shop_id = page.shop_id
        ORDER BY page.is_advertisement DESC, page.key, page.shop_id
    """)


@cache
def suggestions_statement(shape: Shape) -> TextClause:
    """Return the statement of suggestions: one's own recent words, popular ones, names of what is sold near."""
    return text(f"""
        WITH {_NOW},
        found AS MATERIALIZED (
            SELECT w.shop_id, w.words, CASE WHEN w.words LIKE :begins OR w.pinyin ~ CAST(:reading AS text)
                THEN 2 ELSE 3 END AS rank
            FROM searched_offers AS w
            WHERE {found_filters(shape)} AND (w.words LIKE :contains OR w.pinyin ~ CAST(:reading AS text))
        ),
        known AS (
            SELECT words, 'recent' AS source, 0 AS rank, extract(epoch FROM searched_at) AS weight FROM recent_searches
            WHERE account_id = :account_id AND words LIKE :begins AND words <> :whole
            UNION ALL
            SELECT words, 'popular', 1, count(*) FROM recent_searches AS p
            WHERE searched_at > business_now() - :days * interval '1 day' AND words LIKE :begins AND words <> :whole
            GROUP BY words HAVING count(*) >= :people_min
            UNION ALL
            SELECT w.words, 'nearby', w.rank, count(*) FROM asked_at AS t CROSS JOIN found AS w
            JOIN searched_shops AS z ON z.shop_id = w.shop_id {_DISTANCE}
            WHERE z.state IN ('open', 'resting') AND z.license_expires_on >= t.day AND d.distance_m <= :radius_m
            GROUP BY 1, 3
        )
        SELECT words, source FROM (
            SELECT DISTINCT ON (words) * FROM known ORDER BY words, rank
        ) AS best ORDER BY rank, weight DESC, words LIMIT :limit
    """)


def found_filters(shape: Shape) -> str:
    """Return what offers ``w`` meet that answer the words and lie in the box: by the index, then name by name."""
    ways = " AND ".join(
        "("
        + " OR ".join(
            f"search_index(w.words, w.pinyin, w.lat, w.lng) @> CAST(:tokens{place}_{branch} AS integer[])"
            " AND search_index(w.words, w.pinyin, w.lat, w.lng) && CAST(:squares AS integer[])"
            for branch in range(count)
        )
        + ")"
        for place, count in enumerate(shape.branches)
    )
    box = "w.lat BETWEEN :lat_min AND :lat_max AND w.lng BETWEEN :lng_min AND :lng_max"
    return " AND ".join([ways, *_word_filters("w", shape.terms), box])


def _word_filters(alias: str, terms: int) -> list[str]:
    return [
        f"({alias}.words LIKE ANY (CAST(:like{place} AS text[])) OR {alias}.pinyin ~ CAST(:reading{place} AS text))"
        for place in range(terms)
    ]


def _ways(asked: Asked, *, is_almost: bool) -> list[list[list[int]]]:
    """Return for each word the sets of tokens of which a name that answers it has one whole."""
    found = []
    for term in asked.terms:
        ways = [tokens(other) for other in term.alternatives]
        ways += [tokens(letters) for letters in dict.fromkeys(map(initials, term.readings)) if letters]
        if is_almost and almost(term.word):
            ways += halves(term.word)
        found.append(ways[:BRANCHES_MAX])
    return found


def _rounded_up(count: int) -> int:
    """Return the next power of two, so that there are few shapes."""
    return 1 << (count - 1).bit_length()
