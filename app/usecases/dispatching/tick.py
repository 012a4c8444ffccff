"""A tick of dispatch over one zone: read, decide in memory without a row lock, offer what is still open.

A zone is the catchment of one store: a courier belongs to one. One worker at a time decides for a zone, by an advisory
lock that ends with the transaction; so two workers are a failover, and one that dies leaves nothing half done.
"""

from datetime import timedelta
from uuid import UUID

import orjson
from sqlalchemy import text

from app.core.delivery.repository import LOCK_OPEN_TRIP, LOCK_OPEN_TRIP_WAITING, delivery_of
from app.core.delivery.states import DELIVERY_TRANSITIONS, DeliveryAction, DeliveryState
from app.core.dispatch.consent import offer_lifetime_s
from app.core.dispatch.problem import Alternative, Decision, Policy
from app.core.events import TripOffered
from app.kernel.actor import Role
from app.kernel.geo import distance_m
from app.kernel.ids import new_id
from app.kernel.machines import next_state
from app.kernel.timers import Timer
from app.kernel.transaction import Opening, Transaction, closing, transaction
from app.usecases.delivering.join_trips import Route, join_trips
from app.usecases.dispatching.answer_offer import TRIP_OFFER_EXPIRES
from app.usecases.dispatching.zone import MODE, USUAL, Conditions, Zone, read_zone

_ZONES = text(
    f"""
    SELECT DISTINCT c.store_id FROM ({MODE}) AS m JOIN communities AS c ON c.community_id = m.community_id
    WHERE m.mode IN ('assign', 'both') ORDER BY 1
    """
)
_TRY_LOCK = text("SELECT pg_try_advisory_xact_lock(hashtextextended('dispatch:' || CAST(:store_id AS text), 0))")
_OFFER = closing(
    """
    decided AS (
        INSERT INTO dispatch_decisions (decision_id, trip_id, policy, candidate_count, alternatives, weighed_ids,
            weighed_costs, weighed_to_shop_m, decided_at)
        VALUES (:decision_id, :trip_id, :policy, :candidate_count, CAST(:alternatives AS jsonb),
            CAST(:weighed_ids AS uuid[]), CAST(:weighed_costs AS real[]), CAST(:weighed_to_shop_m AS integer[]),
            business_now())
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


def dispatch_zones(policy: Policy) -> int:
    """Decide for every zone that offers trips; return how many offers were made."""
    with transaction() as tx:
        zones = [row.store_id for row in tx.execute(_ZONES).fetchall()]
    return sum(dispatch_zone(policy, store_id) for store_id in zones)


def dispatch_zone(policy: Policy, store_id: UUID, conditions: Conditions = USUAL) -> int:
    """Offer open trips of one zone to its couriers; return how many; none when another worker decides there.

    :param conditions: how long ways and stops take, and when the next tick comes.
    """
    with transaction() as tx:
        if not tx.execute(_TRY_LOCK, {"store_id": str(store_id)}).scalar_one():
            return 0
        zone = read_zone(tx, store_id, conditions)
        if zone is None:
            return 0
        lock = LOCK_OPEN_TRIP_WAITING if conditions.is_waiting else LOCK_OPEN_TRIP
        decisions = sorted(policy.decide(zone.problem), key=lambda one: one.added_ids)
        return sum(_offer(tx, policy.name, zone, decision, lock) for decision in decisions)


def _offer(tx: Transaction, policy: str, zone: Zone, decision: Decision, lock: Opening) -> int:
    """Offer a trip if it is still open and nobody holds it; what was canceled or claimed meanwhile is let be.

    What goes together becomes one trip first. Where that fails, because one of them moved meanwhile, the first is
    offered alone.
    """
    trip_ids = list(dict.fromkeys(zone.trips[delivery_id] for delivery_id in decision.added_ids))
    if len(trip_ids) > 1:
        join_trips(tx, trip_ids, Route(decision.shop_ids, decision.delivery_ids))
    trip_id = trip_ids[0]
    deliveries = [delivery_of(row) for row in tx.open(lock, {"trip_id": trip_id})]
    waiting = [delivery for delivery in deliveries if delivery.state is not DeliveryState.CANCELED]
    if not waiting or len(deliveries) != deliveries[0].order_count:
        return 0
    if any(delivery.state is not DeliveryState.OPEN for delivery in waiting):
        return 0
    state = next_state(DELIVERY_TRANSITIONS, DeliveryState.OPEN, DeliveryAction.OFFER, Role.SYSTEM)
    trip_offer_id = new_id()
    tx.record(
        TripOffered(
            trip_id=trip_id,
            community_id=deliveries[0].community_id,
            courier_id=decision.courier_id,
            trip_offer_id=trip_offer_id,
        )
    )
    lifetime = timedelta(seconds=offer_lifetime_s(zone.problem))
    tx.schedule(Timer(TRIP_OFFER_EXPIRES, trip_offer_id, lifetime))
    alternatives = [_told(zone, trip_id, decision, one) for one in decision.alternatives]
    tx.close(
        _OFFER,
        {
            "decision_id": new_id(),
            "trip_id": trip_id,
            "policy": policy,
            "candidate_count": decision.candidate_count,
            "alternatives": orjson.dumps(alternatives).decode(),
            "weighed_ids": [courier_id for courier_id, _ in decision.weighed],
            "weighed_costs": [round(cost, 2) for _, cost in decision.weighed],
            "weighed_to_shop_m": [
                distance_m(*zone.places[courier_id], *zone.shops[trip_id]) for courier_id, _ in decision.weighed
            ],
            "trip_offer_id": trip_offer_id,
            "courier_id": decision.courier_id,
            "lifetime": lifetime,
            "delivery_state": state.value,
        },
    )
    return 1


def _told(zone: Zone, trip_id: UUID, decision: Decision, one: Alternative) -> dict[str, object]:
    """Return a candidate as it is kept: what each part of the cost was, not who else was where."""
    return {
        "courier_id": one.courier_id,
        "cost": round(one.cost, 2),
        "to_shop_m": distance_m(*zone.places[one.courier_id], *zone.shops[trip_id]),
        "free_in_s": one.free_in_s,
        "owed_orders": one.owed_orders,
        "is_chosen": one.courier_id == decision.courier_id,
    }
