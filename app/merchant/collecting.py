"""The route by which a shop hands over what is collected at its own counter."""

from typing import Any
from uuid import UUID

from app.core.orders.rules import COLLECT_CODE_DIGITS
from app.kernel.actor import Actor
from app.kernel.transaction import Claim
from app.usecases.ordering.ending import OrderMoved
from app.usecases.ordering.finish_order import collect_at_shop
from app.web.door import Door
from app.web.fields import Body, Pattern
from app.web.policy import Relation, policy
from app.web.views import OrderMovedOut


class ShopCollectIn(Body):
    """The code that the resident shows."""

    code = Pattern(rf"[0-9]{{{COLLECT_CODE_DIGITS}}}", high=COLLECT_CODE_DIGITS, required=True)


def add_collecting(door: Door) -> None:
    """Add the route to ``door``."""

    @door.post("/orders/<uuid:order_id>/collection", body=ShopCollectIn, answer=OrderMovedOut, once=True)
    @policy("order.ready", Relation.OWN_SHOP)
    def collect_here(actor: Actor, *, claim: Claim, order_id: UUID, body: dict[str, Any]) -> OrderMoved:
        """Hand an order over at the shop's counter to whoever shows its code."""
        return collect_at_shop(actor, claim, order_id=order_id, **body)
