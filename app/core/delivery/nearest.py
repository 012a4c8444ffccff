"""The plainest matcher: the oldest trip to the courier who would be at its shop first. No bundles, no look-ahead."""

from collections.abc import Collection, Iterator, Sequence
from datetime import datetime
from uuid import UUID

from app.core.delivery.ports import Alternative, Choice, FreeCourier, OpenTask
from app.kernel.geo import distance_m

SPEED_M_MIN = 200.0
"""12 km/h door to door, a constant: never learned from the fastest rider. Our own rule."""
TRIP_MIN = 15.0
"""What each trip in hand counts for, minutes."""
IDLE_BONUS = 0.1
"""Minutes off the cost per minute without a trip: spreads the work."""
ALTERNATIVES_MAX = 5


class NearestMatcher:
    """Greedy, oldest trip first. Cost in minutes: the way to the shop, the trips in hand, less a bonus for idleness."""

    name = "nearest"

    def match(
        self,
        now: datetime,
        tasks: Sequence[OpenTask],
        couriers: Sequence[FreeCourier],
        excluded: Collection[tuple[UUID, UUID]],
    ) -> Sequence[Choice]:
        """Return who is offered what."""
        return list(_choices(now, tasks, couriers, excluded))


def _choices(
    now: datetime,
    tasks: Sequence[OpenTask],
    couriers: Sequence[FreeCourier],
    excluded: Collection[tuple[UUID, UUID]],
) -> Iterator[Choice]:
    free = {courier.courier_id: courier for courier in couriers}
    for task in sorted(tasks, key=lambda one: (one.created_at, one.trip_id)):
        able = [one for one in free.values() if (task.trip_id, one.courier_id) not in excluded]
        if not able:
            continue
        ranked = sorted((_alternative(now, task, one) for one in able), key=lambda one: (one.cost, one.courier_id))
        del free[ranked[0].courier_id]
        yield Choice(
            trip_id=task.trip_id,
            courier_id=ranked[0].courier_id,
            candidate_count=len(ranked),
            alternatives=ranked[:ALTERNATIVES_MAX],
        )


def _alternative(now: datetime, task: OpenTask, courier: FreeCourier) -> Alternative:
    way_min = distance_m(*courier.place, *task.shop) / SPEED_M_MIN
    idle_min = max(0.0, (now - courier.idle_since).total_seconds() / 60)
    return Alternative(
        courier_id=courier.courier_id, cost=way_min + TRIP_MIN * courier.active_trips - IDLE_BONUS * idle_min
    )
