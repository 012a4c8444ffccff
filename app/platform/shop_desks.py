"""Shops as desks, for the platform: appointed and ended by two people, ``/platform/v1``."""

from typing import Any
from uuid import UUID

from sqlalchemy import text

from app.core.tills.shop_desks import DEPOSIT_FEN_MAX, DEPOSIT_FEN_MIN
from app.core.tills.states import ShopDeskState
from app.kernel.actor import Actor
from app.kernel.transaction import Claim, read
from app.platform.schemas import ApprovalMovedOut, Why
from app.usecases.deciding.approvals import ApprovalMoved
from app.usecases.deciding.requests import ask_desk_end, ask_shop_desk
from app.web.door import Door
from app.web.fields import Body, Choice, Fen, Id
from app.web.paging import PageQuery, page, read_cursor
from app.web.policy import Relation, policy
from app.web.shop_desks import COLUMNS, ShopDesksOut

_DESKS = text(
    f"""
    SELECT {COLUMNS} FROM shop_desks AS k JOIN shops AS s ON s.shop_id = k.shop_id
    WHERE k.desk_id < :before AND (CAST(:state AS text) IS NULL OR k.state = :state)
    ORDER BY k.desk_id DESC LIMIT :limit
    """
)


class ShopDesksQuery(PageQuery):
    """Shops that are desks, newest first."""

    state = Choice(ShopDeskState, load_default=None)


class WhyIn(Body):
    """Why."""

    why = Why()


class AppointIn(WhyIn):
    """Which shop, what it deposits, and why."""

    shop_id = Id(required=True)
    deposit_fen = Fen(low=DEPOSIT_FEN_MIN, high=DEPOSIT_FEN_MAX, required=True)


def add_shop_desks(door: Door) -> None:
    """Add the routes to ``door``."""

    @door.get("/shop-desks", query=ShopDesksQuery, answer=ShopDesksOut)
    @policy("desk.read", Relation.PLATFORM)
    def list_shop_desks(_actor: Actor, *, query: dict[str, Any]) -> dict[str, Any]:
        """List shops that are desks, newest first."""
        asked = {"before": read_cursor(query["cursor"]), "state": query["state"], "limit": query["limit"] + 1}
        return page([dict(row._mapping) for row in read(_DESKS, asked)], limit=query["limit"], key="desk_id")

    @door.post("/shop-desk-requests", body=AppointIn, answer=ApprovalMovedOut, status=201, once=True)
    @policy("desk.request", Relation.PLATFORM)
    def request_shop_desk(actor: Actor, *, claim: Claim, body: dict[str, Any]) -> ApprovalMoved:
        """Ask for a shop to be appointed as a desk; another person approves, then its merchant accepts."""
        return ask_shop_desk(actor, claim, **body)

    @door.post("/shop-desks/<uuid:desk_id>/ending", body=WhyIn, answer=ApprovalMovedOut, status=201, once=True)
    @policy("desk.request", Relation.PLATFORM)
    def request_desk_end(actor: Actor, *, claim: Claim, desk_id: UUID, body: dict[str, Any]) -> ApprovalMoved:
        """Ask for a shop's desk to be ended; another person approves, and the deposit goes back."""
        return ask_desk_end(actor, claim, desk_id=desk_id, why=body["why"])
