"""The promise (预计送达): from when until when an order comes, so that four of five come by the latest.

The latest time is what preparing, riding and service usually take, plus the 80 % quantile of how much longer it took
lately. What is measured of one shop is drawn to what is measured of all, the more so the less there is of it.
"""

from bisect import insort
from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from app.core.dispatch.problem import Key

KEPT_SHARE = 0.8
EARLY_SHARE = 0.1
PREPARATION_PRIOR_S = 900
"""What preparing takes where nothing is known."""
SHRINKAGE = 5
"""As many measurements of a shop weigh as much as all shops together."""
LATELY = 200
"""So many orders count as lately."""
PRIOR_EXCESS_S = (-300, -180, -60, 0, 60, 120, 240, 360, 480, 900)
"""How much longer it takes where nothing is known; each counts as one order until there are many."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Promise:
    """Seconds from the placement: one in ten comes before ``earliest_s``, four in five by ``latest_s``."""

    earliest_s: int
    latest_s: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Spread:
    """By how much orders came sooner or later than usual lately, seconds: the 10 % and the 80 % quantile."""

    early_s: int
    late_s: int


def promise_of(usual_s: int, spread: Spread) -> Promise:
    """Return what to tell of an order that usually takes ``usual_s``."""
    earliest = max(0, usual_s + spread.early_s)
    return Promise(earliest_s=earliest, latest_s=max(earliest, usual_s + spread.late_s))


@dataclass(slots=True)
class PromiseBook:
    """What was measured: preparation by shop, and by how much orders came later than usual."""

    _preparations: dict[Key, list[int]] = field(default_factory=dict)
    _all: list[int] = field(default_factory=list)
    _excess: deque[int] = field(default_factory=lambda: deque(PRIOR_EXCESS_S, LATELY))

    def usual_s(self, shop_id: Key, ride_s: int, service_s: int) -> int:
        """Return what it takes when nothing goes wrong: the shop's median preparation, the ride, the service."""
        return self.preparation_s(shop_id) + ride_s + service_s

    def preparation_s(self, shop_id: Key, said_s: int | None = None) -> int:
        """Return what preparing takes at a shop: its median, drawn to what it says itself, or else to that of all."""
        drawn_to = quantile(self._all, 0.5) if self._all else float(PREPARATION_PRIOR_S)
        drawn_to = drawn_to if said_s is None else float(said_s)
        own = self._preparations.get(shop_id, [])
        weight = len(own) / (len(own) + SHRINKAGE)
        return round(weight * quantile(own, 0.5) + (1 - weight) * drawn_to if own else drawn_to)

    def measured_count(self, shop_id: Key) -> int:
        """Return of how many orders the preparation of a shop is known."""
        return len(self._preparations.get(shop_id, []))

    @property
    def spread(self) -> Spread:
        """Return by how much orders came sooner or later than usual lately."""
        excess = sorted(self._excess)
        early, late = quantile(excess, EARLY_SHARE), quantile(excess, KEPT_SHARE)
        return Spread(early_s=round(early), late_s=round(late))

    def promise(self, shop_id: Key, ride_s: int, service_s: int) -> Promise:
        """Return what to tell a resident now.

        :param ride_s: from the shop to the door. :param service_s: at the counter and at the door.
        """
        return promise_of(self.usual_s(shop_id, ride_s, service_s), self.spread)

    def ready(self, shop_id: Key, preparation_s: int) -> None:
        """Learn how long a shop took."""
        insort(self._preparations.setdefault(shop_id, []), preparation_s)
        insort(self._all, preparation_s)

    def delivered(self, usual_s: int, took_s: int) -> None:
        """Learn how long an order took in all, of which ``usual_s`` was told when it was placed."""
        self._excess.append(took_s - usual_s)


def quantile(ranked: Sequence[float], share: float) -> float:
    """Return a quantile of values in rising order, between two by straight line."""
    place = share * (len(ranked) - 1)
    low = int(place)
    high = min(low + 1, len(ranked) - 1)
    return ranked[low] + (ranked[high] - ranked[low]) * (place - low)


def kept(orders: Iterable[tuple[Key, int, int, int, int, int]]) -> float | None:
    """Return the share of orders that came by the latest time of their promise; None of none.

    Each is promised with what was known at its placement, and nothing of later.

    :param orders: shop, placed, ready, delivered (instants), ride, service (durations), seconds.
    """
    by_placement = sorted(orders, key=lambda one: one[1])
    news = sorted(
        [(one[2], 0, place) for place, one in enumerate(by_placement)]
        + [(one[3], 1, place) for place, one in enumerate(by_placement)],
        reverse=True,
    )
    book, told, in_time = PromiseBook(), [0] * len(by_placement), 0
    for place, (shop_id, placed, _, delivered, ride, service) in enumerate(by_placement):
        while news and news[-1][0] <= placed:
            _, is_delivered, which = news.pop()
            other = by_placement[which]
            if is_delivered:
                book.delivered(told[which], other[3] - other[1])
            else:
                book.ready(other[0], other[2] - other[1])
        told[place] = book.usual_s(shop_id, ride, service)
        in_time += placed + book.promise(shop_id, ride, service).latest_s >= delivered
    return in_time / len(by_placement) if by_placement else None
