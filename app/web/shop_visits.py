"""Visits of a store's staff to shops as doors show them."""

from marshmallow import fields

from app.core.visiting.checklist import CHECKLISTS, Answer
from app.core.visiting.rules import NOTE_MAX, OUTCOME_MAX
from app.core.visiting.states import ShopVisitState
from app.web.fields import Body, Choice, Id, Instant, Int, Many, Text
from app.web.paging import LIMIT_MAX, PageQuery

COLUMNS = """v.shop_visit_id, v.store_id, v.shop_id, v.checklist_version, v.answers, v.failed_count, v.note, v.state,
        v.visited_at, v.outcome, v.closed_at"""
POINTS_MAX = 50
VERSION_MAX = max(CHECKLISTS) + 1_000


class ShopVisitsQuery(PageQuery):
    """Visits, newest first."""

    state = Choice(ShopVisitState, load_default=None)


class ShopVisitOut(Body):
    """What was found in a shop, by points of a checklist, and what came of it."""

    shop_visit_id = Id(required=True)
    store_id = Id(required=True)
    shop_id = Id(required=True)
    checklist_version = Int(low=1, high=VERSION_MAX, required=True)
    answers = fields.Dict(keys=fields.String(), values=Choice(Answer), required=True)
    failed_count = Int(low=0, high=POINTS_MAX, required=True)
    note = Text(high=NOTE_MAX, required=True, allow_none=True)
    state = Choice(ShopVisitState, required=True)
    visited_at = Instant(required=True)
    outcome = Text(high=OUTCOME_MAX, required=True, allow_none=True)
    closed_at = Instant(required=True, allow_none=True)


class ShopVisitsOut(Body):
    """A page of visits."""

    items = Many(fields.Nested(ShopVisitOut), high=LIMIT_MAX, required=True)
    next_cursor = Text(high=64, required=True, allow_none=True)


class ShopVisitStandsOut(Body):
    """Where a visit stands."""

    shop_visit_id = Id(required=True)
    shop_id = Id(required=True)
    failed_count = Int(low=0, high=POINTS_MAX, required=True)
    state = Choice(ShopVisitState, required=True)
