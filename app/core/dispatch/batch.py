"""The batch policy (批量派单): bundles and couriers are matched at once, and nobody is called before it is needed."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from app.core.dispatch.bundles import Bundle, Bundling, bundle_of, join_bundles
from app.core.dispatch.costs import IMPOSSIBLE, growth_costs, owed_orders, trip_costs
from app.core.dispatch.problem import ALTERNATIVES_MAX, WEIGHED_MAX, Alternative, Courier, Decision, Key, Problem
from app.core.dispatch.weights import FREE_SOON_S, Weights


class BatchPolicy:
    """One linear assignment of bundles to couriers a tick, with the time of those who are busy; late commitment.

    Who is matched but need not leave before the next tick is not called: the next tick knows more. One who is on the
    way to a shop may still be given more from there until it is picked up.
    """

    name = "batch"

    def __init__(self, weights: Weights | None = None) -> None:
        self._weights = weights or Weights()

    def decide(self, problem: Problem) -> Sequence[Decision]:
        """Return who is called now."""
        weights, now = self._weights, problem.now_s
        due = [one for one in problem.deliveries if one.ready_s <= now + weights.look_ahead_s]
        free = [one for one in problem.couriers if one.free_s <= now + weights.free_ahead_s and one.off_s >= now]
        inbound = [one for one in problem.couriers if one.inbound is not None and one.inbound.picks_up_s > now]
        if not due or not (free or inbound):
            return []
        if _is_scarce(problem, weights):
            weights = replace(weights, worth_min=weights.worth_scarce, busy=weights.busy_scarce)
        problem = replace(problem, deliveries=due)
        bundles = join_bundles(problem, _bundling(now, weights, len(due), free))
        return _Tick(problem, weights, bundles, free, inbound).decide()


def _is_scarce(problem: Problem, weights: Weights) -> bool:
    """Whether what is left of all shifts is too short for a trip for each delivery."""
    left_s = sum(max(0, one.off_s - max(problem.now_s, one.free_s)) for one in problem.couriers)
    return len(problem.deliveries) * weights.trip_s > left_s


def _bundling(now_s: int, weights: Weights, due: int, free: Sequence[Courier]) -> Bundling:
    """Return how eagerly to bundle: the fewer couriers are free soon for what is due, the more so."""
    load = due / max(1, sum(one.free_s <= now_s + FREE_SOON_S for one in free))
    worth = min(weights.worth_max, max(weights.worth_min, weights.worth_by_load * load))
    return Bundling(size_max=weights.size_max, access_s=weights.access_s, worth=worth)


@dataclass(slots=True)
class _Tick:
    """The matching of one tick. Columns: the free, each on a trip of its own, then the inbound, whose trips grow."""

    problem: Problem
    weights: Weights
    bundles: list[Bundle]
    free: list[Courier]
    inbound: list[Courier]

    def decide(self) -> list[Decision]:
        import numpy as np  # noqa: PLC0415 - heavy, and wanted by a tick alone
        from scipy.optimize import linear_sum_assignment  # noqa: PLC0415 - the same

        trips = trip_costs(self.problem, self.weights, self.bundles, self.free) if self.free else None
        grown = growth_costs(self.problem, self.weights, self.bundles, self.inbound)
        minutes = grown if trips is None else np.hstack([trips.minutes, grown])
        served = self.weights.served * np.array([len(one.deliveries) for one in self.bundles], float)[:, None]
        rows, columns = linear_sum_assignment(np.where(np.isinf(minutes), 0.0, minutes - served))
        decisions = []
        for row, column in zip(rows.tolist(), columns.tolist(), strict=True):
            if minutes[row, column] == IMPOSSIBLE:
                continue
            if column >= len(self.free):
                if self._grows_now(column):
                    decisions.append(self._decision(row, column, minutes, trips))
            elif self._leaves_now(self.free[column], trips.leaves_s[row, column] if trips else 0):
                decisions.append(self._decision(row, column, minutes, trips))
        return decisions

    def _grows_now(self, column: int) -> bool:
        inbound = self.inbound[column - len(self.free)].inbound
        until = self.problem.now_s + self.problem.tick_s + self.weights.growth_lead_s
        return inbound is not None and inbound.picks_up_s <= until

    def _leaves_now(self, courier: Courier, leaves_s: float) -> bool:
        until = self.problem.now_s + self.problem.tick_s + self.weights.lead_s
        return courier.free_s <= self.problem.now_s and leaves_s < until

    def _decision(self, row: int, column: int, minutes: Any, trips: Any) -> Decision:
        bundle, is_growth = self.bundles[row], column >= len(self.free)
        courier = self.inbound[column - len(self.free)] if is_growth else self.free[column]
        whole = bundle
        if is_growth:
            assert courier.inbound is not None, "a trip grows that there is"
            whole = bundle_of(self.problem, (*courier.inbound.deliveries, *bundle.deliveries))
        costs = minutes[row]
        able = int((costs != IMPOSSIBLE).sum())
        ranked = costs.argsort(kind="stable")[: min(able, WEIGHED_MAX)].tolist()
        told = ranked[:ALTERNATIVES_MAX]
        if column not in told:
            told[-1] = column
        return Decision(
            courier_id=courier.courier_id,
            delivery_ids=tuple(one.delivery_id for one in whole.deliveries),
            added_ids=tuple(one.delivery_id for one in bundle.deliveries),
            is_growth=is_growth,
            cost=float(costs[column]),
            shop_ids=tuple(shop_id for shop_id, _ in whole.counters),
            candidate_count=able,
            alternatives=tuple(self._alternative(each, row, costs, trips) for each in told),
            weighed=tuple(self._weighed(ranked, costs)),
        )

    def _weighed(self, ranked: Sequence[int], costs: Any) -> Iterator[tuple[Key, float]]:
        """Yield each courier once: who could go alone or take it along is told by what costs less."""
        seen: set[Key] = set()
        for column in ranked:
            one = self.inbound[column - len(self.free)] if column >= len(self.free) else self.free[column]
            if one.courier_id not in seen:
                seen.add(one.courier_id)
                yield one.courier_id, float(costs[column])

    def _alternative(self, column: int, row: int, costs: Any, trips: Any) -> Alternative:
        is_growth = column >= len(self.free)
        courier = self.inbound[column - len(self.free)] if is_growth else self.free[column]
        return Alternative(
            courier_id=courier.courier_id,
            cost=float(costs[column]),
            way_s=0 if is_growth else int(trips.ways_s[row, column]),
            free_in_s=0 if is_growth else max(0, courier.free_s - self.problem.now_s),
            owed_orders=round(owed_orders(courier, self.problem.now_s, self.weights.fair_rate), 2),
        )
