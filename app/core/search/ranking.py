"""How results are ranked (排序): parts, each a value from 0 to 1 with a weight, and their sum. Highest first.

Nothing in it knows who asks: the order is the same for everybody at the same place and moment. The statement of a
search is made from this table, and so is the answer that explains a result to an operator.
"""

from dataclasses import dataclass
from enum import StrEnum

POINTS = 1_000
"""A weight of 1 is a thousand points: scores are whole numbers, so that a cursor can name one exactly."""


@dataclass(frozen=True, slots=True)
class Part:
    """One thing that counts.

    :param value: SQL over a candidate's columns ``match``, ``is_open``, ``distance_m``, ``price_fen``,
        ``delivery_fen``, ``rating_hundredths``; from 0 to 1. In float8: a search may rank twenty thousand offers, and
        numeric takes ten times as long. ``distance_m`` is one.
    """

    name: str
    weight: int
    value: str


PARTS = (
    Part("match", 50, "match"),
    Part("open", 25, "CAST(is_open AS integer)"),
    Part("near", 15, "1 / (1 + distance_m / 1500)"),
    Part("rated", 10, "CAST(rating_hundredths - 100 AS float8) / 400"),
    Part("cheap", 5, "1 / (1 + CAST(price_fen AS float8) / 2000)"),
    Part("delivery", 5, "1 / (1 + CAST(delivery_fen AS float8) / 500)"),
)
"""How well the name fits; open now; half the points at 1.5 km, all at five stars, half at 20 yuan, at 5 yuan of way."""

MATCHES = (
    ("words = :whole", 1.0),
    ("words LIKE :begins", 0.85),
    ("words LIKE :contains", 0.7),
)
"""How well a name fits what was asked: the first that is true; else :data:`MATCH_OTHERWISE`: by another name, by its
reading, by words apart, or with a character wrong."""
MATCH_OTHERWISE = 0.4

ADVERTISEMENT_SLOTS = (0, 5)
"""Places on a first page that paid placement takes (from 0); the best-ranked advertised results, marked, one a shop.
A result that is advertised keeps its place in the order, too."""


class Sort(StrEnum):
    """In what order; none looks at who asks."""

    RELEVANCE = "relevance"
    DISTANCE = "distance"
    PRICE = "price"
    DELIVERY_FEE = "delivery_fee"
    RATING = "rating"


KEYS = {
    Sort.RELEVANCE: "-score",
    Sort.DISTANCE: "CAST(distance_m AS bigint)",
    Sort.PRICE: "price_fen",
    Sort.DELIVERY_FEE: "delivery_fen",
    Sort.RATING: "-rating_hundredths",
}
"""What is sorted by, the smallest first; equals by id."""


def match_sql() -> str:
    """Return the SQL of how well a name fits, over ``words``."""
    cases = " ".join(f"WHEN {condition} THEN {value}" for condition, value in MATCHES)
    return f"CAST(CASE {cases} ELSE {MATCH_OTHERWISE} END AS float8)"


def score_sql() -> str:
    """Return the SQL of the score in points, a whole number."""
    total = " + ".join(f"{part.weight} * ({part.value})" for part in PARTS)
    return f"CAST(round({POINTS} * ({total})) AS bigint)"
