"""Term products at the operator's door: asked for by one, approved by another, then on sale from their instant on."""

from typing import Any

from marshmallow import fields
from sqlalchemy import text

from app.kernel.actor import Actor
from app.kernel.money import BASIS_POINTS
from app.kernel.transaction import Claim, read
from app.platform.schemas import ApprovalMovedOut, Why
from app.usecases.deciding.approvals import ApprovalMoved
from app.usecases.deciding.requests import ask_term_product
from app.usecases.saving.term_end import TermTerms
from app.web.door import Door
from app.web.fields import Body, Day, Fen, Flag, Id, Instant, Int, Many, Text
from app.web.paging import LIMIT_MAX, PageQuery, page, read_cursor
from app.web.policy import Relation, policy

QUOTA_FEN_MAX = 10**13
SUMS_FEN_MAX = 10**15
_LIST = text(
    """
    SELECT p.product_id, p.name_zh, p.name_en, p.risk_level, p.rate_bp, p.is_early_exit, p.early_rate_bp, p.quota_fen,
        p.cap_fen, p.minimum_fen, p.step_fen, p.opens_at, p.closes_at, p.value_on, p.matures_on, p.pays_on,
        CAST(coalesce((SELECT sum(q.left_fen) FROM term_quotas AS q WHERE q.product_id = p.product_id), 0) AS bigint)
            AS left_fen,
        CAST(coalesce(s.held_fen, 0) AS bigint) AS held_fen, CAST(coalesce(s.confirmed_fen, 0) AS bigint)
            AS confirmed_fen, coalesce(s.holders, 0) AS holder_count
    FROM term_products AS p LEFT JOIN LATERAL (
        SELECT sum(t.amount_fen) FILTER (WHERE t.state = 'held') AS held_fen,
            sum(t.amount_fen) FILTER (WHERE t.state = 'confirmed') AS confirmed_fen,
            count(DISTINCT t.account_id) FILTER (WHERE t.state = 'confirmed') AS holders
        FROM term_subscriptions AS t WHERE t.product_id = p.product_id) AS s ON true
    WHERE p.product_id < :before ORDER BY p.product_id DESC LIMIT :limit
    """
)


class TermTermsIn(Body):
    """What is sold: its sale, its term, its rates, what one person may take; and why."""

    name_zh = Text(high=100, required=True)
    name_en = Text(high=100, required=True)
    risk_level = Int(low=1, high=5, required=True)
    rate_bp = Int(low=0, high=BASIS_POINTS, required=True)
    is_early_exit = Flag(load_default=False)
    early_rate_bp = Int(low=0, high=BASIS_POINTS, load_default=0)
    quota_fen = Int(low=1, high=QUOTA_FEN_MAX, required=True)
    cap_fen = Fen(low=1, load_default=5_000_000)
    minimum_fen = Fen(low=1, load_default=100_000)
    step_fen = Fen(low=1, load_default=100_000)
    opens_at = Instant(required=True)
    closes_at = Instant(required=True)
    value_on = Day(required=True)
    matures_on = Day(required=True)
    why = Why()


class TermOnSaleOut(Body):
    """A product with how its sale goes."""

    product_id = Id(required=True)
    name_zh = Text(high=100, required=True)
    name_en = Text(high=100, required=True)
    risk_level = Int(low=1, high=5, required=True)
    rate_bp = Int(low=0, high=BASIS_POINTS, required=True)
    is_early_exit = Flag(required=True)
    early_rate_bp = Int(low=0, high=BASIS_POINTS, required=True)
    quota_fen = Int(low=0, high=QUOTA_FEN_MAX, required=True)
    left_fen = Int(low=0, high=QUOTA_FEN_MAX, required=True)
    held_fen = Int(low=0, high=SUMS_FEN_MAX, required=True)
    confirmed_fen = Int(low=0, high=SUMS_FEN_MAX, required=True)
    holder_count = Int(low=0, high=10**9, required=True)
    cap_fen = Fen(required=True)
    minimum_fen = Fen(required=True)
    step_fen = Fen(required=True)
    opens_at = Instant(required=True)
    closes_at = Instant(required=True)
    value_on = Day(required=True)
    matures_on = Day(required=True)
    pays_on = Day(required=True)


class TermsOnSaleOut(Body):
    """A page of products, newest first."""

    items = Many(fields.Nested(TermOnSaleOut), high=LIMIT_MAX, required=True)
    next_cursor = Text(high=64, required=True, allow_none=True)


def add_terms(door: Door) -> None:
    """Add the routes to ``door``."""

    @door.get("/term-products", query=PageQuery, answer=TermsOnSaleOut)
    @policy("term.read", Relation.PLATFORM)
    def list_terms_on_sale(_actor: Actor, *, query: dict[str, Any]) -> dict[str, Any]:
        """List term products with what is sold of them, newest first."""
        asked = {"before": read_cursor(query["cursor"]), "limit": query["limit"] + 1}
        return page([dict(row._mapping) for row in read(_LIST, asked)], limit=query["limit"], key="product_id")

    @door.post("/term-products", body=TermTermsIn, answer=ApprovalMovedOut, status=201, once=True)
    @policy("term.request", Relation.PLATFORM)
    def request_term_product(actor: Actor, *, claim: Claim, body: dict[str, Any]) -> ApprovalMoved:
        """Ask for a term product to be put on sale; another person approves, and it opens at its instant."""
        why = body.pop("why")
        return ask_term_product(actor, claim, why=why, wish=TermTerms(**body))
