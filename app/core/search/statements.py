"""The statements of a search: geography first, words second; the order from :mod:`app.core.search.ranking`.

Near (up to :data:`NEAR_M_MAX`) the shops of the circle come first and their offers are filtered by their names. Further
out the index of words comes first. Both read the shelf and the stock as they are committed at this moment.
"""

from dataclasses import dataclass
from functools import cache

from sqlalchemy import TextClause, text

from app.core.search.ranking import ADVERTISEMENT_SLOTS, KEYS, PARTS, Sort, match_sql, score_sql
from app.core.search.words import Asked, almost, begins, contains, halves, initials, tokens

NEAR_M_MAX = 5_000
"""Up to here a circle holds few enough shops to look at each."""
BROWSE_M_MAX = 10_000
"""No further without words."""
RADIUS_M_MAX = 50_000
BRANCHES_MAX = 32
"""Ways in which one word may be found in the index."""

_NOW = """
    asked_at AS MATERIALIZED (
        SELECT now, minute_of_week(now) AS minute, CAST(now AT TIME ZONE 'Asia/Shanghai' AS date) AS day
        FROM (SELECT coalesce(CAST(:moment AS timestamptz), business_now()) AS now) AS c
    )"""
_SHOP_COLUMNS = """
    s.shop_id, s.name AS shop_name, s.vertical, s.state AS shop_state, s.lat AS shop_lat, s.lng AS shop_lng,
    s.minimum_fen, s.packing_fen AS shop_packing_fen, s.preparation_minutes, s.hours, s.fee_tiers, s.paused_until,
    coalesce(rated.review_count, 0) AS review_count,
    rating_hundredths(rated.review_count, rated.star_sum) AS rating_hundredths,
    t.now, d.distance_m, delivery_fee_fen(s.fee_tiers, d.distance_m) AS delivery_fen, s.state = 'open'
        AND (s.paused_until IS NULL OR s.paused_until <= t.now) AND z.open_week @> t.minute AS is_open,
    EXISTS (SELECT 1 FROM advertisements AS a WHERE a.shop_id = s.shop_id AND t.day BETWEEN a.starts_on AND a.ends_on)
        AS is_advertised"""
_SHOP_FILTER = """
    s.state IN ('open', 'resting') AND s.license_expires_on >= t.day AND d.distance_m <= :radius_m
    AND (NOT CAST(:is_delivered AS boolean) OR d.distance_m <= s.radius_m)
    AND (CAST(:vertical AS text) IS NULL OR s.vertical = :vertical)
    AND (CAST(:minimum_fen_max AS bigint) IS NULL OR s.minimum_fen <= :minimum_fen_max)"""
_DISTANCE = """
    CROSS JOIN LATERAL (SELECT round(meters_between(s.lat, s.lng, :lat, :lng)) AS distance_m) AS d"""
_RATED = "LEFT JOIN shop_ratings AS rated ON rated.shop_id = s.shop_id"
_AROUND = "point(s.lng, s.lat) <@ box(point(:lng_min, :lat_min), point(:lng_max, :lat_max))"
_FURTHER_FILTER = """
    (NOT CAST(:only_open AS boolean) OR n.is_open)
    AND (CAST(:delivery_fen_max AS bigint) IS NULL OR n.delivery_fen <= :delivery_fen_max)"""
_PRICE_FILTER = """
    (CAST(:price_fen_min AS bigint) IS NULL OR w.price_fen >= :price_fen_min)
    AND (CAST(:price_fen_max AS bigint) IS NULL OR w.price_fen <= :price_fen_max)"""
_SHOWN_PARTS = ", ".join(f"r.part_{part.name}" for part in PARTS)
_PARTS = ", ".join(f"CAST({part.value} AS float8) AS part_{part.name}" for part in PARTS)


@dataclass(frozen=True, slots=True)
class Shape:
    """What a statement is made for; two questions of one shape share it, planned once a connection.

    :param branches: for each word, in how many ways the index is asked; empty when the circle comes first.
    """

    sort: Sort
    terms: int
    branches: tuple[int, ...] = ()
    has_category: bool = False
    is_whole: bool = False


def shape_of(asked: Asked | None, *, sort: Sort, radius_m: int, has_category: bool, is_almost: bool) -> Shape:
    """Return the shape of a question."""
    if asked is None or radius_m <= NEAR_M_MAX:
        return Shape(sort, 0 if asked is None else len(asked.terms), has_category=has_category)
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
    of_words = " AND ".join([*_word_filters("w", shape.terms), _PRICE_FILTER])
    category = "JOIN offers AS c ON c.offer_id = w.offer_id AND c.category = :category" if shape.has_category else ""
    if shape.branches:
        found = f"""
            found AS MATERIALIZED (
                SELECT w.* FROM searched_offers AS w {category}
                WHERE {_index_filters(shape)} AND {of_words}
                    AND w.lat BETWEEN :lat_min AND :lat_max AND w.lng BETWEEN :lng_min AND :lng_max
            ),
            near AS MATERIALIZED (
                SELECT {_SHOP_COLUMNS} FROM asked_at AS t CROSS JOIN (SELECT DISTINCT shop_id FROM found) AS f
                JOIN shops AS s ON s.shop_id = f.shop_id JOIN searched_shops AS z ON z.shop_id = s.shop_id {_RATED}
                {_DISTANCE} WHERE {_SHOP_FILTER}
            ),
            matched AS (SELECT w.offer_id, w.words, w.pinyin, w.price_fen, n.* FROM found AS w
                JOIN near AS n ON n.shop_id = w.shop_id WHERE {_FURTHER_FILTER})"""
    else:
        found = f"""
            near AS MATERIALIZED (
                SELECT {_SHOP_COLUMNS} FROM asked_at AS t CROSS JOIN shops AS s
                JOIN searched_shops AS z ON z.shop_id = s.shop_id {_RATED} {_DISTANCE}
                WHERE {_AROUND} AND {_SHOP_FILTER}
            ),
            matched AS (SELECT w.offer_id, w.words, w.pinyin, w.price_fen, n.* FROM near AS n
                JOIN searched_offers AS w ON w.shop_id = n.shop_id {category}
                WHERE {of_words} AND {_FURTHER_FILTER})"""
    match = match_sql() if shape.terms else "0.0"
    if shape.is_whole:
        return text(f"WITH {_NOW}, {found} SELECT offer_id FROM matched")
    return text(f"""
        WITH {_NOW}, {found},
        fitted AS (SELECT m.*, {match} AS match FROM matched AS m),
        scored AS (SELECT fitted.*, {score_sql()} AS score FROM fitted),
        ranked AS MATERIALIZED (SELECT scored.*, {KEYS[shape.sort]} AS key, {_PARTS} FROM scored),
        paid AS (
            SELECT DISTINCT ON (shop_id) true AS is_advertisement, ranked.* FROM ranked
            WHERE CAST(:with_paid AS boolean) AND is_advertised AND is_open ORDER BY shop_id, key, offer_id
        ),
        ordered AS (
            SELECT false AS is_advertisement, ranked.* FROM ranked
            WHERE CAST(:after_key AS bigint) IS NULL OR (key, offer_id) > (:after_key, CAST(:after_id AS uuid))
            ORDER BY key, offer_id
        )
        (SELECT {_SHOWN} FROM (SELECT * FROM paid ORDER BY key, offer_id) AS r {_LIVE}
         ORDER BY r.key, r.offer_id LIMIT {len(ADVERTISEMENT_SLOTS)})
        UNION ALL
        (SELECT {_SHOWN} FROM ordered AS r {_LIVE} ORDER BY r.key, r.offer_id LIMIT :limit)
    """)


_SHOWN = f"""
    r.is_advertisement, r.key, r.score, r.offer_id, f.name, f.kind, f.category, live.sku_id, live.price_fen,
    live.sku_count, r.shop_id, r.shop_name, r.vertical, r.shop_state, r.shop_lat, r.shop_lng, r.minimum_fen,
    r.preparation_minutes, r.hours, r.fee_tiers, r.paused_until, r.now, r.words, r.review_count, r.rating_hundredths,
    {_SHOWN_PARTS}"""
_LIVE = """
    CROSS JOIN LATERAL (
        SELECT (array_agg(k.sku_id ORDER BY k.price_fen, k.sku_id))[1] AS sku_id, min(k.price_fen) AS price_fen,
            count(*) AS sku_count
        FROM skus AS k LEFT JOIN stock AS n ON n.sku_id = k.sku_id
        WHERE k.offer_id = r.offer_id AND k.removed_at IS NULL AND (n.sku_id IS NULL OR n.on_hand > 0)
    ) AS live JOIN offers AS f ON f.offer_id = r.offer_id AND f.state = 'on_sale' AND live.sku_id IS NOT NULL"""


@cache
def shops_statement(shape: Shape) -> TextClause:
    """Return the statement of a search for shops: by their name, or by what they sell and have."""
    named = " AND ".join(_word_filters("z", shape.terms)) or "true"
    sells = " AND ".join(_word_filters("w", shape.terms))
    selling = (
        f"""OR EXISTS (SELECT 1 FROM searched_offers AS w WHERE w.shop_id = n.shop_id AND {sells} AND EXISTS (
        SELECT 1 FROM skus AS k LEFT JOIN stock AS q ON q.sku_id = k.sku_id
        WHERE k.offer_id = w.offer_id AND k.removed_at IS NULL AND (q.sku_id IS NULL OR q.on_hand > 0)))"""
        if shape.terms
        else ""
    )
    match = f"CASE WHEN is_named THEN {match_sql()} ELSE 0.4 END" if shape.terms else "0.0"
    return text(f"""
        WITH {_NOW},
        near AS MATERIALIZED (
            SELECT {_SHOP_COLUMNS}, z.words, z.pinyin, 0 AS price_fen FROM asked_at AS t CROSS JOIN shops AS s
            JOIN searched_shops AS z ON z.shop_id = s.shop_id {_RATED} {_DISTANCE}
            WHERE {_AROUND} AND {_SHOP_FILTER}
        ),
        named AS (SELECT n.*, coalesce({named.replace("z.", "n.")}, false) AS is_named FROM near AS n),
        matched AS (SELECT n.* FROM named AS n WHERE (n.is_named {selling}) AND {_FURTHER_FILTER}),
        fitted AS (SELECT m.*, {match} AS match FROM matched AS m),
        scored AS (SELECT fitted.*, {score_sql()} AS score FROM fitted),
        ranked AS MATERIALIZED (SELECT scored.*, {KEYS[shape.sort]} AS key, {_PARTS} FROM scored)
        (SELECT true AS is_advertisement, ranked.* FROM ranked
         WHERE CAST(:with_paid AS boolean) AND is_advertised AND is_open
         ORDER BY key, shop_id LIMIT {len(ADVERTISEMENT_SLOTS)})
        UNION ALL
        (SELECT false AS is_advertisement, ranked.* FROM ranked
         WHERE CAST(:after_key AS bigint) IS NULL OR (key, shop_id) > (:after_key, CAST(:after_id AS uuid))
         ORDER BY key, shop_id LIMIT :limit)
    """)  # fmt: skip


@cache
def suggestions_statement() -> TextClause:
    """Return the statement of suggestions: one's own recent words, popular ones, names of what is sold near."""
    return text(f"""
        WITH {_NOW.replace("CAST(:moment AS timestamptz)", "CAST(NULL AS timestamptz)")},
        near AS MATERIALIZED (
            SELECT s.shop_id FROM asked_at AS t CROSS JOIN shops AS s {_DISTANCE}
            WHERE {_AROUND} AND s.state IN ('open', 'resting') AND s.license_expires_on >= t.day
                AND d.distance_m <= :radius_m
        ),
        known AS (
            SELECT words, 'recent' AS source, 0 AS rank, extract(epoch FROM searched_at) AS weight FROM recent_searches
            WHERE account_id = :account_id AND words LIKE :begins AND words <> :whole
            UNION ALL
            SELECT words, 'popular', 1, count(*) FROM recent_searches AS p
            WHERE searched_at > business_now() - :days * interval '1 day' AND words LIKE :begins AND words <> :whole
            GROUP BY words HAVING count(*) >= :people_min
            UNION ALL
            SELECT w.words, 'nearby',
                CASE WHEN w.words LIKE :begins OR w.pinyin ~ CAST(:reading AS text) THEN 2 ELSE 3 END, count(*)
            FROM near AS n JOIN searched_offers AS w ON w.shop_id = n.shop_id
            WHERE w.words LIKE :contains OR w.pinyin ~ CAST(:reading AS text) GROUP BY 1, 3
        )
        SELECT words, source FROM (
            SELECT DISTINCT ON (words) * FROM known ORDER BY words, rank
        ) AS best ORDER BY rank, weight DESC, words LIMIT :limit
    """)


def _word_filters(alias: str, terms: int) -> list[str]:
    return [
        f"({alias}.words LIKE ANY (CAST(:like{place} AS text[])) OR {alias}.pinyin ~ CAST(:reading{place} AS text))"
        for place in range(terms)
    ]


def _index_filters(shape: Shape) -> str:
    return " AND ".join(
        "("
        + " OR ".join(
            f"search_index(w.words, w.pinyin) @> CAST(:tokens{place}_{branch} AS integer[])" for branch in range(count)
        )
        + ")"
        for place, count in enumerate(shape.branches)
    )


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
