"""How photos serve: as what, and how many."""

from enum import StrEnum


class PhotoUse(StrEnum):
    """As what a photo was handed in. A photo serves once."""

    CASE = "case"
    """Evidence of an after-sale case."""
    PICK_UP = "pick_up"
    """What a courier took from the counter."""
    HAND_OVER = "hand_over"
    """Where a courier left it."""
    FAILURE = "failure"
    """That a courier stood before a closed door."""


UNUSED_MAX = 9
"""Photos that one person may have uploaded for one order without handing them in; as many as a case may name."""
EVIDENCE_MAX = 9
"""Photos of one case."""
UNUSED_DAYS = 2
"""After so many days a photo that was never handed in is forgotten."""
KEPT_YEARS = 3
"""As long as records of orders are kept (《电子商务法》第三十一条)."""
