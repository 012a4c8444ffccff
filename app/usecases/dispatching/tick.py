"""A tick of dispatch over one zone: read, decide in memory without a row lock, offer what is still open.

A zone is the catchment of one store: a courier belongs to one. One worker at a time decides for a zone, by an advisory
lock that ends with the transaction; so two workers are a failover, and one that dies leaves nothing half done.
"""

from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

import orjson
from sqlalchemy import text

from app.core.delivery.models import ACTIVE_TRIPS_MAX
from app.core.delivery.ports import Choice, FreeCourier, Matcher, OpenTask
from app.core.delivery.positions import SILENCE_MAX
from app.core.delivery.repository import LOCK_OPEN_TRIP, delivery_of
from app.core.delivery.states import DELIVERY_TRANSITIONS, DeliveryAction, DeliveryState
from app.core.events import TripOffered
from app.kernel.actor import Role
from app.kernel.clock import business_now
from app.kernel.geo import distance_m
from app.kernel.ids import new_id
from app.kernel.machines import next_state
from app.kernel.timers import Timer
from app.kernel.transaction import Transaction, closing, transaction
from app.usecases.dispatching.answer_offer import OFFER_LIFETIME, TRIP_OFFER_EXPIRES

EXCLUDED = timedelta(minutes=5)
"""For how long a trip is not offered again to one who declined it or did not answer."""
LOOK_AHEAD = timedelta(minutes=20)
"""A trip that is ready later can wait for the next tick."""
OFFERS_MAX = 3
"""After so many offers without a yes, a trip of a community with a hall is left to the hall."""
TASKS_MAX = 2_000
COURIERS_MAX = 5_000

_MODE = """
    SELECT DISTINCT ON (m.community_id) m.community_id, m.mode FROM dispatch_modes AS m
    ORDER BY m.community_id, m.set_at DESC
"""
_ZONES = text(
    f"""
    SELECT DISTINCT c.store_id FROM ({_MODE}) AS m JOIN communities AS c ON c.community_id = m.community_id
    WHERE m.mode IN ('assign', 'both') ORDER BY 1
    """
)
_TRY_LOCK = text("SELECT pg_try_advisory_xact_lock(hashtextextended('dispatch:' || CAST(:store_id AS text), 0))")
_TASKS = text(
    f"""
    SELECT t.trip_id, o.shop_id, coalesce(o.ready_at, t.expected_ready_at) AS ready_at, o.promised_at, t.created_at,
           t.lat, t.lng, p.lat AS door_lat, p.lng AS door_lng
    FROM ({_MODE}) AS m
    JOIN communities AS c ON c.community_id = m.community_id AND c.store_id = :store_id
    JOIN trips AS t ON t.community_id = c.community_id AND t.state = 'open'
    JOIN deliveries AS d ON d.trip_id = t.trip_id AND d.state = 'open'
    JOIN orders AS o ON o.order_id = d.order_id
    JOIN stops AS p ON p.stop_id = d.drop_stop_id
    WHERE m.mode IN ('assign', 'both')
      AND coalesce(o.ready_at, t.expected_ready_at) <= business_now() + :look_ahead
      AND (m.mode = 'assign' OR :offers_max > (SELECT count(*) FROM trip_offers AS f WHERE f.trip_id = t.trip_id))
    ORDER BY t.created_at, t.trip_id LIMIT :limit
    """
)
_COURIERS = text(
    """
    SELECT h.courier_id, coalesce(p.lat, h.lat) AS lat, coalesce(p.lng, h.lng) AS lng, h.active_trips,
           greatest(h.started_at, (SELECT max(t.ended_at) FROM trips AS t
               WHERE t.courier_id = h.courier_id AND t.ended_at >= h.started_at)) AS idle_since
    FROM communities AS c
    JOIN couriers AS k ON k.community_id = c.community_id AND k.state = 'active'
    JOIN courier_shifts AS h ON h.courier_id = k.courier_id AND h.ended_at IS NULL
    LEFT JOIN courier_positions AS p ON p.courier_id = h.courier_id AND p.heard_at >= h.started_at
    WHERE c.store_id = :store_id AND h.active_trips < :trips_max
      AND h.on_break_since IS NULL AND (h.ends_at IS NULL OR h.ends_at > business_now())
      AND NOT EXISTS (SELECT 1 FROM incidents AS i
          WHERE i.courier_id = h.courier_id AND i.is_sos AND i.state <> 'closed')
      AND (p.heard_at IS NULL OR p.heard_at >= business_now() - :silence_max)
      AND NOT EXISTS (SELECT 1 FROM trip_offers AS f WHERE f.courier_id = h.courier_id AND f.state = 'live')
    ORDER BY h.courier_id LIMIT :limit
    """
)
_EXCLUDED = text(
    """
    SELECT f.trip_id, f.courier_id FROM trip_offers AS f
    WHERE f.trip_id = ANY(CAST(:trip_ids AS uuid[])) AND f.state IN ('declined', 'expired')
      AND f.answered_at > business_now() - :excluded
    UNION
    SELECT d.trip_id, o.account_id FROM deliveries AS d JOIN orders AS o ON o.order_id = d.order_id
    WHERE d.trip_id = ANY(CAST(:trip_ids AS uuid[]))
    """
)
_OFFER = closing(
    """
    decided AS (
        INSERT INTO dispatch_decisions (decision_id, trip_id, policy, candidate_count, alternatives, decided_at)
        VALUES (:decision_id, :trip_id, :policy, :candidate_count, CAST(:alternatives AS jsonb), business_now())
    ),
    offered AS (
        INSERT INTO trip_offers (trip_offer_id, trip_id, courier_id, decision_id, state, fee_fen, offered_at,
            expires_at)
        SELECT :trip_offer_id, t.trip_id, :courier_id, :decision_id, 'live', t.fee_fen, business_now(),
            business_now() + :lifetime
        FROM trips AS t WHERE t.trip_id = :trip_id
    ),
    asked AS (UPDATE deliveries SET state = :delivery_state WHERE trip_id = :trip_id AND state = 'open')"""
)


@dataclass(frozen=True, slots=True)
class _Zone:
    tasks: dict[UUID, OpenTask]
    couriers: dict[UUID, FreeCourier]
    excluded: frozenset[tuple[UUID, UUID]]


def dispatch_zones(matcher: Matcher) -> int:
    """Decide for every zone that offers trips; return how many offers were made."""
    with transaction() as tx:
        zones = [row.store_id for row in tx.execute(_ZONES).fetchall()]
    return sum(dispatch_zone(matcher, store_id) for store_id in zones)


def dispatch_zone(matcher: Matcher, store_id: UUID) -> int:
    """Offer open trips of one zone to its couriers; return how many; none when another worker decides there."""
    with transaction() as tx:
        if not tx.execute(_TRY_LOCK, {"store_id": str(store_id)}).scalar_one():
            return 0
        zone = _read(tx, store_id)
        if not zone.tasks or not zone.couriers:
            return 0
        choices = matcher.match(
            business_now(tx), list(zone.tasks.values()), list(zone.couriers.values()), zone.excluded
        )
        return sum(_offer(tx, matcher.name, zone, choice) for choice in sorted(choices, key=lambda one: one.trip_id))


def _read(tx: Transaction, store_id: UUID) -> _Zone:
    params = {"store_id": store_id, "look_ahead": LOOK_AHEAD, "offers_max": OFFERS_MAX, "limit": TASKS_MAX}
    tasks = {
        row.trip_id: OpenTask(
            trip_id=row.trip_id,
            shop_id=row.shop_id,
            ready_at=row.ready_at,
            promised_at=row.promised_at,
            created_at=row.created_at,
            shop=(row.lat, row.lng),
            door=(row.door_lat, row.door_lng),
        )
        for row in tx.execute(_TASKS, params).fetchall()
    }
    if not tasks:
        return _Zone({}, {}, frozenset())
    params = {
        "store_id": store_id,
        "trips_max": ACTIVE_TRIPS_MAX,
        "silence_max": SILENCE_MAX,
        "limit": COURIERS_MAX,
    }
    couriers = {
        row.courier_id: FreeCourier(
            courier_id=row.courier_id,
            place=(row.lat, row.lng),
            active_trips=row.active_trips,
            idle_since=row.idle_since,
        )
        for row in tx.execute(_COURIERS, params).fetchall()
    }
    pairs = tx.execute(_EXCLUDED, {"trip_ids": list(tasks), "excluded": EXCLUDED}).fetchall()
    return _Zone(tasks, couriers, frozenset((row.trip_id, row.courier_id) for row in pairs))


def _offer(tx: Transaction, policy: str, zone: _Zone, choice: Choice) -> int:
    """Offer a trip if it is still open and nobody holds it; what was canceled or claimed meanwhile is let be."""
    task = zone.tasks[choice.trip_id]
    deliveries = [delivery_of(row) for row in tx.open(LOCK_OPEN_TRIP, {"trip_id": choice.trip_id})]
    waiting = [delivery for delivery in deliveries if delivery.state is not DeliveryState.CANCELED]
    if not waiting or len(deliveries) != deliveries[0].order_count:
        return 0
    if any(delivery.state is not DeliveryState.OPEN for delivery in waiting):
        return 0
    state = next_state(DELIVERY_TRANSITIONS, DeliveryState.OPEN, DeliveryAction.OFFER, Role.SYSTEM)
    trip_offer_id = new_id()
    tx.record(
        TripOffered(
            trip_id=choice.trip_id,
            community_id=deliveries[0].community_id,
            courier_id=choice.courier_id,
            trip_offer_id=trip_offer_id,
        )
    )
    tx.schedule(Timer(TRIP_OFFER_EXPIRES, trip_offer_id, OFFER_LIFETIME))
    alternatives = [
        {
            "courier_id": one.courier_id,
            "cost": round(one.cost, 2),
            "to_shop_m": distance_m(*zone.couriers[one.courier_id].place, *task.shop),
            "is_chosen": one.courier_id == choice.courier_id,
        }
        for one in choice.alternatives
    ]
    tx.close(
        _OFFER,
        {
            "decision_id": new_id(),
            "trip_id": choice.trip_id,
            "policy": policy,
            "candidate_count": choice.candidate_count,
            "alternatives": orjson.dumps(alternatives).decode(),
            "trip_offer_id": trip_offer_id,
            "courier_id": choice.courier_id,
            "lifetime": OFFER_LIFETIME,
            "delivery_state": state.value,
        },
    )
    return 1
