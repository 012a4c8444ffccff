"""Routes of the shelf: parcels in slots, returns, and the days on which a store is closed, ``/store/v1``."""

from typing import Any
from uuid import UUID

from marshmallow import fields
from sqlalchemy import text

from app.core.shelf.states import ParcelKind, ParcelState
from app.kernel.actor import Actor
from app.kernel.transaction import Claim, read
from app.usecases.aftersale.cases import CaseStands
from app.usecases.aftersale.exchange import swap_at_counter
from app.usecases.shelving.closures import StoreCloses, close_store
from app.usecases.shelving.parcels import ParcelStands, hand_in_return, pass_parcel_on, shelve_order
from app.web.cases import CaseStandsOut, ExchangeCodeIn
from app.web.door import Door
from app.web.fields import Body, Choice, Flag, Id, Instant, Many, Pattern, Text
from app.web.paging import LIMIT_MAX, PageQuery, page, read_cursor
from app.web.policy import Relation, policy

_MINE = "m.organization_kind = 'store' AND m.account_id = :account_id AND m.role = ANY (CAST(:roles AS text[]))"
_PARCELS = text(
    f"""
    SELECT p.parcel_id, p.store_id, p.kind, p.order_id, p.case_id, p.slot, p.state, p.shelved_at, p.reminded_at,
        p.ended_at
    FROM parcels AS p JOIN memberships AS m ON m.organization_id = p.store_id AND {_MINE}
    WHERE p.parcel_id < :before AND (CAST(:state AS text) IS NULL OR p.state = :state)
      AND (CAST(:slot AS text) IS NULL OR p.slot = :slot)
    ORDER BY p.parcel_id DESC LIMIT :limit
    """
)


class _Slot(Pattern):
    def __init__(self, **kwargs: Any) -> None:
        super().__init__(r"[A-Z0-9][A-Z0-9-]{0,11}", high=12, **kwargs)


class ParcelsQuery(PageQuery):
    """Parcels of one's stores, newest first."""

    state = Choice(ParcelState, load_default=None)
    slot = _Slot(load_default=None)


class ShelveIn(Body):
    """An order and its slot, such as ``A-03``."""

    order_id = Id(required=True)
    slot = _Slot(required=True)


class ReturnIn(Body):
    """The after-sale case whose goods are handed in, and their slot."""

    case_id = Id(required=True)
    slot = _Slot(required=True)


class PassOnIn(Body):
    """Whether nobody wants it any more."""

    is_disposed = Flag(load_default=False)


class ParcelStandsOut(Body):
    """Where a parcel stands."""

    parcel_id = Id(required=True)
    order_id = Id(required=True)
    state = Choice(ParcelState, required=True)
    slot = _Slot(required=True)


class ParcelOut(ParcelStandsOut):
    """A parcel; whose it is, its code tells."""

    store_id = Id(required=True)
    kind = Choice(ParcelKind, required=True)
    case_id = Id(required=True, allow_none=True)
    shelved_at = Instant(required=True)
    reminded_at = Instant(required=True, allow_none=True)
    ended_at = Instant(required=True, allow_none=True)


class ParcelsOut(Body):
    """A page of parcels."""

    items = Many(fields.Nested(ParcelOut), high=LIMIT_MAX, required=True)
    next_cursor = Text(high=64, required=True, allow_none=True)


class ClosureIn(Body):
    """When the store is closed."""

    store_id = Id(required=True)
    from_at = Instant(required=True)
    until_at = Instant(required=True)


class ClosureOut(ClosureIn):
    """A closure."""

    closure_id = Id(required=True)


def add_parcels(door: Door) -> None:
    """Add the routes to ``door``."""

    @door.get("/parcels", query=ParcelsQuery, answer=ParcelsOut)
    @policy("order.read", Relation.OWN_STORE)
    def list_parcels(actor: Actor, *, query: dict[str, Any]) -> dict[str, Any]:
        """List parcels on the shelves of one's stores, newest first."""
        limit = query["limit"]
        params = {**actor.as_member, "before": read_cursor(query["cursor"]), "limit": limit + 1}
        rows = read(_PARCELS, {**params, "state": query["state"], "slot": query["slot"]}).fetchall()
        return page([dict(row._mapping) for row in rows], limit=limit, key="parcel_id")

    @door.post("/parcels", body=ShelveIn, answer=ParcelStandsOut, status=201, once=True)
    @policy("order.collect", Relation.OWN_STORE)
    def shelve(actor: Actor, *, claim: Claim, body: dict[str, Any]) -> ParcelStands:
        """Put an order that is ready into a slot."""
        return shelve_order(actor, claim, **body)

    @door.post("/returned-parcels", body=ReturnIn, answer=ParcelStandsOut, status=201, once=True)
    @policy("order.collect", Relation.OWN_STORE)
    def take_return(actor: Actor, *, claim: Claim, body: dict[str, Any]) -> ParcelStands:
        """Take goods that a resident brings back for their shop."""
        return hand_in_return(actor, claim, **body)

    @door.post("/cases/<uuid:case_id>/swap", body=ExchangeCodeIn, answer=CaseStandsOut, once=True)
    @policy("order.collect", Relation.OWN_STORE)
    def swap(actor: Actor, *, claim: Claim, case_id: UUID, body: dict[str, Any]) -> CaseStands:
        """Give a resident the new piece for the old one, by the code that the resident tells."""
        return swap_at_counter(actor, claim, case_id=case_id, **body)

    @door.post("/parcels/<uuid:parcel_id>/passing-on", body=PassOnIn, answer=ParcelStandsOut, once=True)
    @policy("order.collect", Relation.OWN_STORE)
    def pass_on(actor: Actor, *, claim: Claim, parcel_id: UUID, body: dict[str, Any]) -> ParcelStands:
        """Give a parcel to its shop, or dispose of it; its slot is free again."""
        return pass_parcel_on(actor, claim, parcel_id=parcel_id, **body)

    @door.post("/closures", body=ClosureIn, answer=ClosureOut, status=201, once=True)
    @policy("store.close", Relation.OWN_STORE)
    def close(actor: Actor, *, claim: Claim, body: dict[str, Any]) -> StoreCloses:
        """Say when one's store is closed; what waits there waits on."""
        return close_store(actor, claim, **body)
