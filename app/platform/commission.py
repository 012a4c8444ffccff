"""Commission rules at the operator's door: asked for by one, approved by another, announced a week ahead."""

from typing import Any

from marshmallow import fields
from sqlalchemy import text

from app.core.catalog.commission import RuleScope
from app.core.catalog.models import Vertical
from app.kernel.actor import Actor
from app.kernel.money import BASIS_POINTS
from app.kernel.transaction import Claim, read
from app.platform.schemas import ApprovalMovedOut, Why
from app.usecases.deciding.approvals import ApprovalMoved
from app.usecases.deciding.requests import CommissionRule, ask_commission_rule
from app.web.door import Door
from app.web.fields import Body, Choice, Day, Fen, Id, Instant, Int, Many, Text
from app.web.paging import LIMIT_MAX, PageQuery, page, read_cursor
from app.web.policy import Relation, policy

_LIST = text(
    """
    SELECT r.rule_id, r.scope, r.shop_id, r.vertical, r.rate_bp, r.least_fen, r.cap_fen, r.starts_on, r.ends_on,
        r.announced_at
    FROM commission_rules AS r WHERE r.rule_id < :before ORDER BY r.rule_id DESC LIMIT :limit
    """
)


class RuleIn(Body):
    """A rate in basis points with its least and most per line, fen, for a shop, a vertical or a campaign."""

    scope = Choice(RuleScope, required=True)
    shop_id = Id(load_default=None, allow_none=True)
    vertical = Choice(Vertical, load_default=None, allow_none=True)
    rate_bp = Int(low=0, high=BASIS_POINTS, required=True)
    least_fen = Fen(load_default=0)
    cap_fen = Fen(load_default=None, allow_none=True)
    starts_on = Day(required=True)
    ends_on = Day(load_default=None, allow_none=True)
    why = Why()


class RuleOut(Body):
    """A rule that two people have agreed on."""

    rule_id = Id(required=True)
    scope = Choice(RuleScope, required=True)
    shop_id = Id(required=True, allow_none=True)
    vertical = Text(high=40, required=True, allow_none=True)
    rate_bp = Int(low=0, high=BASIS_POINTS, required=True)
    least_fen = Fen(required=True)
    cap_fen = Fen(required=True, allow_none=True)
    starts_on = Day(required=True)
    ends_on = Day(required=True, allow_none=True)
    announced_at = Instant(required=True)


class RulesOut(Body):
    """A page of rules, newest first."""

    items = Many(fields.Nested(RuleOut), high=LIMIT_MAX, required=True)
    next_cursor = Text(high=64, required=True, allow_none=True)


def add_commission(door: Door) -> None:
    """Give the operator's door commission rules."""

    @door.get("/commission-rules", query=PageQuery, answer=RulesOut)
    @policy("commission.read", Relation.PLATFORM)
    def list_rules(_actor: Actor, *, query: dict[str, Any]) -> dict[str, Any]:
        """List commission rules, newest first, those that have not begun, too."""
        params = {"before": read_cursor(query["cursor"]), "limit": query["limit"] + 1}
        return page([dict(row._mapping) for row in read(_LIST, params)], limit=query["limit"], key="rule_id")

    @door.post("/commission-rules", body=RuleIn, answer=ApprovalMovedOut, status=201, once=True)
    @policy("commission.request", Relation.PLATFORM)
    def request_rule(actor: Actor, *, claim: Claim, body: dict[str, Any]) -> ApprovalMoved:
        """Ask for a commission rule that begins in a week or later; another person approves."""
        why = body.pop("why")
        return ask_commission_rule(actor, claim, why=why, wish=CommissionRule(**body))
