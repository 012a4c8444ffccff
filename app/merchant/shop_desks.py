"""A merchant's shops as desks: accepted with a deposit, ``/merchant/v1``."""

from typing import Any
from uuid import UUID

from sqlalchemy import text

from app.core.tills.shop_desks import AGENTS_MAX
from app.core.tills.states import ShopDeskState
from app.kernel.actor import Actor
from app.kernel.transaction import Claim, read
from app.usecases.tending_tills.shop_desks import ShopDeskStands, accept_desk, name_agents
from app.web.door import Door
from app.web.fields import Body, Choice, Fen, Id, Many
from app.web.paging import PageQuery, page, read_cursor
from app.web.policy import Relation, policy
from app.web.shop_desks import COLUMNS, ShopDesksOut

_DESKS = text(
    f"""
    SELECT {COLUMNS} FROM shop_desks AS k JOIN shops AS s ON s.shop_id = k.shop_id
    JOIN memberships AS m ON m.organization_kind = 'merchant' AND m.organization_id = k.merchant_id
        AND m.account_id = :account_id AND m.role = ANY (CAST(:roles AS text[]))
    WHERE k.desk_id < :before ORDER BY k.desk_id DESC LIMIT :limit
    """
)


class AgentsIn(Body):
    """Which of the merchant's people serve at the desk, by account."""

    agents = Many(Id(), low=1, high=AGENTS_MAX, required=True)


class ShopDeskStandsOut(Body):
    """A desk: its people sign in at the store's door, and open its till there."""

    desk_id = Id(required=True)
    shop_id = Id(required=True)
    state = Choice(ShopDeskState, required=True)
    deposit_fen = Fen(required=True)
    store_id = Id(required=True)
    till_id = Id(required=True)


def add_shop_desks(door: Door) -> None:
    """Add the routes to ``door``."""

    @door.get("/shop-desks", query=PageQuery, answer=ShopDesksOut)
    @policy("desk.read", Relation.OWN_SHOP)
    def list_own_desks(actor: Actor, *, query: dict[str, Any]) -> dict[str, Any]:
        """List one's shops that are desks, or may be, newest first."""
        asked = {**actor.as_member, "before": read_cursor(query["cursor"]), "limit": query["limit"] + 1}
        return page([dict(row._mapping) for row in read(_DESKS, asked)], limit=query["limit"], key="desk_id")

    @door.post("/shop-desks/<uuid:desk_id>/acceptance", body=AgentsIn, answer=ShopDeskStandsOut, once=True)
    @policy("desk.accept", Relation.OWN_SHOP)
    def accept_shop_desk(actor: Actor, *, claim: Claim, desk_id: UUID, body: dict[str, Any]) -> ShopDeskStands:
        """Accept to be a desk, with a deposit out of what is available."""
        return accept_desk(actor, claim, desk_id=desk_id, agents=body["agents"])

    @door.put("/shop-desks/<uuid:desk_id>/agents", body=AgentsIn, answer=ShopDeskStandsOut, once=True)
    @policy("desk.accept", Relation.OWN_SHOP)
    def change_agents(actor: Actor, *, claim: Claim, desk_id: UUID, body: dict[str, Any]) -> ShopDeskStands:
        """Say anew who serves at the desk; who leaves the merchant serves there no more by itself."""
        return name_agents(actor, claim, desk_id=desk_id, agents=body["agents"])
