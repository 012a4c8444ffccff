"""Papers of shops: what merchants and residents see, and their review, the same at the store's and platform's door."""

from typing import Any
from uuid import UUID

from marshmallow import fields
from sqlalchemy import text

from app.core.papers.rules import PaperKind
from app.core.papers.states import PaperState
from app.kernel.actor import Actor, Side
from app.kernel.transaction import Claim, read
from app.usecases.licensing.hand_in import PaperMoved
from app.usecases.licensing.review import review_paper
from app.web.door import Door
from app.web.fields import Body, Choice, Day, Flag, Id, Instant, Many, Text
from app.web.paging import LIMIT_MAX, PageQuery, page, read_cursor
from app.web.policy import Relation, policy
from app.web.views import DecisionIn

COLUMNS = """
    p.paper_id, p.shop_id, p.kind, p.number, p.expires_on, p.photo_reference, p.state, p.reason, p.submitted_at,
    p.decided_at
"""
_TO_REVIEW = text(
    f"""
    SELECT {COLUMNS}, s.name AS shop_name, s.merchant_id, EXISTS (
            SELECT 1 FROM papers AS q JOIN shops AS t ON t.shop_id = q.shop_id
            WHERE q.kind = p.kind AND q.number = p.number AND q.state = 'approved' AND t.merchant_id <> s.merchant_id
        ) AS is_held_elsewhere
    FROM papers AS p JOIN shops AS s ON s.shop_id = p.shop_id JOIN communities AS c ON c.community_id = s.community_id
    WHERE p.paper_id < :before AND p.state = :state AND (CAST(:is_platform AS boolean) OR EXISTS (
        SELECT 1 FROM memberships AS m WHERE m.organization_kind = 'store' AND m.organization_id = c.store_id
            AND m.account_id = :account_id AND m.role = ANY (CAST(:roles AS text[]))))
    ORDER BY p.paper_id DESC LIMIT :limit
    """
)


class PaperMovedOut(Body):
    """Where a paper stands."""

    paper_id = Id(required=True)
    state = Choice(PaperState, required=True)


class ShownPaperOut(Body):
    """A paper as anybody sees it; ``expires_on`` null runs without an end."""

    kind = Choice(PaperKind, required=True)
    number = Text(high=20, required=True)
    expires_on = Day(required=True, allow_none=True)


class ShownPapersOut(Body):
    """The approved papers of a shop."""

    items = Many(fields.Nested(ShownPaperOut), high=LIMIT_MAX, required=True)


class PaperOut(ShownPaperOut):
    """A paper as its merchant and its reviewer see it."""

    paper_id = Id(required=True)
    shop_id = Id(required=True)
    photo_reference = Text(high=200, required=True)
    state = Choice(PaperState, required=True)
    reason = Text(high=200, required=True, allow_none=True)
    submitted_at = Instant(required=True)
    decided_at = Instant(required=True, allow_none=True)


class PaperToReviewOut(PaperOut):
    """A paper to look at. ``is_held_elsewhere`` says that another merchant has one approved with the same number."""

    shop_name = Text(high=100, required=True)
    merchant_id = Id(required=True)
    is_held_elsewhere = Flag(required=True)


class PapersToReviewOut(Body):
    """A page of papers."""

    items = Many(fields.Nested(PaperToReviewOut), high=LIMIT_MAX, required=True)
    next_cursor = Text(high=64, required=True, allow_none=True)


class PapersQuery(PageQuery):
    """Papers in a state, newest first; what waits, unless told otherwise."""

    state = Choice(PaperState, load_default=PaperState.SUBMITTED.value)


def add_paper_review(door: Door, side: Side, relation: Relation) -> None:
    """Give a door the review of papers: all at the platform, those of the catchment at a store."""
    is_platform = side is Side.PLATFORM

    @door.get("/papers", query=PapersQuery, answer=PapersToReviewOut)
    @policy("paper.read", relation)
    def list_papers(actor: Actor, *, query: dict[str, Any]) -> dict[str, Any]:
        """List papers of shops by state, newest first."""
        params = {
            **actor.as_member,
            "is_platform": is_platform,
            "before": read_cursor(query["cursor"]),
            "state": query["state"],
            "limit": query["limit"] + 1,
        }
        rows = read(_TO_REVIEW, params).fetchall()
        return page([dict(row._mapping) for row in rows], limit=query["limit"], key="paper_id")

    @door.post("/papers/<uuid:paper_id>/review", body=DecisionIn, answer=PaperMovedOut, once=True)
    @policy("paper.review", relation)
    def review(actor: Actor, *, claim: Claim, paper_id: UUID, body: dict[str, Any]) -> PaperMoved:
        """Approve a paper or refuse it, with a reason."""
        return review_paper(actor, claim, paper_id=paper_id, **body)
