"""What goods are to carry, and when they are ready: what the shop tells dispatch."""

from typing import Any
from uuid import UUID

from app.kernel.actor import Actor
from app.kernel.transaction import Claim
from app.usecases.ordering.expect_ready import ReadyExpected, expect_ready
from app.usecases.shopkeeping.carriage import CarriageSet, set_carriage
from app.web.door import Door
from app.web.fields import Body, Flag, Id, Instant, Int
from app.web.policy import Relation, policy

WEIGHT_G_MAX = 100_000
READY_MINUTES_MAX = 180


class CarriageIn(Body):
    """What one piece weighs, grams, and whether it has to stay cold."""

    weight_g = Int(low=0, high=WEIGHT_G_MAX, required=True)
    is_cold = Flag(required=True)


class CarriageOut(CarriageIn):
    """What is reckoned with from now on."""

    sku_id = Id(required=True)


class ReadyTimeIn(Body):
    """In how many minutes from now."""

    minutes = Int(low=0, high=READY_MINUTES_MAX, required=True)


class ReadyTimeOut(Body):
    """When it will be ready, as the shop says now."""

    order_id = Id(required=True)
    expected_ready_at = Instant(required=True)


def add_carriage(door: Door) -> None:
    """Add the routes to ``door``."""

    @door.put("/shops/<uuid:shop_id>/skus/<uuid:sku_id>/carriage", body=CarriageIn, answer=CarriageOut, once=True)
    @policy("offer.write", Relation.OWN_SHOP)
    def put_carriage(actor: Actor, *, claim: Claim, shop_id: UUID, sku_id: UUID, body: dict[str, Any]) -> CarriageSet:
        """Say what a piece weighs and whether it has to stay cold: who carries it must be able to."""
        return set_carriage(actor, claim, shop_id=shop_id, sku_id=sku_id, **body)

    @door.put("/orders/<uuid:order_id>/ready-time", body=ReadyTimeIn, answer=ReadyTimeOut, once=True)
    @policy("order.ready", Relation.OWN_SHOP)
    def put_ready_time(actor: Actor, *, claim: Claim, order_id: UUID, body: dict[str, Any]) -> ReadyExpected:
        """Say in how many minutes an order will be ready; a courier who would wait long is freed for others."""
        return expect_ready(actor, claim, order_id=order_id, minutes=body["minutes"])
