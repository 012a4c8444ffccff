"""Routes of visits to shops and of samples at a store, ``/store/v1``."""

from typing import Any
from uuid import UUID

from marshmallow import fields
from sqlalchemy import text

from app.core.visiting.checklist import CHECKLISTS, VERSION, Answer
from app.core.visiting.errors import AnswersInvalid
from app.core.visiting.rules import CODE_CHARS, NOTE_MAX
from app.core.visiting.states import SampleState
from app.kernel.actor import Actor
from app.kernel.transaction import Claim, read
from app.usecases.visiting.samples import SampleStands, code_of, show_sample, withdraw_sample
from app.usecases.visiting.shops import ShopVisitStands, record_visit
from app.web.door import Door
from app.web.fields import Body, Choice, Degrees, Flag, Id, Instant, Int, Many, Text
from app.web.paging import LIMIT_MAX, PageQuery, page, read_cursor
from app.web.policy import Relation, policy
from app.web.shop_visits import COLUMNS, POINTS_MAX, VERSION_MAX, ShopVisitsOut, ShopVisitsQuery, ShopVisitStandsOut

_MINE = "m.organization_kind = 'store' AND m.account_id = :account_id AND m.role = ANY (CAST(:roles AS text[]))"
_VISITS = text(
    f"""
    SELECT {COLUMNS} FROM shop_visits AS v JOIN memberships AS m ON m.organization_id = v.store_id AND {_MINE}
    WHERE v.shop_visit_id < :before AND (CAST(:state AS text) IS NULL OR v.state = :state)
    ORDER BY v.shop_visit_id DESC LIMIT :limit
    """
)
_SAMPLES = text(
    f"""
    SELECT p.sample_id, p.store_id, p.offer_id, f.shop_id, f.name, p.state, p.shown_at, p.withdrawn_at,
        (SELECT count(*) FROM sample_scans AS n WHERE n.sample_id = p.sample_id) AS scans
    FROM samples AS p JOIN offers AS f ON f.offer_id = p.offer_id
    JOIN memberships AS m ON m.organization_id = p.store_id AND {_MINE}
    WHERE p.sample_id < :before AND (CAST(:state AS text) IS NULL OR p.state = :state)
    ORDER BY p.sample_id DESC LIMIT :limit
    """
)


class PointOut(Body):
    """Something to look at; when a grave one fails the platform looks into it."""

    code = Text(high=40, required=True)
    title_zh = Text(high=60, required=True)
    title_en = Text(high=100, required=True)
    is_grave = Flag(required=True)


class ChecklistOut(Body):
    """Today's checklist."""

    version = Int(low=1, high=VERSION_MAX, required=True)
    points = Many(fields.Nested(PointOut), high=POINTS_MAX, required=True)


class FoundIn(Body):
    """What was found at a point."""

    point = Text(high=40, required=True)
    answer = Choice(Answer, required=True)


class ShopVisitIn(Body):
    """What was found in a shop, and where the phone was then, WGS-84 degrees."""

    shop_id = Id(required=True)
    checklist_version = Int(low=1, high=VERSION_MAX, required=True)
    answers = Many(fields.Nested(FoundIn), low=1, high=POINTS_MAX, required=True)
    note = Text(high=NOTE_MAX, load_default=None, allow_none=True)
    opens_review = Flag(load_default=False)
    lat = Degrees(bound=90, required=True)
    lng = Degrees(bound=180, required=True)


class SampleIn(Body):
    """Which offer's sample, in which store."""

    store_id = Id(required=True)
    offer_id = Id(required=True)


class SampleStandsOut(SampleIn):
    """Where a sample stands."""

    sample_id = Id(required=True)
    state = Choice(SampleState, required=True)


class SampleOut(SampleStandsOut):
    """A sample with the code that stands beside it as a QR code, and how often residents scanned it."""

    shop_id = Id(required=True)
    name = Text(high=100, required=True)
    code = Text(high=CODE_CHARS, required=True, allow_none=True)
    scans = Int(low=0, high=2**53, required=True)
    shown_at = Instant(required=True)
    withdrawn_at = Instant(required=True, allow_none=True)


class SamplesOut(Body):
    """A page of samples, newest first."""

    items = Many(fields.Nested(SampleOut), high=LIMIT_MAX, required=True)
    next_cursor = Text(high=64, required=True, allow_none=True)


class SamplesQuery(PageQuery):
    """Samples of one's stores."""

    state = Choice(SampleState, load_default=None)


def add_visiting(door: Door) -> None:
    """Add the routes to ``door``."""
    _add_shop_visits(door)
    _add_samples(door)


def _add_shop_visits(door: Door) -> None:
    @door.get("/shop-checklist", answer=ChecklistOut)
    @policy("shop_visit.read", Relation.SIDE)
    def read_checklist(_actor: Actor) -> dict[str, Any]:
        """Read what is looked at in a shop by today's version."""
        names = PointOut().fields
        points = [{name: getattr(point, name) for name in names} for point in CHECKLISTS[VERSION]]
        return {"version": VERSION, "points": points}

    @door.get("/shop-visits", query=ShopVisitsQuery, answer=ShopVisitsOut)
    @policy("shop_visit.read", Relation.OWN_STORE)
    def list_stores_visits(actor: Actor, *, query: dict[str, Any]) -> dict[str, Any]:
        """List visits of one's stores to shops, newest first."""
        return _listed(_VISITS, actor, query, key="shop_visit_id")

    @door.post("/shop-visits", body=ShopVisitIn, answer=ShopVisitStandsOut, status=201, once=True)
    @policy("shop_visit.write", Relation.OWN_STORE)
    def record_one(actor: Actor, *, claim: Claim, body: dict[str, Any]) -> ShopVisitStands:
        """Record what was found in a shop of the catchment, there; what failed and is grave opens a review."""
        found = body.pop("answers")
        answers = {one["point"]: Answer(one["answer"]) for one in found}
        if len(answers) != len(found):
            raise AnswersInvalid(pointer="/answers", points=[point.code for point in CHECKLISTS[VERSION]])
        return record_visit(actor, claim, answers=answers, **body)


def _add_samples(door: Door) -> None:
    @door.get("/samples", query=SamplesQuery, answer=SamplesOut)
    @policy("sample.read", Relation.OWN_STORE)
    def list_samples(actor: Actor, *, query: dict[str, Any]) -> dict[str, Any]:
        """List samples of one's stores with their codes, newest first."""
        found = _listed(_SAMPLES, actor, query, key="sample_id")
        for one in found["items"]:
            one["code"] = code_of(one["sample_id"]) if one["state"] == SampleState.SHOWN else None
        return found

    @door.post("/samples", body=SampleIn, answer=SampleStandsOut, status=201, once=True)
    @policy("sample.write", Relation.OWN_STORE)
    def show_one(actor: Actor, *, claim: Claim, body: dict[str, Any]) -> SampleStands:
        """Show a sample of an offer that is on sale."""
        return show_sample(actor, claim, **body)

    @door.post("/samples/<uuid:sample_id>/withdrawal", answer=SampleStandsOut, once=True)
    @policy("sample.write", Relation.OWN_STORE)
    def withdraw_one(actor: Actor, *, claim: Claim, sample_id: UUID) -> SampleStands:
        """Take a sample away; its code leads nowhere any more."""
        return withdraw_sample(actor, claim, sample_id=sample_id)


def _listed(statement: Any, actor: Actor, query: dict[str, Any], *, key: str) -> dict[str, Any]:
    limit = query["limit"]
    wanted = {"state": query["state"], "before": read_cursor(query["cursor"]), "limit": limit + 1}
    rows = read(statement, {**actor.as_member, **wanted})
    return page([dict(row._mapping) for row in rows], limit=limit, key=key)
