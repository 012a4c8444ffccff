"""Tills and cash on its way as operators see them; cash from and to the bank, ``/platform/v1``."""

from typing import Any
from uuid import UUID

from marshmallow import fields
from sqlalchemy import text

from app.core.tills.states import TillState
from app.kernel.actor import Actor
from app.kernel.transaction import Claim, read
from app.usecases.tending_tills.transfers import TransferMoved, cancel_cash, receive_cash, supply_till
from app.web.cash import CashTransferMovedOut, CashTransfersOut, CashTransfersQuery, CountIn
from app.web.door import Door
from app.web.fields import Body, Choice, Day, Fen, Id, Many, Text
from app.web.paging import LIMIT_MAX, PageQuery, page, read_cursor
from app.web.policy import Relation, policy

_TILLS = text(
    """
    SELECT t.till_id, t.store_id, s.name AS store_name, t.name AS till_name, t.state, t.in_charge_id, t.business_on,
        t.cash_fen
    FROM tills AS t JOIN stores AS s ON s.store_id = t.store_id
    WHERE t.till_id < :before ORDER BY t.till_id DESC LIMIT :limit
    """
)
_TRANSFERS = text(
    """
    SELECT transfer_id, from_till_id, to_till_id, amount_fen, state, sent_by_id, sent_at, received_by_id, received_fen,
        ended_at
    FROM cash_transfers WHERE transfer_id < :before AND (CAST(:state AS text) IS NULL OR state = :state)
    ORDER BY transfer_id DESC LIMIT :limit
    """
)


class TillBriefOut(Body):
    """A till, its cash, and who answers for it."""

    till_id = Id(required=True)
    store_id = Id(required=True)
    store_name = Text(high=100, required=True)
    till_name = Text(high=30, required=True)
    state = Choice(TillState, required=True)
    in_charge_id = Id(required=True, allow_none=True)
    business_on = Day(required=True, allow_none=True)
    cash_fen = Fen(required=True)


class TillBriefsOut(Body):
    """A page of tills."""

    items = Many(fields.Nested(TillBriefOut), high=LIMIT_MAX, required=True)
    next_cursor = Text(high=64, required=True, allow_none=True)


class SupplyIn(Body):
    """Cash from the bank to a till."""

    to_till_id = Id(required=True)
    amount_fen = Fen(low=1, required=True)


def add_cash(door: Door) -> None:
    """Add the routes to ``door``."""

    @door.get("/tills", query=PageQuery, answer=TillBriefsOut)
    @policy("till.read", Relation.PLATFORM)
    def list_tills(_actor: Actor, *, query: dict[str, Any]) -> dict[str, Any]:
        """List all tills with their cash, newest first."""
        params = {"before": read_cursor(query["cursor"]), "limit": query["limit"] + 1}
        rows = [dict(row._mapping) for row in read(_TILLS, params)]
        return page(rows, limit=query["limit"], key="till_id")

    @door.get("/cash-transfers", query=CashTransfersQuery, answer=CashTransfersOut)
    @policy("till.read", Relation.PLATFORM)
    def list_cash_transfers(_actor: Actor, *, query: dict[str, Any]) -> dict[str, Any]:
        """List all cash on its way, newest first; what differs waits for a correction."""
        limit = query["limit"]
        params = {"before": read_cursor(query["cursor"]), "state": query["state"], "limit": limit + 1}
        rows = [dict(row._mapping) for row in read(_TRANSFERS, params)]
        return page(rows, limit=limit, key="transfer_id")

    @door.post("/cash-transfers", body=SupplyIn, answer=CashTransferMovedOut, status=201, once=True)
    @policy("cash.send", Relation.PLATFORM)
    def supply(actor: Actor, *, claim: Claim, body: dict[str, Any]) -> TransferMoved:
        """Send cash from the bank to a till, where somebody of the store counts it."""
        return supply_till(actor, claim, **body)

    @door.post("/cash-transfers/<uuid:transfer_id>/receiving", body=CountIn, answer=CashTransferMovedOut, once=True)
    @policy("cash.receive", Relation.PLATFORM)
    def receive(actor: Actor, *, claim: Claim, transfer_id: UUID, body: dict[str, Any]) -> TransferMoved:
        """Say what the bank counted of cash that a till sent there."""
        return receive_cash(actor, claim, transfer_id=transfer_id, **body)

    @door.post("/cash-transfers/<uuid:transfer_id>/cancellation", answer=CashTransferMovedOut, once=True)
    @policy("cash.send", Relation.PLATFORM)
    def take_back(actor: Actor, *, claim: Claim, transfer_id: UUID) -> TransferMoved:
        """Take cash back that did not leave the bank."""
        return cancel_cash(actor, claim, transfer_id=transfer_id)
