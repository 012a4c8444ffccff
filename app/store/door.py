"""Routes of the experience store's door, ``/store/v1``."""

from typing import Any
from uuid import UUID

from app.kernel.actor import Actor, Side
from app.kernel.transaction import Claim
from app.store import queries, schemas
from app.usecases.ordering.ending import OrderMoved
from app.usecases.ordering.finish_order import collect_order
from app.web.door import Door
from app.web.policy import Relation, policy
from app.web.sign_in import add_sign_in
from app.web.views import CommunitiesOut, OrderMovedOut

door = Door("store", __name__, side=Side.STORE)
add_sign_in(door, Side.STORE)


@door.get("/communities", answer=CommunitiesOut)
@policy("community.read", Relation.OWN_STORE)
def list_communities(actor: Actor) -> dict[str, Any]:
    """List the communities of one's store's catchment."""
    return queries.communities(actor)


@door.get("/shelf", query=schemas.ShelfOrdersQuery, answer=schemas.ShelfOrdersOut)
@policy("order.read", Relation.OWN_STORE)
def list_shelf(actor: Actor, *, query: dict[str, Any]) -> dict[str, Any]:
    """List orders that are collected at the counter, newest first."""
    return queries.shelf(actor, **query)


@door.post("/orders/<uuid:order_id>/collection", body=schemas.CollectIn, answer=OrderMovedOut, once=True)
@policy("order.collect", Relation.OWN_STORE)
def collect(actor: Actor, *, claim: Claim, order_id: UUID, body: dict[str, Any]) -> OrderMoved:
    """Hand an order over to whoever shows its code."""
    return collect_order(actor, claim, order_id=order_id, code=body["code"])
