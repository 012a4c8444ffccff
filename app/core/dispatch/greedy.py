"""The two plain policies: the nearest free courier, and the hall. Benchmarks, and what a community may start with."""

from collections.abc import Iterable, Sequence

from app.core.dispatch.bundles import carries
from app.core.dispatch.costs import owed_orders
from app.core.dispatch.hall import radius_m
from app.core.dispatch.problem import ALTERNATIVES_MAX, WEIGHED_MAX, Alternative, Courier, Decision, Delivery, Problem
from app.core.dispatch.weights import Weights

_FAIR_RATE = Weights().fair_rate
HALL_AHEAD_S = 600
"""In the hall nobody is interested in what is ready later."""


class NearestPolicy:
    """Each order as soon as it is placed, the oldest first, to the free courier who would be at its shop first."""

    name = "nearest"

    def decide(self, problem: Problem) -> Sequence[Decision]:
        """Return who is called now."""
        free = _free(problem)
        decisions = []
        for delivery in sorted(problem.deliveries, key=lambda one: (one.placed_s, one.delivery_id)):
            ranked = _ranked(problem, delivery, free.values())
            if ranked:
                del free[ranked[0].courier_id]
                decisions.append(_called(delivery, ranked))
        return decisions


class HallPolicy:
    """Couriers choose: each who is free takes what is soon ready at the nearest shop that the hall shows."""

    name = "hall"

    def decide(self, problem: Problem) -> Sequence[Decision]:
        """Return who takes what now; the couriers come to the hall in the order in which they became free."""
        shown = {one.delivery_id: one for one in problem.deliveries if one.ready_s <= problem.now_s + HALL_AHEAD_S}
        free = _free(problem)
        decisions = []
        for courier in sorted(free.values(), key=lambda one: (one.free_s, one.courier_id)):
            seen = [one for one in shown.values() if _is_seen(problem, one, courier)]
            wanted = sorted(
                (problem.travel.seconds(courier.place, one.shop), one.placed_s, one.delivery_id)
                for one in seen
                if _ranked(problem, one, [courier])
            )
            if wanted:
                delivery = shown.pop(wanted[0][2])
                decisions.append(_called(delivery, _ranked(problem, delivery, [courier])))
        return decisions


def _free(problem: Problem) -> dict[object, Courier]:
    now = problem.now_s
    return {
        one.courier_id: one
        for one in sorted(problem.couriers, key=lambda one: one.courier_id)
        if one.free_s <= now <= one.off_s
    }


def _is_seen(problem: Problem, delivery: Delivery, courier: Courier) -> bool:
    radius = radius_m(problem.now_s - delivery.placed_s)
    (x, y), (shop_x, shop_y) = courier.place, delivery.shop
    return (x - shop_x) ** 2 + (y - shop_y) ** 2 <= radius**2


def _ranked(problem: Problem, delivery: Delivery, couriers: Iterable[Courier]) -> list[Alternative]:
    """Return the couriers who may carry it, the nearest first; the cost is the way to the shop."""
    found = []
    for courier in couriers:
        way_s = round(problem.travel.seconds(courier.place, delivery.shop) * courier.pace)
        picks_s = max(problem.now_s + way_s + problem.pick_up_s // 2, delivery.ready_s)
        is_excluded = (delivery.delivery_id, courier.courier_id) in problem.excluded
        if picks_s <= courier.off_s and carries(courier, [delivery]) and not is_excluded:
            owed = round(owed_orders(courier, problem.now_s, _FAIR_RATE), 2)
            found.append(
                Alternative(courier_id=courier.courier_id, cost=way_s / 60, way_s=way_s, free_in_s=0, owed_orders=owed)
            )
    return sorted(found, key=lambda one: (one.cost, one.courier_id))


def _called(delivery: Delivery, ranked: Sequence[Alternative]) -> Decision:
    return Decision(
        courier_id=ranked[0].courier_id,
        delivery_ids=(delivery.delivery_id,),
        added_ids=(delivery.delivery_id,),
        is_growth=False,
        cost=ranked[0].cost,
        shop_ids=(delivery.shop_id,),
        candidate_count=len(ranked),
        alternatives=tuple(ranked[:ALTERNATIVES_MAX]),
        weighed=tuple((one.courier_id, one.cost) for one in ranked[:WEIGHED_MAX]),
    )
