"""Ratings of couriers by residents (评价), with appeal.

A rating is about the order that was brought, once. It neither takes money nor work from anybody: dispatch does not
read it, and nothing is measured against the fastest. A courier sees marks without who gave them, and no mean before
there are enough; one who thinks a rating unjust appeals, and the platform folds it, with its reason, or lets it stand.
"""

from collections.abc import Sequence
from enum import StrEnum

STARS_MAX = 5
MEAN_OF_MIN = 5
"""Below this many marks a mean would tell who gave which."""
MEAN_OF_MAX = 100
"""The mean is of the newest marks."""


class Mark(StrEnum):
    """What a resident may say in words; free words would carry names."""

    FRIENDLY = "friendly"
    CAREFUL = "careful"
    CLEAR = "clear"
    LATE = "late"
    DAMAGED = "damaged"
    RUDE = "rude"
    WRONG_PLACE = "wrong_place"


def mean_tenths(stars: Sequence[int]) -> int | None:
    """Return the mean of stars in tenths, half-up; None when there are too few."""
    if len(stars) < MEAN_OF_MIN:
        return None
    return (sum(stars) * 10 * 2 + len(stars)) // (2 * len(stars))
