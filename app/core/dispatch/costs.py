"""What each bundle costs with each courier: on a trip of its own, or added to one that is not picked up yet."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from app.core.dispatch.bundles import Bundle, bundle_of, carries
from app.core.dispatch.problem import Courier, Problem
from app.core.dispatch.weights import Weights

IMPOSSIBLE = float("inf")


@dataclass(frozen=True, slots=True)
class Costs:
    """Minutes of each bundle (row) with each courier (column), without the reward for serving; infinite: not possible.

    :ivar ways_s: to the shop. :ivar leaves_s: when the courier must leave at the latest for the shop to be reached in
        time. Arrays of shape ``(bundles, couriers)``.
    """

    minutes: Any
    ways_s: Any
    leaves_s: Any


def owed_orders(courier: Courier, now_s: int, fair_rate: float) -> float:
    """Return the orders that a fair share of the work would have brought the courier, less those that came."""
    return fair_rate * max(0, now_s - courier.on_s) / 3600 - courier.done_count


def trip_costs(problem: Problem, weights: Weights, bundles: Sequence[Bundle], couriers: Sequence[Courier]) -> Costs:
    """Return what a trip of its own costs: pick-up late, doors waiting, time of the courier, less what is owed."""
    import numpy as np  # noqa: PLC0415 - heavy, and wanted by a tick alone

    now, half_pick = problem.now_s, problem.pick_up_s // 2
    pace = np.array([one.pace for one in couriers])
    start = np.array([max(now, one.free_s) for one in couriers], float)
    ways = problem.travel.matrix([one.place for one in couriers], [one.first.shop for one in bundles]).T * pace
    count = _column(len(one.deliveries) for one in bundles)
    picks = np.maximum(start + ways + half_pick, _column(one.ready_s for one in bundles))
    leaves = np.maximum(start, picks - half_pick - ways)
    done = picks + _column(one.rides_s[-1] for one in bundles) * pace
    done += _column(one.done_after_s(0, problem.drop_s) for one in bundles)
    seconds = count * (picks - now) + weights.busy * (done - leaves)
    seconds += _column(sum(one.rides_s) for one in bundles) * pace + _column(sum(one.services_s) for one in bundles)
    seconds -= _column(_age_s(problem, weights, one) for one in bundles)
    for place in range(max(len(one.deliveries) for one in bundles)):
        seconds += weights.late * _late_s(bundles, place, picks, pace)
    owed = np.array([owed_orders(one, now, weights.fair_rate) for one in couriers])
    minutes = seconds / 60 - weights.fairness * owed
    last = picks + _column(one.counters[-1][1] for one in bundles) * pace
    last += _column(one.last_counter_after_s(0, problem.pick_up_s) for one in bundles)
    minutes[last > np.array([one.off_s for one in couriers])] = IMPOSSIBLE
    minutes[count > np.array([one.capacity for one in couriers])] = IMPOSSIBLE
    minutes[_column(one.units for one in bundles) > np.array([one.units_max for one in couriers])] = IMPOSSIBLE
    if weights.reach_s is not None:
        minutes[ways > weights.reach_s + _column(_waited_s(problem, one) for one in bundles)] = IMPOSSIBLE
    cold = _column(any(each.is_cold for each in one.deliveries) for one in bundles)
    minutes[(cold > 0) & ~np.array([one.has_cold_box for one in couriers])] = IMPOSSIBLE
    _exclude(problem, minutes, bundles, couriers)
    return Costs(minutes, ways, leaves)


def growth_costs(problem: Problem, weights: Weights, bundles: Sequence[Bundle], couriers: Sequence[Courier]) -> Any:
    """Return what adding a bundle to a trip that is not picked up costs: what all of it waits longer."""
    import numpy as np  # noqa: PLC0415 - heavy, and wanted by a tick alone

    minutes = np.full((len(bundles), len(couriers)), IMPOSSIBLE)
    rows: dict[object, list[int]] = {}
    for row, bundle in enumerate(bundles):
        if len(bundle.counters) == 1:
            rows.setdefault(bundle.counters[0][0], []).append(row)
    for column, courier in enumerate(couriers):
        assert courier.inbound is not None, "only who is on the way to a counter can take more there"
        held = courier.inbound.deliveries
        owed = owed_orders(courier, problem.now_s, weights.fair_rate)
        for row in rows.get(held[0].shop_id, ()):
            bundle = bundles[row]
            picks_s = max(courier.inbound.picks_up_s, bundle.ready_s)
            if carries(courier, (*held, *bundle.deliveries)) and picks_s <= courier.off_s:
                grown, old = bundle_of(problem, (*held, *bundle.deliveries)), bundle_of(problem, held)
                seconds = _trip_s(problem, weights, grown, picks_s, courier.pace)
                seconds -= _trip_s(problem, weights, old, courier.inbound.picks_up_s, courier.pace)
                seconds -= len(bundle.deliveries) * problem.now_s + _age_s(problem, weights, bundle)
                minutes[row, column] = seconds / 60 - weights.fairness * owed
    _exclude(problem, minutes, bundles, couriers)
    return minutes


def _trip_s(problem: Problem, weights: Weights, bundle: Bundle, picks_s: int, pace: float) -> float:
    doors = [picks_s + ride * pace + service for ride, service in zip(bundle.rides_s, bundle.services_s, strict=True)]
    late = sum(
        max(0.0, door - one.promised_s)
        for door, one in zip(doors, bundle.deliveries, strict=True)
        if one.promised_s is not None
    )
    return sum(doors) + weights.busy * (picks_s + bundle.done_after_s(pace, problem.drop_s)) + weights.late * late


def _late_s(bundles: Sequence[Bundle], place: int, picks: Any, pace: Any) -> Any:
    """Return by how much the door at ``place`` of each bundle is served past its promise."""
    import numpy as np  # noqa: PLC0415 - heavy, and wanted by a tick alone

    with_door = [bundle if place < len(bundle.deliveries) else None for bundle in bundles]
    promised = _column(
        IMPOSSIBLE if one is None or (at := one.deliveries[place].promised_s) is None else at for one in with_door
    )
    ride = _column(0 if one is None else one.rides_s[place] for one in with_door)
    service = _column(0 if one is None else one.services_s[place] for one in with_door)
    return np.maximum(0.0, picks + ride * pace + service - promised)


def _age_s(problem: Problem, weights: Weights, bundle: Bundle) -> float:
    """Return what is taken off for what has waited: without it, old orders starve when there are too many."""
    return (1 + weights.age) * sum(max(0, problem.now_s - one.ready_s) for one in bundle.deliveries)


def _waited_s(problem: Problem, bundle: Bundle) -> int:
    """Return what has waited longest in a bundle, since it was placed: by so much is the search wider."""
    return max(0, *(problem.now_s - one.placed_s for one in bundle.deliveries))


def _exclude(problem: Problem, minutes: Any, bundles: Sequence[Bundle], couriers: Sequence[Courier]) -> None:
    if not problem.excluded:
        return
    row_of = {one.delivery_id: row for row, bundle in enumerate(bundles) for one in bundle.deliveries}
    column_of = {one.courier_id: column for column, one in enumerate(couriers)}
    for delivery_id, courier_id in problem.excluded:
        row, column = row_of.get(delivery_id), column_of.get(courier_id)
        if row is not None and column is not None:
            minutes[row, column] = IMPOSSIBLE


def _column(values: Iterable[float]) -> Any:
    import numpy as np  # noqa: PLC0415 - heavy, and wanted by a tick alone

    return np.array(list(values), float)[:, None]
