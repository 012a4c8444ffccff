"""Dispatch by hand: why a trip went to whom, in words, and what an operator may do about one."""

from typing import Any
from uuid import UUID

from flask import request
from marshmallow import fields
from sqlalchemy import text

from app.core.delivery.errors import TripNotFound
from app.core.delivery.states import ReleaseReason, TripState
from app.kernel.actor import Actor
from app.kernel.transaction import Claim, transaction
from app.kernel.wire import Row
from app.usecases.delivering.split_trip import TripSplit, split_trip
from app.usecases.delivering.trips import TripMoved, move_trip
from app.web.door import Door
from app.web.fields import Body, Choice, Flag, Id, Instant, Int, Many, Text
from app.web.messages import Language, choose_language, say
from app.web.policy import Relation, policy
from app.web.views import COUNT_MAX

DECISIONS_MAX = 50
METERS_MAX = 50_000_000

_TRIP = text("SELECT state, courier_id, pinned_to_id, is_apart FROM trips WHERE trip_id = :trip_id")
_DECISIONS = text(
    """
    SELECT d.decision_id, d.decided_at, d.policy, d.candidate_count, d.alternatives, f.state AS offer_state
    FROM dispatch_decisions AS d LEFT JOIN trip_offers AS f ON f.decision_id = d.decision_id
    WHERE d.trip_id = :trip_id ORDER BY d.decision_id DESC LIMIT :limit
    """
)
_RELEASES = text(
    """
    SELECT courier_id, reason, released_at FROM trip_releases WHERE trip_id = :trip_id
    ORDER BY release_id DESC LIMIT :limit
    """
)


class CandidateOut(Body):
    """Somebody who could have had it. ``cost`` is in minutes, less is better; what it is made of stands beside it."""

    courier_id = Id(required=True)
    is_chosen = Flag(required=True)
    cost = fields.Float(required=True)
    to_shop_m = Int(low=0, high=METERS_MAX, required=True)
    free_in_s = Int(low=0, high=COUNT_MAX, required=True, allow_none=True)
    owed_orders = fields.Float(required=True, allow_none=True)
    words = Text(high=1000, required=True)


class DecisionOut(Body):
    """One decision, and what became of its offer: the best five candidates, best first."""

    decided_at = Instant(required=True)
    policy = Text(high=50, required=True)
    candidate_count = Int(low=0, high=COUNT_MAX, required=True)
    offer_state = Text(high=20, required=True, allow_none=True)
    candidates = Many(fields.Nested(CandidateOut), high=10, required=True)


class ReleaseOut(Body):
    """A courier who no longer had it, before anything was picked up, and why."""

    courier_id = Id(required=True)
    reason = Choice(ReleaseReason, required=True)
    released_at = Instant(required=True)


class TripDecisionsOut(Body):
    """Why a trip went to whom: the newest decisions and releases, at most fifty of each."""

    trip_id = Id(required=True)
    state = Choice(TripState, required=True)
    courier_id = Id(required=True, allow_none=True)
    pinned_to_id = Id(required=True, allow_none=True)
    is_apart = Flag(required=True)
    decisions = Many(fields.Nested(DecisionOut), high=DECISIONS_MAX, required=True)
    releases = Many(fields.Nested(ReleaseOut), high=DECISIONS_MAX, required=True)


class PinIn(Body):
    """Who alone is to be asked; null for anybody again."""

    courier_id = Id(required=True, allow_none=True)


class MoveIn(Body):
    """Who is to be asked instead."""

    courier_id = Id(required=True, allow_none=True)


class TripHandledOut(Body):
    """Where the trip stands."""

    trip_id = Id(required=True)
    state = Choice(TripState, required=True)


class SplitIn(Body):
    """Which deliveries are to be a trip of their own."""

    delivery_ids = Many(Id(), low=1, high=20, required=True)


class TripSplitOut(Body):
    """The trip that stays, and the new one."""

    trip_id = Id(required=True)
    new_trip_id = Id(required=True)


def add_dispatch(door: Door) -> None:
    """Add the routes to ``door``."""

    @door.get("/dispatch/trips/<uuid:trip_id>/decisions", answer=TripDecisionsOut)
    @policy("dispatch.read", Relation.PLATFORM)
    def read_decisions(_actor: Actor, *, trip_id: UUID) -> dict[str, Any]:
        """Read why a trip was offered to whom, with the costs of each decision in words, and who lost it why."""
        return decisions(trip_id, choose_language(request.headers.get("Accept-Language", "")))

    @door.put("/dispatch/trips/<uuid:trip_id>/pin", body=PinIn, answer=TripHandledOut, once=True)
    @policy("dispatch.write", Relation.PLATFORM)
    def pin(_actor: Actor, *, claim: Claim, trip_id: UUID, body: dict[str, Any]) -> TripMoved:
        """Let an open trip wait for one courier, who still has to say yes; or for anybody again."""
        return move_trip(claim, trip_id=trip_id, courier_id=body["courier_id"], is_pin=True)

    @door.post("/dispatch/trips/<uuid:trip_id>/move", body=MoveIn, answer=TripHandledOut, once=True)
    @policy("dispatch.write", Relation.PLATFORM)
    def move(_actor: Actor, *, claim: Claim, trip_id: UUID, body: dict[str, Any]) -> TripMoved:
        """Take a trip from its courier before anything is picked up, without a mark, for another or for anybody."""
        return move_trip(claim, trip_id=trip_id, courier_id=body["courier_id"])

    @door.post("/dispatch/trips/<uuid:trip_id>/split", body=SplitIn, answer=TripSplitOut, status=201, once=True)
    @policy("dispatch.write", Relation.PLATFORM)
    def split(_actor: Actor, *, claim: Claim, trip_id: UUID, body: dict[str, Any]) -> TripSplit:
        """Take deliveries out of an open trip of several; both stay apart from then on."""
        return split_trip(claim, trip_id=trip_id, delivery_ids=frozenset(body["delivery_ids"]))


def decisions(trip_id: UUID, language: Language) -> dict[str, Any]:
    """Return the decisions about a trip, in words.

    :raises TripNotFound: there is none.
    """
    with transaction() as tx:
        trip = tx.execute(_TRIP, {"trip_id": trip_id}).one_or_none()
        if trip is None:
            raise TripNotFound
        asked = {"trip_id": trip_id, "limit": DECISIONS_MAX}
        made = tx.execute(_DECISIONS, asked).fetchall()
        releases = tx.execute(_RELEASES, asked).fetchall()
    return {
        "trip_id": trip_id,
        **trip._mapping,
        "decisions": [_decision(row, language) for row in made],
        "releases": [dict(row._mapping) for row in releases],
    }


def _decision(row: Row, language: Language) -> dict[str, Any]:
    chosen = next(one for one in row.alternatives if one["is_chosen"])
    return {
        "decided_at": row.decided_at,
        "policy": row.policy,
        "candidate_count": row.candidate_count,
        "offer_state": row.offer_state,
        "candidates": [_candidate(one, chosen, language) for one in row.alternatives],
    }


def _candidate(one: dict[str, Any], chosen: dict[str, Any], language: Language) -> dict[str, Any]:
    more = float(one["cost"]) - float(chosen["cost"])
    code = "why_chosen" if one["is_chosen"] else "why_not_chosen" if more > 0 else "why_round"
    params = {
        "cost": f"{float(one['cost']):.1f}",
        "more": f"{more:.1f}",
        "to_shop_m": one["to_shop_m"],
        "free_in_min": round(one.get("free_in_s", 0) / 60),
        "owed_orders": one.get("owed_orders", 0),
    }
    return {
        "courier_id": one["courier_id"],
        "is_chosen": one["is_chosen"],
        "cost": float(one["cost"]),
        "to_shop_m": one["to_shop_m"],
        "free_in_s": one.get("free_in_s"),
        "owed_orders": one.get("owed_orders"),
        "words": say(code, "detail", language, params),
    }
