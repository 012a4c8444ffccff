"""The live tick's problem in the instance's own words, so that a policy meets the same things as in memory.

Ids become names, instants seconds of the day, degrees the instance's own points, and everything stands in its order.
What the tables say of times, loads and who is free is not touched.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING
from uuid import UUID

from app.cli.dev.simulate.world import degrees_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from app.cli.dispatch.instance import Instance
    from app.core.dispatch.problem import Courier, Decision, Delivery, Inbound, Key, Point, Policy, Problem

DIGITS = 9
"""Of degrees: a ten-thousandth of a meter."""


@dataclass(slots=True)
class InstancePlane:
    """Knows the point of every place of an instance by its degrees."""

    _points: dict[tuple[float, float], Point]

    def point(self, lat: float, lng: float) -> Point:
        """Return the point of a place of the instance."""
        return self._points[round(lat, DIGITS), round(lng, DIGITS)]


def plane_of(instance: Instance) -> InstancePlane:
    """Return the plane of an instance."""
    places = [wish.door for wish in instance.wishes] + [duty.start for duty in instance.duties]
    points: dict[tuple[float, float], Point] = {}
    for place in (*places, *instance.restaurants.values()):
        lat, lng = degrees_of(place)
        points[round(lat, DIGITS), round(lng, DIGITS)] = (place.x, place.y)
    return InstancePlane(points)


@dataclass(slots=True)
class NamedPolicy:
    """A policy that is asked in names and answers in ids.

    :ivar names: of deliveries, couriers and shops, by id. :ivar ranks: place of each courier in the instance.
    :ivar promised: by when an order is wanted: the instance's own target from click to door.
    :ivar called: whom the last tick called, in the instance's words.
    """

    inner: Policy
    midnight_s: int
    ranks: dict[str, int]
    promised: dict[str, int]
    names: dict[Key, str] = field(default_factory=dict)
    called: list[Decision] = field(default_factory=list)
    problems: list[Problem] | None = None

    @property
    def name(self) -> str:
        """Name of the policy that decides."""
        return self.inner.name

    def decide(self, problem: Problem) -> Sequence[Decision]:
        """Return who is called now."""
        ids = {self.names[one]: one for one in self._keys(problem)}
        named = self._named(problem)
        if self.problems is not None:
            self.problems.append(named)
        self.called = list(self.inner.decide(named))
        return [
            replace(
                one,
                courier_id=ids[one.courier_id],
                delivery_ids=tuple(ids[each] for each in one.delivery_ids),
                added_ids=tuple(ids[each] for each in one.added_ids),
                shop_ids=tuple(ids[each] for each in one.shop_ids),
                alternatives=tuple(replace(each, courier_id=ids[each.courier_id]) for each in one.alternatives),
                weighed=tuple((ids[each], cost) for each, cost in one.weighed),
            )
            for one in self.called
        ]

    def _keys(self, problem: Problem) -> set[Key]:
        held = [one for courier in problem.couriers if courier.inbound for one in courier.inbound.deliveries]
        deliveries = [*problem.deliveries, *held]
        return (
            {one.delivery_id for one in deliveries}
            | {one.shop_id for one in deliveries}
            | {one.courier_id for one in problem.couriers}
        )

    def _named(self, problem: Problem) -> Problem:
        deliveries = sorted(map(self._delivery, problem.deliveries), key=lambda one: (one.placed_s, one.delivery_id))
        couriers = sorted(map(self._courier, problem.couriers), key=lambda one: self.ranks[one.courier_id])
        known = {one.delivery_id for one in problem.deliveries}
        return replace(
            problem,
            now_s=problem.now_s - self.midnight_s,
            deliveries=deliveries,
            couriers=couriers,
            excluded=frozenset(
                (self.names[delivery_id], self.names[courier_id])
                for delivery_id, courier_id in problem.excluded
                if delivery_id in known and courier_id in self.names
            ),
        )

    def _delivery(self, one: Delivery) -> Delivery:
        name = self.names[one.delivery_id]
        return replace(
            one,
            delivery_id=name,
            shop_id=self.names[one.shop_id],
            placed_s=one.placed_s - self.midnight_s,
            ready_s=one.ready_s - self.midnight_s,
            promised_s=self.promised[name],
            group=None if one.group is None else str(one.group),
        )

    def _courier(self, one: Courier) -> Courier:
        return replace(
            one,
            courier_id=self.names[one.courier_id],
            free_s=one.free_s - self.midnight_s,
            on_s=one.on_s - self.midnight_s,
            off_s=one.off_s - self.midnight_s,
            inbound=None if one.inbound is None else self._inbound(one.inbound),
        )

    def _inbound(self, one: Inbound) -> Inbound:
        return replace(
            one,
            deliveries=tuple(map(self._delivery, one.deliveries)),
            arrives_s=one.arrives_s - self.midnight_s,
        )


def ids_of(names: dict[str, UUID]) -> dict[Key, str]:
    """Return names by id."""
    return {which: name for name, which in names.items()}
