"""Couriers of a replay over HTTP: they answer offers, and do what they took as in memory, by the second."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from uuid import UUID

from app.cli.demo.seeded import chance
from app.cli.dev.simulate.agenda import Rank
from app.cli.dev.simulate.world import degrees_of
from app.cli.dispatch.simulation import SettingOut, delivery_of, ride
from app.core.dispatch.bundles import bundle_of
from app.core.dispatch.problem import Problem
from app.core.dispatch.travel import PlaneTravel

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from app.cli.dev.simulate.actors import City
    from app.cli.dev.simulate.http import Person
    from app.cli.dispatch.instance import Duty
    from app.cli.dispatch.solution import Trip
    from app.core.dispatch.problem import Decision, Delivery, Point


@dataclass(slots=True)
class Town:
    """What the riders share beside the city: the day, how they refuse, and whose order is whose.

    :ivar orders: names of the instance's orders, by the id that the API gave them.
    """

    city: City
    midnight: datetime
    refuse: float
    seed: int
    orders: dict[UUID, str] = field(default_factory=dict)
    deliveries: dict[str, Delivery] = field(default_factory=dict)
    trips: list[Trip] = field(default_factory=list)
    open: set[str] = field(default_factory=set)
    """Orders that nobody has taken yet."""
    refusals: int = 0

    def __post_init__(self) -> None:
        instance = self.city.instance
        self.deliveries = {wish.name: delivery_of(instance, wish) for wish in instance.wishes}

    def problem(self) -> Problem:
        """Return how long ways and stops take, as a problem without work."""
        instance = self.city.instance
        return Problem(
            now_s=0,
            tick_s=60,
            deliveries=(),
            couriers=(),
            travel=PlaneTravel(instance.meters_per_minute, step_s=60),
            pick_up_s=instance.pick_up_minutes * 60,
            drop_s=instance.drop_minutes * 60,
        )


@dataclass(slots=True)
class Rider:
    """One courier: with a trip in hand, or free at a place.

    :ivar stops: of what is in hand: order name → delivery, stop of its counter, stop of its door.
    """

    town: Town
    duty: Duty
    person: Person
    at: str
    place: Point
    trip: Trip | None = None
    version: int = 0
    arrived: set[str] = field(default_factory=set)
    stops: dict[str, tuple[str, str, str]] = field(default_factory=dict)

    def plan_shift(self) -> None:
        """Put the beginning and the end of the shift on the agenda."""
        agenda = self.town.city.agenda
        agenda.at(self.duty.on_minute * 60, Rank.SHIFT, lambda _: self._come())

    def _come(self) -> None:
        from datetime import timedelta  # noqa: PLC0415 - one use

        lat, lng = degrees_of(self.duty.start)
        ends_at = self.town.midnight + timedelta(minutes=self.duty.off_minute)
        self.person.put("/shift", {"lat": lat, "lng": lng, "ends_at": ends_at.isoformat()})

    def answer(self, decision: Decision, now: int) -> bool:
        """Answer the offer that a tick made; say whether it was taken. Nobody refuses more of what is under way."""
        (offer,) = self.person.get("/trip-offers")["items"]
        town = self.town
        if not decision.is_growth and town.refuse:
            draw = chance(town.seed, "refuse", self.duty.name, *decision.added_ids, now).random()
            if draw < town.refuse:
                self.person.post(f"/trip-offers/{offer['trip_offer_id']}/refusal")
                return False
        self.person.post(f"/trip-offers/{offer['trip_offer_id']}/acceptance")
        self._take(self.person.get(f"/trips/{offer['trip_id']}"), now)
        return True

    def _take(self, trip: dict[str, Any], now: int) -> None:
        """Set out, or reckon anew the way with more to take from the counter that one is on the way to."""
        town = self.town
        fresh = {
            town.orders[UUID(one["order_id"])]: (one["delivery_id"], one["pick_up_stop_id"], one["drop_stop_id"])
            for one in trip["deliveries"]
        }
        start, left_s, place = self.at, now, self.place
        town.open -= fresh.keys()
        if self.trip is not None:
            start, left_s = self.trip.start, self.trip.pick_ups[0].left * 60
            self.stops |= fresh
            ordered = bundle_of(town.problem(), [town.deliveries[name] for name in self.stops]).deliveries
        else:
            self.stops = fresh
            positions = {one["stop_id"]: one["position"] for one in trip["stops"]}
            names = sorted(fresh, key=lambda name: (positions[fresh[name][2]], fresh[name][0]))
            ordered = tuple(town.deliveries[name] for name in names)
        out = SettingOut(self.duty.name, now // 60, start, place, left_s)
        self.trip, _ = ride(town.city.instance, ordered, out)
        self.version += 1
        self._plan(self.trip, self.version)

    def _plan(self, trip: Trip, version: int) -> None:
        agenda, instance = self.town.city.agenda, self.town.city.instance
        half, here = instance.pick_up_minutes * 60 // 2, self.place
        for visit in trip.pick_ups:
            shop = self.town.deliveries[visit.orders[0]].shop
            came = visit.left * 60 + self.town.problem().travel.seconds(here, shop)
            here = shop
            agenda.at(came, Rank.CARRY, lambda now, visit=visit: self._arrive(visit.orders, 1, version, now))  # type: ignore[misc]
            acts = max(visit.acted * 60, came + half)
            agenda.at(acts, Rank.CARRY, lambda _, visit=visit: self._pick_up(visit.orders, version))  # type: ignore[misc]
        for visit in trip.drops:
            is_last = visit is trip.drops[-1]
            agenda.at(
                visit.acted * 60,
                Rank.CARRY,
                lambda _, visit=visit, is_last=is_last: self._hand_over(visit.name, version, is_last=is_last),  # type: ignore[misc]
            )

    def _arrive(self, orders: Sequence[str], which: int, version: int, now: int) -> None:
        """Say that one stands at a counter; of a plan that was made anew since, the new one says so."""
        del now
        if version == self.version:
            for stop_id in {self.stops[name][which] for name in orders} - self.arrived:
                self.arrived.add(stop_id)
                self.person.post(f"/stops/{stop_id}/arrival")

    def _pick_up(self, orders: Sequence[str], version: int) -> None:
        if version != self.version:
            return
        city = self.town.city
        for name in orders:
            delivery_id, _, _ = self.stops[name]
            order_id = next(which for which, each in self.town.orders.items() if each == name)
            owner = city.owners[self.town.deliveries[name].shop_id]
            code = owner.get(f"/orders/{order_id}")["pick_up_code"]
            self.person.post(f"/deliveries/{delivery_id}/pick-up", {"code": code})

    def _hand_over(self, name: str, version: int, *, is_last: bool) -> None:
        if version != self.version:
            return
        city, order_id = self.town.city, next(which for which, each in self.town.orders.items() if each == name)
        wish = next(wish for wish in city.instance.wishes if wish.name == name)
        code = city.resident_of(wish.door).get(f"/orders/{order_id}")["door_code"]
        self.person.post(f"/deliveries/{self.stops[name][0]}/hand-over", {"code": code})
        if is_last:
            assert self.trip is not None, "what is handed over was carried"
            self.town.trips.append(self.trip)
            self.at, self.place, self.trip = name, self.town.deliveries[name].door, None
