"""What the moves of a delivery write, for closing statements of use cases; beside an order's move, or a case's."""

from app.core.delivery.repository import END_TRIP
from app.core.delivery.states import DELIVERY_TRANSITIONS, DeliveryAction

_CANCELABLE = ", ".join(f"'{state.value}'" for state, action in DELIVERY_TRANSITIONS if action is DeliveryAction.CANCEL)
TRIP_BORN = """
trip AS (
    INSERT INTO trips (trip_id, community_id, state, fee_fen, pay_fen, pay_parts, weight_g, is_cold, lat, lng,
        expected_ready_at, opens_at, created_at, is_apart)
    VALUES (:trip_id, :community_id, :trip_state, :fee_fen, :pay_fen, CAST(:pay_parts AS jsonb),
        CAST(:weight_g AS bigint), CAST(:is_cold AS boolean), :shop_lat, :shop_lng, :expected_ready_at,
        CAST(:opens_at AS timestamptz), business_now(), :is_apart)
),
its_stops AS (
    INSERT INTO stops (stop_id, trip_id, position, kind, state, lat, lng)
    VALUES (:pick_up_stop_id, :trip_id, 1, :pick_up_kind, :stop_state, :shop_lat, :shop_lng),
           (:drop_stop_id, :trip_id, 2, :drop_kind, :stop_state, :address_lat, :address_lng)
),
its_delivery AS (
    INSERT INTO deliveries (delivery_id, order_id, case_id, trip_id, pick_up_stop_id, drop_stop_id, state, fee_fen,
        pay_fen, created_at)
    VALUES (:delivery_id, :order_id, CAST(:case_id AS uuid), :trip_id, :pick_up_stop_id, :drop_stop_id,
        :delivery_state, :fee_fen, :pay_fen, business_now())
)"""
"""A trip with its two stops and one delivery: of an order, or of an exchange of its case ``:case_id``."""
PICKED_UP = """
carried AS (
    UPDATE deliveries SET state = :delivery_state, counted_items = CAST(:item_count AS bigint),
        pick_up_photo_reference = CAST(:photo_reference AS text)
    WHERE delivery_id = :delivery_id
),
stop_done AS (
    UPDATE stops AS p SET arrived_at = coalesce(p.arrived_at, business_now()), done_at = business_now(),
        done_distance_m = CAST(:distance_m AS bigint), state = CASE WHEN EXISTS (
            SELECT 1 FROM deliveries AS other WHERE other.pick_up_stop_id = p.stop_id
            AND other.delivery_id <> :delivery_id AND other.state IN ('assigned', 'at_pickup'))
        THEN p.state ELSE 'done' END
    WHERE p.stop_id = :stop_id
)"""
"""Taken from the counter: the stop is done when nothing else waits there."""
HANDED_OVER = f"""
carried AS (
    UPDATE deliveries SET state = :delivery_state, ended_at = business_now(), hand_over_way = :way,
        photo_reference = CAST(:photo_reference AS text), neighbor_sealed = CAST(:neighbor_sealed AS text),
        locker_box = CAST(:locker_box AS text)
    WHERE delivery_id = :delivery_id
),
stop_done AS (
    UPDATE stops AS p SET arrived_at = coalesce(p.arrived_at, business_now()), done_at = business_now(),
        done_distance_m = CAST(:distance_m AS bigint), state = CASE WHEN EXISTS (
            SELECT 1 FROM deliveries AS other WHERE other.drop_stop_id = p.stop_id
            AND other.delivery_id <> :delivery_id
            AND other.state NOT IN ('delivered', 'returned', 'disposed', 'canceled'))
        THEN p.state ELSE 'done' END
    WHERE p.stop_id = :stop_id
), {END_TRIP}"""
"""Given at the door, and the trip is done when it was the last."""
FAILED = """
carried AS (
    UPDATE deliveries SET state = :delivery_state, failure_reason = :reason, failure_count = failure_count + 1,
        failed_at = failed_at || business_now(), failure_photo_reference = CAST(:photo_reference AS text),
        is_failure_proven = :is_proven
    WHERE delivery_id = :delivery_id
)"""
SET_OUT_AGAIN = """
carried AS (UPDATE deliveries SET state = :delivery_state WHERE delivery_id = :delivery_id),
stop_again AS (UPDATE stops SET state = 'waiting', arrived_at = NULL WHERE stop_id = :stop_id)"""
CARRIED_OFF = f"""
carried AS (
    UPDATE deliveries SET state = :delivery_state, failure_reason = :failure_reason, ended_at = business_now()
    WHERE delivery_id = :delivery_id
),
stop_off AS (
    UPDATE stops AS p SET state = 'canceled' WHERE p.stop_id = :stop_id
      AND NOT EXISTS (
          SELECT 1 FROM deliveries AS other WHERE other.drop_stop_id = p.stop_id AND other.delivery_id <> :delivery_id
          AND other.state NOT IN ('returned', 'disposed', 'canceled'))
), {END_TRIP}"""
"""A delivery that ends away from the door: carried back, or lost."""


def called_off(whose: str) -> str:
    """Return the writes that call off the delivery that ``whose`` says, and its trip with it when it is the last."""
    return f"""
off_delivery AS (
    UPDATE deliveries SET state = 'canceled', ended_at = business_now()
    WHERE {whose} AND state IN ({_CANCELABLE}) RETURNING delivery_id, trip_id, pick_up_stop_id, drop_stop_id
),
off_stops AS (
    UPDATE stops AS p SET state = 'canceled' FROM off_delivery AS d
    WHERE p.stop_id IN (d.pick_up_stop_id, d.drop_stop_id) AND p.state IN ('waiting', 'arrived')
      AND NOT EXISTS (
          SELECT 1 FROM deliveries AS other WHERE other.trip_id = d.trip_id AND other.delivery_id <> d.delivery_id
          AND p.stop_id IN (other.pick_up_stop_id, other.drop_stop_id)
          AND other.state NOT IN ('delivered', 'returned', 'disposed', 'canceled'))
),
off_trip AS (
    UPDATE trips AS t SET state = 'canceled', ended_at = business_now() FROM off_delivery AS d
    WHERE t.trip_id = d.trip_id
      AND NOT EXISTS (
          SELECT 1 FROM deliveries AS other WHERE other.trip_id = t.trip_id AND other.delivery_id <> d.delivery_id
          AND other.state NOT IN ('delivered', 'returned', 'disposed', 'canceled'))
    RETURNING t.courier_id, t.weight_g
),
off_shift AS (
    UPDATE courier_shifts AS h
    SET active_trips = h.active_trips - 1, active_weight_g = greatest(0, h.active_weight_g - t.weight_g)
    FROM off_trip AS t WHERE h.courier_id = t.courier_id AND h.ended_at IS NULL
)"""
