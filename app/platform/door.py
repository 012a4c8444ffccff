"""Routes of the operator's door, ``/platform/v1``."""

from typing import Any
from uuid import UUID

from flask import Response

from app.core.delivery.states import DispatchMode
from app.kernel.actor import Actor, Side
from app.kernel.transaction import Claim
from app.platform import audit_log, queries, schemas, zones
from app.usecases.dispatching.set_mode import ModeSet, set_mode
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


@door.put(
    "/communities/<uuid:community_id>/dispatch-mode",
    body=schemas.DispatchModeIn,
    answer=schemas.DispatchModeOut,
    once=True,
)
@policy("dispatch.write", Relation.PLATFORM)
def put_dispatch_mode(actor: Actor, *, claim: Claim, community_id: UUID, body: dict[str, Any]) -> ModeSet:
    """Say how a community's trips find their couriers from now on."""
    return set_mode(actor, claim, community_id=community_id, mode=DispatchMode(body["mode"]))


@door.get("/dispatch/zones/<uuid:store_id>", answer=schemas.ZoneOut)
@policy("dispatch.read", Relation.PLATFORM)
def read_zone(_actor: Actor, *, store_id: UUID) -> dict[str, Any]:
    """Read a zone of dispatch: open trips, couriers and their load, promised against real, how even the work is."""
    return zones.zone(store_id=store_id)


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


@door.get("/audit/acts", query=schemas.ActsQuery, answer=schemas.ActsOut)
@policy("audit.read", Relation.PLATFORM)
def list_acts(actor: Actor, *, query: dict[str, Any]) -> dict[str, Any]:
    """List acts of the audit log in the order of its chain."""
    return audit_log.acts(actor, **query)


@door.get("/audit/export", query=schemas.ActsExportQuery, page="text/csv")
@policy("audit.export", Relation.PLATFORM)
def export_acts(actor: Actor, *, query: dict[str, Any]) -> Response:
    """Write a part of the audit log out as CSV or JSON lines."""
    return audit_log.export(actor, **query)


@door.post("/audit/proof", answer=schemas.LogProofOut)
@policy("audit.prove", Relation.PLATFORM)
def prove_log(actor: Actor) -> dict[str, Any]:
    """Prove the audit log now."""
    return audit_log.prove(actor)
