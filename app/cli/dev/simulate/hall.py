"""Claiming: the nearest free courier whom the hall reaches looks into it, and takes what is worth setting out for.

A courier sets out so as to stand at the counter when the order is expected to be ready, not before.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING, Any

from app.cli.dev.simulate.world import degrees_of
from app.core.dispatch.hall import radius_m
from app.core.orders.rules import NO_COURIER_END

if TYPE_CHECKING:
    from uuid import UUID

    from app.cli.dev.simulate.actors import City, Courier

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
    _since: dict[UUID, int] = field(default_factory=dict)
    """From which minute on an order waits for a courier, at the latest."""

    @property
    def is_empty(self) -> bool:
        """Whether no accepted order waits for a courier."""
        return not self._unclaimed and len(self._known) == len(self.city.errands)

    def claim(self, minute: int) -> None:
        """Let free couriers claim what is worth setting out for at ``minute``."""
        self._learn(minute)
        self._look(minute)
        matches = self._match(minute)
        claimed = self.city.agenda.together([partial(courier.claim, trip, minute) for trip, courier in matches])
        for (trip_id, _), order_id in zip(matches, claimed, strict=True):
            del self.trips[trip_id]  # one that was not to be had yet is seen again by the next look
            if order_id is not None:
                self._unclaimed.discard(order_id)

    def _learn(self, minute: int) -> None:
        """Learn of the orders that were accepted since, or freed; forget those that nobody came for."""
        errands = self.city.errands
        for order_id in [o for o in self._unclaimed if minute >= errands[o].wish.ready_minute + NO_COURIER_MINUTES]:
            self._unclaimed.discard(order_id)
            self.city.record.given_up(order_id)
        freed, self.city.freed = self.city.freed, []
        news = errands.keys() - self._known | set(freed)
        self._known |= news
        self._unclaimed |= news
        for order_id in news:
            self._since.setdefault(order_id, minute)

    def _look(self, minute: int) -> None:
        """Let somebody look where more orders wait than trips are known: the nearest who is free, if in reach."""
        waiting = Counter(self.city.errands[order_id].wish.restaurant for order_id in self._unclaimed)
        waiting.subtract(Counter(trip.shop for trip in self.trips.values()))
        unseen = sorted(shop for shop, count in waiting.items() if count > 0)
        free = [courier for courier in self.couriers if courier.is_free(minute)]
        readers = {id(one): one for shop in unseen if (one := self._nearest(free, shop, minute)) is not None}
        for trips in self.city.agenda.together([partial(self._read, reader) for reader in readers.values()]):
            for trip in trips:
                ready_at = datetime.fromisoformat(trip["expected_ready_at"])
                ready_minute = int((ready_at - self.midnight).total_seconds()) // 60
                self.trips[trip["trip_id"]] = OpenTrip(trip["trip_id"], trip["shop_names"][0], ready_minute)
        if not self._unclaimed:
            self.trips.clear()

    def _nearest(self, couriers: list[Courier], shop: str, minute: int) -> Courier | None:
        """Return the nearest of ``couriers`` to a shop, if the hall shows them what waits there."""
        place, errands = self.city.world.shops[shop].place, self.city.errands
        here = [order_id for order_id in self._unclaimed if errands[order_id].wish.restaurant == shop]
        waited = minute - max((self._since[order_id] for order_id in here), default=minute)
        near = min(couriers, key=lambda courier: courier.place.distance_m(place), default=None)
        return near if near is not None and near.place.distance_m(place) <= radius_m(60 * waited) else None

    @staticmethod
    def _read(reader: Courier) -> list[dict[str, Any]]:
        lat, lng = degrees_of(reader.place)
        trips: list[dict[str, Any]] = reader.person.get("/trips/open", lat=lat, lng=lng, limit=TRIPS_MAX)["items"]
        return trips

    def _match(self, minute: int) -> list[tuple[str, Courier]]:
        """Give each trip, the longest expected first, to the nearest free courier who is not too early for it."""
        free = [courier for courier in self.couriers if courier.is_free(minute)]
        matches = []
        for trip in sorted(self.trips.values(), key=lambda trip: (trip.ready_minute, trip.trip_id)):
            place = self.city.world.shops[trip.shop].place
            able = [courier for courier in free if minute + courier.minutes_to(place) <= courier.duty.off_minute]
            nearest = self._nearest(able, trip.shop, minute)
            if nearest is not None and minute + nearest.minutes_to(place) >= trip.ready_minute:
                free.remove(nearest)
                matches.append((trip.trip_id, nearest))
        return matches
