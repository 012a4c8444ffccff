"""The resident at a desk of an experience store: a code to show, and the acts of one's own, ``/user/v1``."""

from typing import Any

from marshmallow import fields
from sqlalchemy import text

from app.core.tills.states import TillActKind
from app.kernel.actor import Actor
from app.kernel.transaction import read
from app.usecases.tending_tills.visits import DeskCode, show_desk_code
from app.web.door import Door
from app.web.fields import Body, Choice, Fen, Id, Instant, Int, Many, Text
from app.web.paging import LIMIT_MAX, PageQuery, page, read_cursor
from app.web.policy import Relation, policy
from app.web.views import COUNT_MAX

_ACTS = text(
    """
    SELECT a.till_act_id, a.number, a.kind, coalesce(a.account_fen, abs(a.amount_fen)) AS amount_fen,
        s.name AS store_name, a.done_at
    FROM till_acts AS a JOIN tills AS t ON t.till_id = a.till_id JOIN stores AS s ON s.store_id = t.store_id
    WHERE a.account_id = :account_id AND a.till_act_id < :before ORDER BY a.till_act_id DESC LIMIT :limit
    """
)


class DeskCodeOut(Body):
    """What to show at the desk; once, for so long."""

    code = Text(high=64, required=True)
    expires_in_s = Int(low=1, high=3_600, required=True)


class DeskActOut(Body):
    """What one did at a desk: cash put on or taken from the e-account, a bill, a transfer."""

    till_act_id = Id(required=True)
    number = Int(low=1, high=COUNT_MAX, required=True)
    kind = Choice(TillActKind, required=True)
    amount_fen = Fen(required=True)
    store_name = Text(high=100, required=True)
    done_at = Instant(required=True)


class DeskActsOut(Body):
    """A page of them."""

    items = Many(fields.Nested(DeskActOut), high=LIMIT_MAX, required=True)
    next_cursor = Text(high=64, required=True, allow_none=True)


def add_desk(door: Door) -> None:
    """Add the routes to ``door``."""

    @door.post("/desk-codes", answer=DeskCodeOut, status=201)
    @policy("desk.show_code", Relation.OWN)
    def ask_for_desk_code(actor: Actor) -> DeskCode:
        """Make a code by which a desk knows who one is."""
        return show_desk_code(actor)

    @door.get("/desk-acts", query=PageQuery, answer=DeskActsOut)
    @policy("desk.read", Relation.OWN)
    def list_desk_acts(actor: Actor, *, query: dict[str, Any]) -> dict[str, Any]:
        """List one's acts at desks, newest first."""
        limit = query["limit"]
        params = {"account_id": actor.account_id, "before": read_cursor(query["cursor"]), "limit": limit + 1}
        return page([dict(row._mapping) for row in read(_ACTS, params)], limit=limit, key="till_act_id")
