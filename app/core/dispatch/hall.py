"""What the hall (抢单大厅) shows to whom, and when: one rule for couriers who look, who claim, and for a replay.

A trip is first for the couriers of its community within a kilometer of its shop. With each minute that nobody takes it
the circle grows; after three minutes neighbors may have it, and what nobody wanted for ten minutes anybody of the zone.
"""

from itertools import pairwise

RADIUS_M = ((0, 1_000), (4, 3_000), (10, 3_000))
"""How far from the shop one may be after so many minutes, straight between them. What is beyond is :data:`LAST_M`."""
LAST_M = 20_000
"""From the last of :data:`RADIUS_M` on: all who can reach the shop at all, as an index still finds them."""
NEIGHBORS_AFTER_S = 180
"""From when on it is for all couriers of the zone, which is the catchment of a store, not of its community alone."""
GRABS_MAX = 2
"""How many trips out of the hall one has in hand at a time; what one was offered comes on top."""


def radius_m(waited_s: float) -> float:
    """Return how far from its shop a trip that has waited so long is shown, meters."""
    waited = max(0.0, waited_s / 60)
    for (begin, before), (end, after) in pairwise(RADIUS_M):
        if waited < end:
            return before + (after - before) * (waited - begin) / (end - begin)
    return LAST_M
