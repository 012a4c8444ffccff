"""Naming the store that helped one sign up: the resident's own route, and a shop's."""

from typing import Any
from uuid import UUID

from app.kernel.actor import Actor
from app.kernel.transaction import Claim
from app.usecases.attributing.help import HelpNamed, name_helper
from app.web.door import Door
from app.web.fields import Body, Id, Pattern
from app.web.policy import Relation, policy


class HelpedByIn(Body):
    """The code that the store's clerk showed."""

    code = Pattern(r"[A-Za-z0-9_-]{16,64}", high=64, required=True)


class HelpedByOut(Body):
    """To which store one belongs now."""

    party_id = Id(required=True)
    store_id = Id(required=True)


def add_helped_by(door: Door, *, is_shop: bool) -> None:
    """Give a door the route by which its person, or a shop of theirs, names who helped."""
    if is_shop:

        @door.post("/shops/<uuid:shop_id>/helped-by", body=HelpedByIn, answer=HelpedByOut, once=True)
        @policy("help.name", Relation.OWN_SHOP)
        def name_shops_helper(actor: Actor, *, claim: Claim, shop_id: UUID, body: dict[str, Any]) -> HelpNamed:
            """Say which store helped the shop begin, within seven days."""
            return name_helper(actor, claim, code=body["code"], shop_id=shop_id)

        return

    @door.post("/helped-by", body=HelpedByIn, answer=HelpedByOut, once=True)
    @policy("help.name", Relation.OWN)
    def name_own_helper(actor: Actor, *, claim: Claim, body: dict[str, Any]) -> HelpNamed:
        """Say which store helped one sign up, within seven days."""
        return name_helper(actor, claim, code=body["code"])
