"""The store's locker: what couriers left there is handed out by code."""

from typing import Any
from uuid import UUID

from app.core.orders.rules import COLLECT_CODE_DIGITS
from app.kernel.actor import Actor
from app.kernel.transaction import Claim
from app.usecases.delivering.open_box import BoxOpened, open_box
from app.web.door import Door
from app.web.fields import Body, Id, Pattern, Text
from app.web.policy import Relation, policy


class BoxIn(Body):
    """The code that the resident was shown."""

    code = Pattern(rf"[0-9]{{{COLLECT_CODE_DIGITS}}}", high=COLLECT_CODE_DIGITS, required=True)


class BoxOut(Body):
    """Which box holds it."""

    order_id = Id(required=True)
    locker_box = Text(high=12, required=True)


def add_locker(door: Door) -> None:
    """Add the route to ``door``."""

    @door.post("/orders/<uuid:order_id>/locker-box", body=BoxIn, answer=BoxOut, once=True)
    @policy("order.collect", Relation.OWN_STORE)
    def open_locker_box(actor: Actor, *, claim: Claim, order_id: UUID, body: dict[str, Any]) -> BoxOpened:
        """Hand out what a courier left in the locker, to whoever names its code."""
        return open_box(actor, claim, order_id=order_id, code=body["code"])
