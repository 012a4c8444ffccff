"""Claiming: open trips are read where the shops are, and each goes to the nearest courier who is free.

A courier sets out so as to stand at the counter when the order is expected to be ready, not before.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING, Any

from app.cli.dev.simulate.world import degrees_of
from app.core.orders.rules import NO_COURIER_END

if TYPE_CHECKING:
    from uuid import UUID

    from app.cli.dev.simulate.actors import City, Courier
    from app.cli.dispatch.instance import Place

HALL_M = 5_000
"""How far one look into the hall reaches, north and east, meters."""
TRIPS_MAX = 100
"""How many trips one look shows."""
NO_COURIER_MINUTES = int(NO_COURIER_END.total_seconds()) // 60


@dataclass(frozen=True, slots=True)
class OpenTrip:
    """A trip that may be claimed: from where, and when it is expected to be ready."""

    trip_id: str
    shop: str
    ready_minute: int


@dataclass(slots=True)
class Hall:
    """The trips that couriers know to be open.

    :param midnight: what simulated minutes are counted from.
    """

    city: City
    couriers: list[Courier]
    midnight: datetime
    trips: dict[str, OpenTrip] = field(default_factory=dict)
    _known: set[UUID] = field(default_factory=set)
    _unclaimed: set[UUID] = field(default_factory=set)

    @property
    def is_empty(self) -> bool:
        """Whether no accepted order waits for a courier."""
        return not self._unclaimed and len(self._known) == len(self.city.errands)

    def claim(self, minute: int) -> None:
        """Let free couriers claim what is worth setting out for at ``minute``."""
        self._look(minute)
        matches = self._match(minute)
        claimed = self.city.agenda.together([partial(courier.claim, trip, minute) for trip, courier in matches])
        for (trip_id, _), order_id in zip(matches, claimed, strict=True):
            del self.trips[trip_id]
            self._unclaimed.discard(order_id)

    def _look(self, minute: int) -> None:
        """Learn of the trips that were opened since the last look, or again; forget the orders that nobody came for."""
        errands = self.city.errands
        for order_id in [o for o in self._unclaimed if minute >= errands[o].wish.ready_minute + NO_COURIER_MINUTES]:
            self._unclaimed.discard(order_id)
            self.city.record.ended_early()
        freed, self.city.freed = self.city.freed, []
        news = errands.keys() - self._known | set(freed)
        self._known |= news
        self._unclaimed |= news
        shops = {errands[order_id].wish.restaurant for order_id in news}
        looks = self._looks(sorted(shops))
        for trips in self.city.agenda.together([partial(self._read, place) for place in looks]):
            for trip in trips:
                ready_at = datetime.fromisoformat(trip["expected_ready_at"])
                ready_minute = int((ready_at - self.midnight).total_seconds()) // 60
                self.trips[trip["trip_id"]] = OpenTrip(trip["trip_id"], trip["shop_names"][0], ready_minute)
        if not self._unclaimed:
            self.trips.clear()

    def _looks(self, shops: list[str]) -> list[Place]:
        """Return places such that each shop is well inside the reach of one of them."""
        places: list[Place] = []
        for shop in shops:
            place = self.city.world.shops[shop].place
            if not any(place.distance_m(other) < HALL_M / 2 for other in places):
                places.append(place)
        return places

    def _read(self, place: Place) -> list[dict[str, Any]]:
        lat, lng = degrees_of(place)
        reader = self.couriers[0].person
        trips: list[dict[str, Any]] = reader.get("/trips/open", lat=lat, lng=lng, limit=TRIPS_MAX)["items"]
        return trips

    def _match(self, minute: int) -> list[tuple[str, Courier]]:
        """Give each trip, the longest expected first, to the nearest free courier who is not too early for it."""
        free = [courier for courier in self.couriers if courier.is_free(minute)]
        matches = []
        for trip in sorted(self.trips.values(), key=lambda trip: (trip.ready_minute, trip.trip_id)):
            place = self.city.world.shops[trip.shop].place
            able = [courier for courier in free if minute + courier.minutes_to(place) <= courier.duty.off_minute]
            if not able:
                continue
            nearest = min(able, key=lambda courier: courier.place.distance_m(place))
            if minute + nearest.minutes_to(place) >= trip.ready_minute:
                free.remove(nearest)
                matches.append((trip.trip_id, nearest))
        return matches
