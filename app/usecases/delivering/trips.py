"""Trips: claimed from the hall (抢单), given back, arrived at. Of any number of couriers, one gets a trip."""

import time
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

import orjson
from sqlalchemy import text

from app.core.delivery.checks import FRESH_S, away_m
from app.core.delivery.errors import (
    ColdBoxNeeded,
    CourierNotFound,
    HallClosed,
    HelpCalled,
    NotOnShift,
    OnBreak,
    OwnOrder,
    ShiftOver,
    StopNotFound,
    TooHeavy,
    TooManyGrabs,
    TooManyOrders,
    TooManyTrips,
    TripElsewhere,
    TripGivenUp,
    TripNotFound,
    TripOutOfReach,
    TripTaken,
)
from app.core.delivery.models import ACTIVE_TRIPS_MAX, ORDERS_IN_HAND_MAX, WEIGHT_G_MAX
from app.core.delivery.repository import (
    HAS_CALLED,
    LOCK_OWN_TRIP,
    LOCK_TRIP,
    Delivery,
    delivery_of,
    lock_in_hall,
    lock_trip,
)
from app.core.delivery.states import (
    DELIVERY_TRANSITIONS,
    EXCLUDED,
    DeliveryAction,
    DeliveryState,
    DispatchMode,
    ReleaseReason,
    StopKind,
    StopState,
    TripState,
)
from app.core.dispatch.hall import GRABS_MAX, NEIGHBORS_AFTER_S
from app.core.dispatch.travel import ride_s
from app.core.events import TripClaimed, TripGivenBack
from app.kernel.actor import Actor, Role
from app.kernel.errors import Conflict
from app.kernel.ids import new_id
from app.kernel.machines import IllegalTransition, next_state
from app.kernel.transaction import Claim, Closing, Transaction, closing, crowded, opening, read, transaction
from app.kernel.wire import Row
from app.usecases.delivering.hall import AWAY_M, IS_EXCLUDED, IS_OURS, ME, RADIUS

LATE_SHOP = timedelta(minutes=10)
"""A trip given back when the shop is this late is nobody's fault."""

GRAB = "grab"
"""What a claim out of the hall is called where other decisions say their policy."""

GLANCED_S = 0.25
"""How long what a glance found is told to the next who want the trip; not to whom it was given, who may ask again."""

_wanted: deque[UUID] = deque(maxlen=256)
"""Trips that this process has lately given to somebody, or refused as taken: worth a glance first. Decides nothing."""
_glanced: dict[UUID, tuple[float, UUID | None]] = {}
"""When each of them was last seen as taken, by the clock of this process, and by whom."""
_GLANCED_MAX = 1_024

_WEIGHT_MAX = (
    "CASE k.vehicle "
    + " ".join(f"WHEN '{vehicle.value}' THEN {grams}" for vehicle, grams in WEIGHT_G_MAX.items())
    + " ELSE 0 END"
)
CLAIM_WRITES = f"""
    counted AS (
        UPDATE courier_shifts AS h
        SET active_trips = h.active_trips + 1, active_weight_g = h.active_weight_g + :weight_g
        FROM couriers AS k
        WHERE h.courier_id = :courier_id AND h.ended_at IS NULL AND h.active_trips < {ACTIVE_TRIPS_MAX}
          AND k.courier_id = h.courier_id AND (k.has_cold_box OR NOT :is_cold)
          AND h.active_weight_g + :weight_g <= {_WEIGHT_MAX}
          AND h.on_break_since IS NULL AND (h.ends_at IS NULL OR h.ends_at > business_now())
          AND (h.active_trips = 0
               OR orders_in_hand(h.courier_id, :trip_id) + :order_count <= {ORDERS_IN_HAND_MAX})
          AND (NOT :is_grab OR h.active_trips < {GRABS_MAX} OR grabs_in_hand(h.courier_id, :trip_id) < {GRABS_MAX})
          AND NOT {HAS_CALLED.format("h.courier_id")}
        RETURNING h.shift_id
    ),
    claimed_trip AS (
        UPDATE trips SET state = 'assigned', courier_id = :courier_id, assigned_at = business_now(),
            is_grabbed = :is_grab
        WHERE trip_id = :trip_id AND state = 'open' RETURNING trip_id
    ),
    assigned AS (
        UPDATE deliveries SET state = :delivery_state WHERE trip_id = :trip_id AND state IN ('open', 'offered')
    )"""
EXPECT_CLAIMED = {
    "counted": "(SELECT count(*) FROM counted) = 1",
    "claimed": "(SELECT count(*) FROM claimed_trip) = 1",
}
WHY_NOT_COUNTED = f"""(SELECT CAST(row_to_json(why) AS text) FROM (
    SELECT h.shift_id IS NOT NULL AS is_on_shift, h.active_trips, h.active_weight_g, k.has_cold_box,
        h.on_break_since IS NOT NULL AS is_on_break, h.ends_at <= business_now() AS is_over,
        {HAS_CALLED.format(":courier_id")} AS has_called,
        {_WEIGHT_MAX} AS weight_g_max, grabs_in_hand(:courier_id, :trip_id) AS grabs
    FROM (SELECT 1) AS one
    LEFT JOIN couriers AS k ON k.courier_id = :courier_id
    LEFT JOIN courier_shifts AS h ON h.courier_id = k.courier_id AND h.ended_at IS NULL) AS why)
    """
"""How the courier stands, for :func:`close_claim` to say why the shift did not take the trip."""
_LOCK_IN_HALL = crowded(
    lock_in_hall(
        me=ME,
        more=f"""me.is_on_shift, {IS_OURS} AS is_ours, {IS_EXCLUDED} AS is_excluded,
        CAST({AWAY_M} AS float8) AS away_m, CAST({RADIUS} AS float8) AS radius_m""",
    )
)
_CLAIM = crowded(
    closing(
        f"""{CLAIM_WRITES},
    told AS (
        INSERT INTO dispatch_decisions (decision_id, trip_id, policy, candidate_count, alternatives, decided_at)
        SELECT :decision_id, c.trip_id, '{GRAB}', 1, jsonb_build_array(jsonb_build_object('courier_id', :courier_id,
            'cost', CAST(:way_min AS float8), 'to_shop_m', CAST(:away_m AS bigint), 'is_chosen', true)), business_now()
        FROM claimed_trip AS c
    )""",
        expecting=EXPECT_CLAIMED,
        telling=WHY_NOT_COUNTED,
    )
)
_GIVE_BACK = closing(
    """
    released AS (
        INSERT INTO trip_releases (release_id, trip_id, courier_id, reason, released_at)
        VALUES (:release_id, :trip_id, :courier_id, :reason, business_now())
    ),
    given_back AS (
        UPDATE trips SET state = 'open', courier_id = NULL, assigned_at = NULL, pinned_to_id = NULL,
            is_grabbed = false
        WHERE trip_id = :trip_id AND state = 'assigned' RETURNING trip_id, weight_g
    ),
    reopened AS (
        UPDATE deliveries SET state = :delivery_state
        WHERE trip_id = :trip_id AND state IN ('assigned', 'at_pickup')
    ),
    stops_again AS (
        UPDATE stops SET state = 'waiting', arrived_at = NULL, arrived_distance_m = NULL
        WHERE trip_id = :trip_id AND state = 'arrived'
    ),
    counted AS (
        UPDATE courier_shifts AS h
        SET active_trips = h.active_trips - 1, active_weight_g = greatest(0, h.active_weight_g - t.weight_g)
        FROM given_back AS t WHERE h.courier_id = :courier_id AND h.ended_at IS NULL
    )""",
    answer="SELECT count(*) FROM given_back",
)
_GLANCE = crowded(
    text(
        """
    SELECT t.courier_id, t.state <> 'open' AND NOT EXISTS (
        SELECT 1 FROM idempotency_keys AS i
        WHERE i.principal_id = :claim_principal AND i.operation = :claim_operation AND i.key = :claim_key
    ) AND coalesce((SELECT m.mode FROM deliveries AS d JOIN orders AS o ON o.order_id = d.order_id
        JOIN dispatch_modes AS m ON m.community_id = o.community_id
        WHERE d.trip_id = t.trip_id ORDER BY m.set_at DESC LIMIT 1), '') <> 'assign' AS is_taken
    FROM trips AS t WHERE t.trip_id = :trip_id
    """
    )
)
_WORKS_IN_ZONE = text(
    """
    SELECT 1 FROM couriers AS k JOIN communities AS mine ON mine.community_id = k.community_id
    JOIN communities AS its ON its.store_id = mine.store_id
    WHERE k.courier_id = :courier_id AND k.state = 'active' AND its.community_id = :community_id
    """
)
_PINNED = "UPDATE trips SET pinned_to_id = CAST(:courier_id AS uuid) WHERE trip_id = :trip_id"
_PIN = text(_PINNED)
_PIN_ALONE = closing(f"pinned AS ({_PINNED})")
_LOCK_STOP = opening(
    f"""
    WITH its_orders AS MATERIALIZED (
        SELECT o.order_id FROM orders AS o
        WHERE o.order_id IN (SELECT x.order_id FROM stops AS y JOIN deliveries AS x ON x.trip_id = y.trip_id
            WHERE y.stop_id = :stop_id)
        ORDER BY o.order_id FOR UPDATE
    )
    SELECT p.stop_id, p.kind, p.state AS stop_state, p.lat, p.lng, t.trip_id, d.delivery_id,
        d.state AS delivery_state, seen.lat AS seen_lat, seen.lng AS seen_lng
    FROM its_orders AS o
    JOIN deliveries AS d ON d.order_id = o.order_id
    JOIN trips AS t ON t.trip_id = d.trip_id
    JOIN stops AS p ON p.stop_id IN (d.pick_up_stop_id, d.drop_stop_id)
    LEFT JOIN courier_positions AS seen ON seen.courier_id = t.courier_id
        AND seen.heard_at > business_now() - interval '{FRESH_S} seconds'
    WHERE p.stop_id = :stop_id AND t.courier_id = :courier_id AND (SELECT count(*) FROM its_orders) > 0
    ORDER BY o.order_id
    FOR UPDATE OF t, d, p
    """
)
_ARRIVE = closing(
    """
    arrived AS (
        UPDATE stops SET state = :stop_state, arrived_at = business_now(),
            arrived_distance_m = CAST(:distance_m AS bigint)
        WHERE stop_id = :stop_id
    ),
    there AS (
        UPDATE deliveries SET state = :delivery_state WHERE delivery_id = ANY(CAST(:delivery_ids AS uuid[]))
    )"""
)


@dataclass(frozen=True, slots=True, kw_only=True)
class TripMoved:
    """What an act on a trip answers."""

    trip_id: UUID
    state: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StopMoved:
    """What arriving answers."""

    stop_id: UUID
    trip_id: UUID
    state: str


def claim_trip(actor: Actor, claim: Claim, *, trip_id: UUID) -> TripMoved:
    """Take an open trip.

    Locks the trip's orders, the trip and its deliveries, then the courier's shift, whose count holds the cap. Once this
    process has given a trip, or told somebody that it is taken, the next who want it are told so by a glance at what
    is committed, without a lock or a claim: of a crowd, all but a few. What a glance saw is told to all but the trip's
    courier for :data:`GLANCED_S`, so that one that another process opens again may be called taken for so long.

    :raises TripTaken: another courier has it or thinks about it, or it was called off.
    :raises HallClosed: in this community trips are offered, not claimed.
    :raises OwnOrder: the courier ordered it.
    :raises TripElsewhere, TripOutOfReach: it is for others at the moment. :raises TripGivenUp: it was theirs just now.
    :raises NotOnShift, HelpCalled: the courier is not working, or waits for help.
    :raises TooManyTrips, TooManyOrders, TooManyGrabs: as much is under way as one carries.
    """
    if trip_id in _wanted:
        _refuse_at_a_glance(actor, claim, trip_id)
    with transaction(claim) as tx:
        asked = {"trip_id": trip_id, "courier_id": actor.account_id, "lat": None, "lng": None}
        rows = tx.open(_LOCK_IN_HALL, asked)
        if not rows:
            raise TripNotFound
        if rows[0].mode == DispatchMode.ASSIGN:
            raise HallClosed
        deliveries = [delivery_of(row) for row in rows]
        if rows[0].pinned_to_id not in {None, actor.account_id}:
            raise TripTaken
        is_offered = any(delivery.state is DeliveryState.OFFERED for delivery in deliveries)
        if is_offered or deliveries[0].trip_state is not TripState.OPEN:
            _wanted.append(trip_id)
            raise TripTaken
        if any(delivery.account_id == actor.account_id for delivery in deliveries):
            raise OwnOrder
        if rows[0].pinned_to_id is None:
            _reach(rows[0])
        state = _next_of_all(deliveries, DeliveryAction.CLAIM, actor.role)
        tx.record(TripClaimed(trip_id=trip_id, community_id=deliveries[0].community_id, courier_id=actor.account_id))
        moved = TripMoved(trip_id=trip_id, state=TripState.ASSIGNED.value)
        tx.keep(moved)
        away_m = round(rows[0].away_m or 0)
        close_claim(
            tx,
            _CLAIM,
            deliveries,
            courier_id=actor.account_id,
            delivery_state=state.value,
            decision_id=new_id(),
            away_m=away_m,
            way_min=round(ride_s(away_m) / 60, 2),
        )
    _wanted.append(trip_id)
    return moved


def _refuse_at_a_glance(actor: Actor, claim: Claim, trip_id: UUID) -> None:
    """Refuse what is taken by what is committed, or was a moment ago.

    :raises TripTaken: another courier has it, or thinks about it.
    """
    seen_at, courier_id = _glanced.get(trip_id, (-GLANCED_S, None))
    now = time.monotonic()
    if courier_id not in {None, actor.account_id} and now - seen_at < GLANCED_S:
        raise TripTaken
    seen = read(_GLANCE, {**claim.as_params(), "trip_id": trip_id}).one_or_none()
    if seen is not None and seen.is_taken:
        if len(_glanced) >= _GLANCED_MAX:
            _glanced.clear()
        _glanced[trip_id] = (now, seen.courier_id)
        raise TripTaken


def _reach(row: Row) -> None:
    """Refuse a trip that the hall does not show to the courier.

    :raises NotOnShift: nobody knows where they are. :raises TripElsewhere, TripOutOfReach: it is not for them yet.
    :raises TripGivenUp: it was theirs a moment ago.
    """
    if not row.is_on_shift:
        raise NotOnShift
    if row.is_excluded:
        raise TripGivenUp(minutes=int(EXCLUDED.total_seconds()) // 60)
    if not row.is_ours:
        raise TripElsewhere(minutes=NEIGHBORS_AFTER_S // 60)
    if row.away_m > row.radius_m:
        raise TripOutOfReach(distance_m=round(row.away_m), distance_m_max=round(row.radius_m))


def close_claim(
    tx: Transaction,
    statement: Closing,
    deliveries: Sequence[Delivery],
    *,
    courier_id: UUID,
    is_grab: bool = True,
    **more: object,
) -> None:
    """Give the locked trip to the courier, within what one carries at a time.

    :param is_grab: it comes out of the hall, not by an offer.
    :raises TripTaken: the trip grew while it was waited for.
    :raises NotOnShift, OnBreak, ShiftOver, HelpCalled: the courier takes nothing now.
    :raises TooManyTrips, TooManyOrders, TooManyGrabs, ColdBoxNeeded, TooHeavy: or not this.
    """
    first = deliveries[0]
    if len(deliveries) != first.order_count:
        raise TripTaken
    params = {"trip_id": first.trip_id, "courier_id": courier_id, "order_count": first.order_count, "is_grab": is_grab}
    tx.close(
        statement,
        {**params, "weight_g": first.weight_g, "is_cold": first.is_cold, **more},
        unmet={"counted": lambda told: _refusal(orjson.loads(told), first, is_grab=is_grab)},
    )


def _refusal(told: Mapping[str, Any], trip: Delivery, *, is_grab: bool) -> Conflict:
    """Say why the shift did not take the trip. What is told is from before a wait for it, by other claims of one."""
    active_trips, weight_g_max = told["active_trips"] or 0, told["weight_g_max"]
    weight_g = (told["active_weight_g"] or 0) + trip.weight_g
    has_room = active_trips < ACTIVE_TRIPS_MAX
    reasons = (
        (not told["is_on_shift"], NotOnShift()),
        (told["is_on_break"], OnBreak()),
        (told["is_over"], ShiftOver()),
        (told["has_called"], HelpCalled()),
        (trip.is_cold and not told["has_cold_box"], ColdBoxNeeded()),
        (has_room and weight_g > weight_g_max, TooHeavy(weight_g=weight_g, weight_g_max=weight_g_max)),
        (has_room and is_grab and told["grabs"] >= GRABS_MAX, TooManyGrabs(grabs_max=GRABS_MAX)),
        (has_room and active_trips, TooManyOrders(orders_max=ORDERS_IN_HAND_MAX)),
    )
    return next((error for holds, error in reasons if holds), TooManyTrips(trips_max=ACTIVE_TRIPS_MAX))


def give_back_trip(actor: Actor, claim: Claim, *, trip_id: UUID) -> TripMoved:
    """Give a trip back before anything was picked up; it is open again for others."""
    with transaction(claim) as tx:
        deliveries = lock_trip(tx, LOCK_OWN_TRIP, {"trip_id": trip_id, "courier_id": actor.account_id})
        if not deliveries:
            raise TripNotFound
        moved = TripMoved(trip_id=trip_id, state=TripState.OPEN.value)
        tx.keep(moved)
        _give_back(tx, deliveries, actor.account_id, actor.role, ReleaseReason.GIVEN_BACK)
    _glanced.pop(trip_id, None)
    return moved


def take_back_trip(tx: Transaction, *, trip_id: UUID, courier_id: UUID, reason: ReleaseReason) -> bool:
    """Take a trip from its courier, unless it was picked up meanwhile; say whether it was taken."""
    deliveries = lock_trip(tx, LOCK_OWN_TRIP, {"trip_id": trip_id, "courier_id": courier_id})
    held = [delivery.state for delivery in deliveries if delivery.state is not DeliveryState.CANCELED]
    if not held or not all((state, DeliveryAction.GIVE_BACK) in DELIVERY_TRANSITIONS for state in held):
        return False
    _give_back(tx, deliveries, courier_id, Role.SYSTEM, reason)
    return True


def _give_back(
    tx: Transaction, deliveries: list[Delivery], courier_id: UUID, role: Role, reason: ReleaseReason
) -> None:
    first = deliveries[0]
    state = _next_of_all(deliveries, DeliveryAction.GIVE_BACK, role)
    tx.record(TripGivenBack(trip_id=first.trip_id, community_id=first.community_id, courier_id=courier_id))
    params = {"trip_id": first.trip_id, "courier_id": courier_id, "delivery_state": state.value}
    tx.close(_GIVE_BACK, {**params, "release_id": new_id(), "reason": reason.value})


def move_trip(claim: Claim, *, trip_id: UUID, courier_id: UUID | None, is_pin: bool = False) -> TripMoved:
    """Let a trip wait for one courier alone, or for anybody again; as an operator, by hand.

    One that a courier has already is taken back from them first, without a mark, unless anything was picked up.

    :param courier_id: who is to be asked, and has to say yes; None for anybody.
    :param is_pin: only what nobody has: one that is under way stays where it is.
    :raises TripNotFound: there is none. :raises CourierNotFound: they do not work in its zone.
    :raises TripTaken: it is under way, or over.
    """
    with transaction(claim) as tx:
        deliveries = lock_trip(tx, LOCK_TRIP, {"trip_id": trip_id})
        if not deliveries:
            raise TripNotFound
        first = deliveries[0]
        asked = {"courier_id": courier_id, "community_id": first.community_id}
        if courier_id is not None and tx.execute(_WORKS_IN_ZONE, asked).first() is None:
            raise CourierNotFound(pointer="/courier_id")
        if first.trip_state is not TripState.OPEN and (is_pin or first.trip_state is not TripState.ASSIGNED):
            raise TripTaken
        moved = TripMoved(trip_id=trip_id, state=TripState.OPEN.value)
        tx.keep(moved)
        pinned = {"trip_id": trip_id, "courier_id": courier_id}
        if first.trip_state is TripState.ASSIGNED:
            assert first.courier_id is not None, "an assigned trip has a courier"
            _give_back(tx, deliveries, first.courier_id, Role.SYSTEM, ReleaseReason.BY_OPERATOR)
            tx.execute(_PIN, pinned)
        else:
            tx.close(_PIN_ALONE, pinned)
    return moved


def arrive_at_stop(actor: Actor, claim: Claim, *, stop_id: UUID) -> StopMoved:
    """Say that one stands at a stop of one's trip; how far away one was seen is recorded.

    :raises StopNotFound: the stop is on no trip of the courier's.
    """
    with transaction(claim) as tx:
        rows = tx.open(_LOCK_STOP, {"stop_id": stop_id, "courier_id": actor.account_id})
        if not rows:
            raise StopNotFound
        action = DeliveryAction.ARRIVE_AT_PICKUP if rows[0].kind == StopKind.PICK_UP else DeliveryAction.ARRIVE_AT_DROP
        waiting = [row for row in rows if (DeliveryState(row.delivery_state), action) in DELIVERY_TRANSITIONS]
        states = {
            next_state(DELIVERY_TRANSITIONS, DeliveryState(row.delivery_state), action, actor.role)
            for row in waiting or rows
        }
        moved = StopMoved(stop_id=stop_id, trip_id=rows[0].trip_id, state=StopState.ARRIVED.value)
        tx.keep(moved)
        tx.close(
            _ARRIVE,
            {
                "stop_id": stop_id,
                "stop_state": StopState.ARRIVED.value,
                "delivery_state": states.pop().value,
                "delivery_ids": [row.delivery_id for row in waiting],
                "distance_m": away_m(
                    None if rows[0].seen_lat is None else (rows[0].seen_lat, rows[0].seen_lng),
                    (rows[0].lat, rows[0].lng),
                ),
            },
        )
    return moved


def _next_of_all(deliveries: list[Delivery], action: DeliveryAction, role: Role) -> DeliveryState:
    """Return where ``action`` leads the trip's deliveries that are still under way; all go the same way.

    :raises IllegalTransition: none is, the trip was called off.
    """
    targets = {
        next_state(DELIVERY_TRANSITIONS, delivery.state, action, role)
        for delivery in deliveries
        if delivery.state is not DeliveryState.CANCELED
    }
    if not targets:
        raise IllegalTransition(action=action.value, state=DeliveryState.CANCELED.value)
    assert len(targets) == 1, "deliveries of one trip move together until they are picked up"
    return targets.pop()
