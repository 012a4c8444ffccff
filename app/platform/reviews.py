"""Routes by which the platform folds reviews and decides about appeals. It deletes none."""

from typing import Any
from uuid import UUID

from app.core.reviews.rules import REASON_MAX
from app.kernel import audit
from app.kernel.actor import Actor
from app.kernel.transaction import Claim, transaction
from app.usecases.reviewing.answer_review import decide_folding, fold_review
from app.usecases.reviewing.review_order import ReviewMoved
from app.web.door import Door
from app.web.fields import Body, Flag, Text
from app.web.paging import PageQuery, page, read_cursor
from app.web.policy import Relation, policy
from app.web.reviews import APPEALED, AppealedReviewsOut, ReasonIn, ReviewMovedOut, shown_review


class FoldingDecisionIn(Body):
    """Whether it stays folded, and why."""

    is_folded = Flag(required=True)
    reason = Text(high=REASON_MAX, required=True)


def add_review_folding(door: Door) -> None:
    """Add the routes to ``door``."""

    @door.get("/review-appeals", query=PageQuery, answer=AppealedReviewsOut)
    @policy("review.read", Relation.PLATFORM)
    def list_review_appeals(actor: Actor, *, query: dict[str, Any]) -> dict[str, Any]:
        """List reviews whose folding their writers appealed against, newest first."""
        limit = query["limit"]
        with transaction() as tx:
            rows = tx.execute(APPEALED, {"before": read_cursor(query["cursor"]), "limit": limit + 1}).fetchall()
            if rows:
                seen = {"review_ids": [str(row.review_id) for row in rows]}
                audit.record(tx, actor, "review.read", subject_kind="review", details=seen)
        return page([shown_review(row) for row in rows], limit=limit, key="review_id")

    @door.post("/orders/<uuid:order_id>/review-folding", body=ReasonIn, answer=ReviewMovedOut, once=True)
    @policy("review.fold", Relation.PLATFORM)
    def fold(actor: Actor, *, claim: Claim, order_id: UUID, body: dict[str, Any]) -> ReviewMoved:
        """Fold a review, with the reason that everybody reads; it no longer counts, and nothing of it is deleted."""
        return fold_review(actor, claim, order_id=order_id, reason=body["reason"])

    @door.post("/orders/<uuid:order_id>/review-decision", body=FoldingDecisionIn, answer=ReviewMovedOut, once=True)
    @policy("review.decide", Relation.PLATFORM)
    def decide_review(actor: Actor, *, claim: Claim, order_id: UUID, body: dict[str, Any]) -> ReviewMoved:
        """Decide about an appeal, as another person than who folded the review."""
        return decide_folding(actor, claim, order_id=order_id, **body)
