"""Reconciliation and money's health at the operator's door: the worklist, the proof of clearing, figures, alarms."""

from typing import Any
from uuid import UUID

from marshmallow import fields
from sqlalchemy import text

from app.core.payments.alarms import FIGURES
from app.core.payments.errors import MismatchNotFound
from app.core.payments.reconciliation import ItemState, Mismatch, Resolution, Source
from app.kernel.actor import Actor
from app.kernel.transaction import Claim, read, transaction
from app.platform.schemas import ApprovalMovedOut, Why
from app.usecases.deciding.approvals import ApprovalMoved
from app.usecases.deciding.requests import ask_resolution
from app.usecases.reconciling.clearing import clearing_proof
from app.usecases.reconciling.resolve import Noted, note_mismatch
from app.usecases.reconciling.watch import alarms, figures
from app.web.door import Door
from app.web.fields import BIGINT_MAX, Body, Choice, Day, Id, Instant, Int, Many, Text
from app.web.paging import LIMIT_MAX, PageQuery, page, read_cursor
from app.web.policy import Relation, policy

NOTES_MAX = 100
_COLUMNS = """
    i.item_id, i.source, i.day, i.mismatch, i.object, i.kind, i.line_id, i.ours_fen, i.theirs_fen, i.suspense_fen,
    i.state, i.resolution, i.found_at, i.resolved_at
"""
_LIST = text(
    f"""
    SELECT {_COLUMNS} FROM recon_items AS i WHERE i.item_id < :before AND i.state = :state
    ORDER BY i.item_id DESC LIMIT :limit
    """
)
_ONE = text(f"SELECT {_COLUMNS} FROM recon_items AS i WHERE i.item_id = :item_id")
_NOTES = text(
    "SELECT note, account_id, noted_at FROM recon_notes WHERE item_id = :item_id ORDER BY note_id DESC LIMIT :limit"
)


def _fen(*, is_optional: bool = False) -> Int:
    return Int(low=-BIGINT_MAX, high=BIGINT_MAX, required=True, allow_none=is_optional)


class MismatchesQuery(PageQuery):
    """Items in a state, newest first; open ones unless told otherwise."""

    state = Choice(ItemState, load_default=ItemState.OPEN.value)


class MismatchOut(Body):
    """A line of theirs and a movement of ours that do not agree; ``suspense_fen`` of it is in suspense."""

    item_id = Id(required=True)
    source = Choice(Source, required=True)
    day = Day(required=True)
    mismatch = Choice(Mismatch, required=True)
    object = Text(high=64, required=True)
    kind = Text(high=40, required=True)
    line_id = Text(high=64, required=True, allow_none=True)
    ours_fen = _fen(is_optional=True)
    theirs_fen = _fen(is_optional=True)
    suspense_fen = _fen()
    state = Choice(ItemState, required=True)
    resolution = Choice(Resolution, required=True, allow_none=True)
    found_at = Instant(required=True)
    resolved_at = Instant(required=True, allow_none=True)


class MismatchesOut(Body):
    """A page of the worklist."""

    items = Many(fields.Nested(MismatchOut), high=LIMIT_MAX, required=True)
    next_cursor = Text(high=64, required=True, allow_none=True)


class NoteOut(Body):
    """What somebody found out."""

    note = Text(high=200, required=True)
    account_id = Id(required=True)
    noted_at = Instant(required=True)


class NotedMismatchOut(MismatchOut):
    """An item with its notes, newest first."""

    notes = Many(fields.Nested(NoteOut), high=NOTES_MAX, required=True)


class NoteIn(Body):
    """What was found out: a reference, no free text about people."""

    note = Text(high=200, required=True)


class NotedOut(Body):
    """A note that was left."""

    item_id = Id(required=True)
    note_id = Id(required=True)


class ResolutionIn(Body):
    """Why the item is to be resolved (a reference)."""

    why = Why()


class ClearingProofOut(Body):
    """``-clearing = theirs + unmatched``, so the difference is 0, or something is wrong."""

    clearing_fen = _fen()
    theirs_fen = _fen()
    unmatched_fen = _fen()
    difference_fen = _fen()


class AlarmOut(Body):
    """An alarm that is raised; ``told_at`` says when it was told outside."""

    code = Text(high=60, required=True)
    value = _fen()
    raised_at = Instant(required=True)
    told_at = Instant(required=True, allow_none=True)


class MoneyHealthOut(Body):
    """The figures of money's health, and the alarms they raise."""

    figures = fields.Dict(keys=fields.String(), values=fields.Integer(), required=True)
    alarms = Many(fields.Nested(AlarmOut), high=len(FIGURES), required=True)


def add_reconciliation(door: Door) -> None:
    """Give the operator's door its routes of reconciliation."""

    @door.get("/reconciliation", query=MismatchesQuery, answer=MismatchesOut)
    @policy("reconciliation.read", Relation.PLATFORM)
    def list_mismatches(_actor: Actor, *, query: dict[str, Any]) -> dict[str, Any]:
        """List what does not agree with files of providers and banks, newest first."""
        params = {"before": read_cursor(query["cursor"]), "limit": query["limit"] + 1, "state": query["state"]}
        return page([dict(row._mapping) for row in read(_LIST, params)], limit=query["limit"], key="item_id")

    @door.get("/reconciliation/<uuid:item_id>", answer=NotedMismatchOut)
    @policy("reconciliation.read", Relation.PLATFORM)
    def read_mismatch(_actor: Actor, *, item_id: UUID) -> dict[str, Any]:
        """Read an item with its notes."""
        with transaction() as tx:
            row = tx.execute(_ONE, {"item_id": item_id}).one_or_none()
            if row is None:
                raise MismatchNotFound
            notes = [dict(note._mapping) for note in tx.execute(_NOTES, {"item_id": item_id, "limit": NOTES_MAX})]
        return {**row._mapping, "notes": notes}

    @door.post("/reconciliation/<uuid:item_id>/notes", body=NoteIn, answer=NotedOut, status=201, once=True)
    @policy("reconciliation.write", Relation.PLATFORM)
    def post_note(actor: Actor, *, claim: Claim, item_id: UUID, body: dict[str, Any]) -> Noted:
        """Leave a note at an item."""
        return note_mismatch(actor, claim, item_id=item_id, **body)

    @door.post(
        "/reconciliation/<uuid:item_id>/resolution", body=ResolutionIn, answer=ApprovalMovedOut, status=201, once=True
    )
    @policy("reconciliation.write", Relation.PLATFORM)
    def request_resolution(actor: Actor, *, claim: Claim, item_id: UUID, body: dict[str, Any]) -> ApprovalMoved:
        """Ask for an item to be resolved, and its suspense written off; another person approves."""
        return ask_resolution(actor, claim, item_id=item_id, why=body["why"])

    @door.post("/reconciliation/proof", answer=ClearingProofOut)
    @policy("reconciliation.read", Relation.PLATFORM)
    def prove_clearing(_actor: Actor) -> dict[str, Any]:
        """Hold the clearing account to the provider's files, now."""
        proof = clearing_proof(is_whole=True)
        return {name: getattr(proof, name) for name in ClearingProofOut().fields}

    @door.get("/money-health", answer=MoneyHealthOut)
    @policy("health.read", Relation.PLATFORM)
    def read_money_health(_actor: Actor) -> dict[str, Any]:
        """Read how money is: the figures of ``/metrics``, and the alarms that are raised."""
        return {"figures": figures(), "alarms": alarms()}
