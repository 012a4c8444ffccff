"""Routes by which couriers carry new pieces to residents' doors and take the old ones back (换货上门)."""

from typing import Any
from uuid import UUID

import orjson
from marshmallow import fields
from sqlalchemy import text

from app.core.aftersale.rules import CARRIAGE_FEN
from app.core.aftersale.states import CaseState
from app.core.privacy.visibility import AFTER_DELIVERY
from app.courier.schemas import DropOut
from app.kernel.actor import Actor
from app.kernel.sealing import unseal
from app.kernel.transaction import Claim, read
from app.kernel.wire import Row
from app.usecases.aftersale.cases import CaseStands
from app.usecases.aftersale.exchange import carry_exchange, swap_at_door
from app.usecases.people.addresses import DOOR_CONTEXT
from app.web.cases import CaseStandsOut, ExchangeCodeIn
from app.web.door import Door
from app.web.fields import Body, Choice, Degrees, Fen, Id, Instant, Int, Many, Text
from app.web.paging import LIMIT_MAX, PageQuery, page, read_cursor
from app.web.policy import Relation, policy
from app.web.views import COUNT_MAX

_EXCHANGES = text(
    f"""
    SELECT c.case_id, o.number, c.state, s.name AS shop_name, s.lat AS shop_lat, s.lng AS shop_lng, c.due_at,
        (SELECT sum(x.quantity) FROM after_sale_case_lines AS x WHERE x.case_id = c.case_id)::bigint AS item_count,
        CASE WHEN c.carrier_id = k.courier_id AND (c.state = 'carried' OR c.state = 'swapped'
            AND c.moved_at > business_now() - interval '{int(AFTER_DELIVERY.total_seconds())} seconds')
            THEN o.address_sealed END AS sealed
    FROM couriers AS k JOIN communities AS mine ON mine.community_id = k.community_id
    JOIN after_sale_cases AS c ON c.exchange_way = 'courier' AND (c.state = 'exchanging'
        OR c.state IN ('carried', 'swapped') AND c.carrier_id = k.courier_id)
    JOIN orders AS o ON o.order_id = c.order_id AND o.store_id = mine.store_id
    JOIN shops AS s ON s.shop_id = c.shop_id
    WHERE k.courier_id = :courier_id AND c.case_id < :before ORDER BY c.case_id DESC LIMIT :limit
    """
)


class ExchangeOut(Body):
    """An exchange that waits at its shop's counter, or that one carries; its door is told to who carries it."""

    case_id = Id(required=True)
    number = Text(high=20, required=True)
    state = Choice(CaseState, required=True)
    shop_name = Text(high=200, required=True)
    shop_lat = Degrees(bound=90, required=True)
    shop_lng = Degrees(bound=180, required=True)
    item_count = Int(low=1, high=COUNT_MAX, required=True)
    pay_fen = Fen(required=True)
    due_at = Instant(required=True, allow_none=True)
    drop = fields.Nested(DropOut, required=True, allow_none=True)


class ExchangesOut(Body):
    """A page of exchanges, newest first."""

    items = Many(fields.Nested(ExchangeOut), high=LIMIT_MAX, required=True)
    next_cursor = Text(high=64, required=True, allow_none=True)


def _shown(row: Row) -> dict[str, Any]:
    shown = dict(row._mapping)
    sealed = shown.pop("sealed")
    drop = None if sealed is None else orjson.loads(unseal(sealed, context=DOOR_CONTEXT))
    return {**shown, "pay_fen": CARRIAGE_FEN, "drop": drop}


def add_exchanges(door: Door) -> None:
    """Add the routes to ``door``."""

    @door.get("/exchanges", query=PageQuery, answer=ExchangesOut)
    @policy("case.carry", Relation.OWN)
    def list_exchanges(actor: Actor, *, query: dict[str, Any]) -> dict[str, Any]:
        """List exchanges of one's zone that nobody carries yet, and one's own."""
        limit = query["limit"]
        params = {"courier_id": actor.account_id, "before": read_cursor(query["cursor"]), "limit": limit + 1}
        return page([_shown(row) for row in read(_EXCHANGES, params)], limit=limit, key="case_id")

    @door.post("/exchanges/<uuid:case_id>/pick-up", body=ExchangeCodeIn, answer=CaseStandsOut, once=True)
    @policy("case.carry", Relation.OWN)
    def pick_exchange_up(actor: Actor, *, claim: Claim, case_id: UUID, body: dict[str, Any]) -> CaseStands:
        """Take the new piece at the shop's counter, by the code that it tells."""
        return carry_exchange(actor, claim, case_id=case_id, **body)

    @door.post("/exchanges/<uuid:case_id>/swap", body=ExchangeCodeIn, answer=CaseStandsOut, once=True)
    @policy("case.carry", Relation.OWN)
    def swap_exchange(actor: Actor, *, claim: Claim, case_id: UUID, body: dict[str, Any]) -> CaseStands:
        """Give the new piece and take the old one, by the code that the resident tells; the carriage is earned."""
        return swap_at_door(actor, claim, case_id=case_id, **body)
