"""A whole instance in memory: a tick a minute, the same policy as live, couriers who do what they were called for.

Half of a stop's service minutes pass before the act, half after it; ways are whole minutes, rounded up. A trip of one
restaurant may grow until it is picked up. A courier is told of an order when called and not before.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from app.cli.demo.seeded import chance
from app.cli.dispatch.solution import Solution, Trip, Visit
from app.core.dispatch.problem import Courier, Decision, Delivery, Inbound, Point, Problem
from app.core.dispatch.travel import PlaneTravel

if TYPE_CHECKING:
    from collections.abc import Sequence

    from app.cli.dispatch.instance import Duty, Instance, Place, Wish
    from app.core.dispatch.problem import Policy

TICK_S = 60
ROUNDS_MAX = 3
"""Offers of a tick: what is refused is offered to the next twenty seconds later, as by live ticks."""
EXCLUDED_S = 300
"""For how long an order is not offered again to who refused it."""


@dataclass(slots=True)
class _Carrier:
    """A courier of the instance as the day goes on: what is in hand, where and when that ends."""

    duty: Duty
    place: Point
    at: str
    free_s: int
    done_count: int = 0
    trip: Trip | None = None
    arrives_s: int = 0


@dataclass(slots=True)
class Simulation:
    """One day. The same instance, policy, seed and refusals give the same trips.

    :ivar refuse: the chance that a courier refuses an offer of a new trip, 0 to 1.
    """

    instance: Instance
    policy: Policy
    refuse: float = 0.0
    seed: int = 0
    _deliveries: dict[str, Delivery] = field(default_factory=dict)
    _open: dict[str, Delivery] = field(default_factory=dict)
    _carriers: dict[str, _Carrier] = field(default_factory=dict)
    _excluded: dict[tuple[str, str], int] = field(default_factory=dict)
    _trips: list[Trip] = field(default_factory=list)

    def run(self) -> Solution:
        """Play the day to its end: no order is open any more, or no courier on shift."""
        instance = self.instance
        solution = Solution(instance, self.policy.name)
        self._deliveries = {wish.name: delivery_of(instance, wish) for wish in instance.wishes}
        for duty in instance.duties:
            self._carriers[duty.name] = _Carrier(duty, _point(duty.start), duty.name, duty.on_minute * 60)
        coming = sorted(self._deliveries.values(), key=lambda one: (one.placed_s, one.delivery_id), reverse=True)
        now = coming[-1].placed_s
        end = max(duty.off_minute for duty in instance.duties) * 60
        while now <= end and (coming or self._open):
            while coming and coming[-1].placed_s <= now:
                one = coming.pop()
                self._open[one.delivery_id] = one
            if not self._open:
                now = coming[-1].placed_s
                continue
            for _ in range(ROUNDS_MAX if self.refuse else 1):
                refused = self._tick(now, solution)
                solution.refusals += refused
                if not refused:
                    break
            now += TICK_S
        self._trips += [one.trip for one in self._carriers.values() if one.trip is not None]
        solution.trips = self._trips
        return solution

    def _tick(self, now: int, solution: Solution) -> int:
        problem = self._problem(now)
        began = time.perf_counter()
        decisions = self.policy.decide(problem)
        solution.tick_seconds.append(time.perf_counter() - began)
        refused = 0
        for decision in decisions:
            if not decision.is_growth and self._refuses(decision, now):
                refused += 1
                for order in decision.added_ids:
                    self._excluded[order, decision.courier_id] = now + EXCLUDED_S
            else:
                self._obey(decision, now)
        return refused

    def _refuses(self, decision: Decision, now: int) -> bool:
        if not self.refuse:
            return False
        draw = chance(self.seed, "refuse", decision.courier_id, *decision.added_ids, now).random()
        return draw < self.refuse

    def _problem(self, now: int) -> Problem:
        instance = self.instance
        self._excluded = {pair: until for pair, until in self._excluded.items() if until > now}
        return Problem(
            now_s=now,
            tick_s=TICK_S,
            deliveries=list(self._open.values()),
            couriers=[
                self._courier(one, now)
                for one in self._carriers.values()
                if one.duty.on_minute * 60 <= now < one.duty.off_minute * 60
            ],
            travel=PlaneTravel(instance.meters_per_minute, step_s=60),
            pick_up_s=instance.pick_up_minutes * 60,
            drop_s=instance.drop_minutes * 60,
            excluded=frozenset(self._excluded),
        )

    def _courier(self, one: _Carrier, now: int) -> Courier:
        inbound = None
        if one.trip is not None and one.trip.pick_ups[0].acted * 60 > now and len(one.trip.pick_ups) == 1:
            held = tuple(self._deliveries[order] for order in one.trip.pick_ups[0].orders)
            inbound = Inbound(deliveries=held, arrives_s=one.arrives_s)
        return Courier(
            courier_id=one.duty.name,
            place=one.place,
            free_s=one.free_s,
            on_s=one.duty.on_minute * 60,
            off_s=one.duty.off_minute * 60,
            done_count=one.done_count,
            inbound=inbound,
        )

    def _obey(self, decision: Decision, now: int) -> None:
        one = self._carriers[decision.courier_id]
        start, place, left = one.at, one.place, now
        if decision.is_growth:
            assert one.trip is not None, "a trip grows that there is"
            start, left = one.trip.start, one.trip.pick_ups[0].left * 60
            place = self._place_of(start)
        elif one.trip is not None:
            self._trips.append(one.trip)
        deliveries = [self._deliveries[order] for order in decision.delivery_ids]
        setting_out = SettingOut(decision.courier_id, now // 60, start, place, left)
        one.trip, one.arrives_s = ride(self.instance, deliveries, setting_out)
        one.at, one.free_s = one.trip.drops[-1].name, one.trip.free * 60
        one.place = self._deliveries[one.at].door
        one.done_count += len(decision.added_ids)
        assert one.trip.pick_ups[-1].acted <= one.duty.off_minute, "nothing is picked up after the shift"
        for order in decision.added_ids:
            del self._open[order]

    def _place_of(self, name: str) -> Point:
        """Return where a trip began: the door of an order, or where the shift did."""
        if name in self._deliveries:
            return self._deliveries[name].door
        return _point(self._carriers[name].duty.start)


def delivery_of(instance: Instance, wish: Wish) -> Delivery:
    """Return a wish as policies read it; it is promised within the instance's own target."""
    return Delivery(
        delivery_id=wish.name,
        shop_id=wish.restaurant,
        shop=_point(instance.restaurants[wish.restaurant]),
        door=_point(wish.door),
        placed_s=wish.placed_minute * 60,
        ready_s=wish.ready_minute * 60,
        promised_s=(wish.placed_minute + instance.target_minutes) * 60,
    )


@dataclass(frozen=True, slots=True)
class SettingOut:
    """Who sets out for a trip: called at which minute, from where (its name, and the point), at which second."""

    courier: str
    called: int
    start: str
    place: Point
    left_s: int


def ride(instance: Instance, deliveries: Sequence[Delivery], out: SettingOut) -> tuple[Trip, int]:
    """Return the trip as it will go, and at which second one can act at the first counter; doors in the order given."""
    travel = PlaneTravel(instance.meters_per_minute, step_s=60)
    pick_up, drop = instance.pick_up_minutes * 60, instance.drop_minutes * 60
    clock, place, arrives, pick_ups, drops = out.left_s, out.place, 0, [], []
    for shop_id in _shops_in_order(deliveries):
        held = [one for one in deliveries if one.shop_id == shop_id]
        came = clock + travel.seconds(place, held[0].shop) + pick_up // 2
        arrives = arrives or came
        acted = max(came, *(one.ready_s for one in held))
        names = tuple(one.delivery_id for one in held)
        pick_ups.append(Visit(shop_id, clock // 60, acted // 60, names))
        clock, place = acted + pick_up - pick_up // 2, held[0].shop
    for one in deliveries:
        acted = clock + travel.seconds(place, one.door) + drop // 2
        drops.append(Visit(one.delivery_id, clock // 60, acted // 60, (one.delivery_id,)))
        clock, place = acted + drop - drop // 2, one.door
    return Trip(out.courier, out.called, out.start, tuple(pick_ups), tuple(drops), clock // 60), arrives


def _shops_in_order(deliveries: Sequence[Delivery]) -> list[str]:
    """Return the shops in the order of their visits: of two, the one with what is ready first."""
    ranked = sorted(deliveries, key=lambda one: (one.ready_s, one.delivery_id))
    return list(dict.fromkeys(one.shop_id for one in ranked))


def _point(place: Place) -> Point:
    return place.x, place.y
