"""Routes of the operator's door, ``/platform/v1``."""

from typing import Any
from uuid import UUID

from app.kernel.actor import Actor, Side
from app.platform import queries, schemas
from app.web.door import Door
from app.web.policy import Relation, policy
from app.web.sign_in import add_sign_in

door = Door("platform", __name__, side=Side.PLATFORM)
add_sign_in(door, Side.PLATFORM)


@door.get("/orders", query=schemas.OrdersQuery, answer=schemas.OrdersOut)
@policy("order.read", Relation.PLATFORM)
def list_orders(actor: Actor, *, query: dict[str, Any]) -> dict[str, Any]:
    """List all orders, newest first."""
    return queries.orders(actor, **query)


@door.get("/orders/<uuid:order_id>", answer=schemas.OrderOut)
@policy("order.read", Relation.PLATFORM)
def read_order(actor: Actor, *, order_id: UUID) -> dict[str, Any]:
    """Read any order."""
    return queries.order(actor, order_id=order_id)


@door.get("/parties", query=schemas.PartiesQuery, answer=schemas.PartiesOut)
@policy("party.read", Relation.PLATFORM)
def list_parties(actor: Actor, *, query: dict[str, Any]) -> dict[str, Any]:
    """List merchants, couriers or stores."""
    return queries.parties(actor, **query)


@door.get("/books", answer=schemas.BooksOut)
@policy("books.read", Relation.PLATFORM)
def read_books(actor: Actor) -> dict[str, Any]:
    """Read the trial balance."""
    return queries.books(actor)


@door.post("/books/proof", answer=schemas.ProofOut)
@policy("books.prove", Relation.PLATFORM)
def prove_books(actor: Actor) -> dict[str, Any]:
    """Prove the books now."""
    return queries.prove(actor)
