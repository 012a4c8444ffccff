"""Which deliveries go together (拼单): of one shop, then of two near shops, while it saves more than it costs."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import combinations
from math import dist

from app.core.dispatch.problem import Courier, Delivery, Problem, Travel
from app.core.dispatch.tours import shortest_tour

NEAR_M = 300.0
"""Two shops are near when they are no farther apart, in meters as the crow flies."""


@dataclass(frozen=True, slots=True)
class Bundle:
    """Deliveries that one courier is to carry in one go.

    :ivar deliveries: in the order of their doors.
    :ivar ready_s: when the first shop may be left so that nobody waits at the second, or all is ready, of one shop.
    :ivar rides_s: from the first pick-up to each door, riding only. :ivar services_s: the same, service only.
    :ivar counters: the shops in the order of their visits: place, and seconds of riding from the first.
    """

    deliveries: tuple[Delivery, ...]
    ready_s: int
    rides_s: tuple[int, ...]
    services_s: tuple[int, ...]
    counters: tuple[tuple[object, int], ...]

    @property
    def first(self) -> Delivery:
        """Return one of the deliveries of the shop that is visited first."""
        return next(one for one in self.deliveries if one.shop_id == self.counters[0][0])

    @property
    def units(self) -> int:
        """Return what it weighs."""
        return sum(one.units for one in self.deliveries)

    @property
    def delay_s(self) -> int:
        """Return what all doors together wait from the first pick-up on."""
        return sum(self.rides_s) + sum(self.services_s)

    def last_counter_after_s(self, pace: float, pick_up_s: int) -> float:
        """Return when the last shop is picked up at, from the first pick-up on."""
        return self.counters[-1][1] * pace + (pick_up_s if len(self.counters) > 1 else 0)

    def done_after_s(self, pace: float, drop_s: int) -> float:
        """Return when a courier of ``pace`` is free again, from the first pick-up on."""
        return self.rides_s[-1] * pace + self.services_s[-1] + drop_s - drop_s // 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Bundling:
    """What joining is worth.

    :ivar size_max: deliveries of a bundle. :ivar access_s: what a courier needs to come to a shop, about; each joining
        saves it once. :ivar worth: minutes that residents may wait for a minute of a courier saved.
    """

    size_max: int
    access_s: int
    worth: float


def bundle_of(problem: Problem, deliveries: Iterable[Delivery]) -> Bundle:
    """Return the bundle of ``deliveries`` of one or two shops, with the best order of its doors."""
    ordered = tuple(sorted(deliveries, key=lambda one: (one.ready_s, one.delivery_id)))
    return _bundle(ordered, problem.travel, problem.pick_up_s, problem.drop_s)


@lru_cache(maxsize=20_000)
def _bundle(ordered: tuple[Delivery, ...], travel: Travel, pick_up_s: int, drop_s: int) -> Bundle:
    first_id, first = ordered[0].shop_id, ordered[0].shop
    others = [one for one in ordered if one.shop_id != first_id]
    last, ride, service = first, 0, 0
    counters: tuple[tuple[object, int], ...] = ((first_id, 0),)
    if others:
        last, ride, service = others[0].shop, travel.seconds(first, others[0].shop), pick_up_s
        counters = (*counters, (others[0].shop_id, ride))
    ready_s = max(
        *(one.ready_s for one in ordered if one.shop_id == first_id),
        *(one.ready_s - ride - service for one in others),
        0,
    )
    tour = shortest_tour(last, tuple(one.door for one in ordered), travel, pick_up_s - pick_up_s // 2, drop_s)
    return Bundle(
        deliveries=tuple(ordered[index] for index in tour.sequence),
        ready_s=ready_s,
        rides_s=tuple(ride + one for one in tour.rides_s),
        services_s=tuple(service + one for one in tour.services_s),
        counters=counters,
    )


def join_bundles(problem: Problem, rules: Bundling) -> list[Bundle]:
    """Return bundles that hold each delivery once: the two best to join are joined while it pays, shop by shop."""
    shops: dict[object, list[Bundle]] = {}
    several: list[Bundle] = []
    for group in _groups(problem.deliveries):
        bundle = bundle_of(problem, group)
        if len(bundle.counters) > 1 or any(one.is_apart for one in group):
            several.append(bundle)
        else:
            shops.setdefault(bundle.counters[0][0], []).append(bundle)
    found = [_join_all(problem, rules, bundles) for bundles in shops.values()]
    return [*_join_near(problem, rules, [bundle for bundles in found for bundle in bundles]), *several]


def _groups(deliveries: Iterable[Delivery]) -> Iterable[list[Delivery]]:
    groups: dict[object, list[Delivery]] = {}
    for one in sorted(deliveries, key=lambda one: (one.ready_s, one.delivery_id)):
        groups.setdefault(("free", one.delivery_id) if one.group is None else ("held", one.group), []).append(one)
    return groups.values()


def _join_near(problem: Problem, rules: Bundling, bundles: list[Bundle]) -> list[Bundle]:
    """Join bundles of near shops, each at most once: a third counter is a queue too many."""
    pairs = []
    for first, second in _near_pairs(bundles):
        if (
            first.counters[0][0] != second.counters[0][0]
            and len(first.deliveries) + len(second.deliveries) <= rules.size_max
        ):
            joined = bundle_of(problem, (*first.deliveries, *second.deliveries))
            gain = _gain(problem, rules, joined, (first, second))
            if gain > 0:
                pairs.append((gain, first, second, joined))
    gone: set[int] = set()
    joints: list[Bundle] = []
    for _, first, second, joined in sorted(pairs, key=lambda pair: -pair[0]):
        if id(first) not in gone and id(second) not in gone:
            gone |= {id(first), id(second)}
            joints.append(joined)
    return [bundle for bundle in bundles if id(bundle) not in gone] + joints


def _near_pairs(bundles: Sequence[Bundle]) -> Iterator[tuple[Bundle, Bundle]]:
    """Yield the pairs whose shops are near, by a sweep from west to east."""
    placed = sorted(((one.first.shop, place) for place, one in enumerate(bundles)))
    for place, (shop, first) in enumerate(placed):
        for other, second in placed[place + 1 :]:
            if other[0] - shop[0] > NEAR_M:
                break
            if dist(shop, other) <= NEAR_M:
                yield bundles[first], bundles[second]


def _join_all(problem: Problem, rules: Bundling, bundles: list[Bundle]) -> list[Bundle]:
    while len(bundles) > 1:
        best: tuple[Bundle, Bundle, Bundle] | None = None
        best_gain = 0.0
        for first, second in combinations(bundles, 2):
            if len(first.deliveries) + len(second.deliveries) > rules.size_max:
                continue
            joined = bundle_of(problem, (*first.deliveries, *second.deliveries))
            gain = _gain(problem, rules, joined, (first, second))
            if gain > best_gain:
                best, best_gain = (first, second, joined), gain
        if best is None:
            break
        bundles = [one for one in bundles if one is not best[0] and one is not best[1]] + [best[2]]
    return bundles


def _gain(problem: Problem, rules: Bundling, joined: Bundle, apart: Sequence[Bundle]) -> float:
    """Return what joining is worth to the couriers, in seconds of residents, less what residents wait longer."""
    fixed = rules.access_s + problem.pick_up_s // 2
    saved = sum(fixed + one.done_after_s(1.0, problem.drop_s) for one in apart)
    saved -= fixed + joined.done_after_s(1.0, problem.drop_s)
    soonest = problem.now_s + rules.access_s
    return rules.worth * saved - _delivered_sum(joined, soonest) + sum(_delivered_sum(one, soonest) for one in apart)


def _delivered_sum(bundle: Bundle, soonest: int) -> int:
    return len(bundle.deliveries) * max(bundle.ready_s, soonest) + bundle.delay_s


def carries(courier: Courier, deliveries: Iterable[Delivery]) -> bool:
    """Whether a courier may carry all of it in one go: orders, weight, cold box."""
    held = list(deliveries)
    return (
        len(held) <= courier.capacity
        and sum(one.units for one in held) <= courier.units_max
        and (courier.has_cold_box or not any(one.is_cold for one in held))
    )
