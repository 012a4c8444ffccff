"""The way from a counter past the doors of a bundle: which door first."""

from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise, permutations

from app.core.dispatch.problem import Point, Travel

DOORS_MAX = 5
"""All orders of so many doors are tried: 120."""


@dataclass(frozen=True, slots=True)
class Tour:
    """A way from pick-up to the last door.

    :ivar sequence: indices of the doors as given.
    :ivar rides_s: from the pick-up to each door in sequence, riding only.
    :ivar services_s: the same, service only.
    """

    sequence: tuple[int, ...]
    rides_s: tuple[int, ...]
    services_s: tuple[int, ...]


@lru_cache(maxsize=50_000)
def shortest_tour(shop: Point, doors: tuple[Point, ...], travel: Travel, leave_s: int, drop_s: int) -> Tour:
    """Return the tour whose doors wait least, in sum; of equals the one given first.

    :param leave_s: from the pick-up to the courier's being on the way. :param drop_s: what a door takes, half before.
    """
    assert len(doors) <= DOORS_MAX, "a courier carries less"
    way = {(a, b): travel.seconds(a, b) for a in {shop, *doors} for b in doors}
    best: tuple[int, ...] = tuple(range(len(doors)))
    best_sum = None
    for sequence in permutations(range(len(doors))):
        stops = (shop, *(doors[index] for index in sequence))
        total = sum((len(doors) - place) * way[leg] for place, leg in enumerate(pairwise(stops)))
        if best_sum is None or total < best_sum:
            best, best_sum = sequence, total
    stops = (shop, *(doors[index] for index in best))
    rides, ridden = [], 0
    for leg in pairwise(stops):
        ridden += way[leg]
        rides.append(ridden)
    services = tuple(leave_s + drop_s * place + drop_s // 2 for place in range(len(doors)))
    return Tour(best, tuple(rides), services)
