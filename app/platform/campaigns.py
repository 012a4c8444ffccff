"""Campaigns at the operator's door: started by one or by two people, by what they may cost; stopped by one at once."""

from typing import Any
from uuid import UUID

from marshmallow import fields
from sqlalchemy import text

from app.core.catalog.models import Vertical
from app.core.promotions import rules
from app.core.promotions.rules import CampaignTerms
from app.core.promotions.states import BenefitKind, CampaignState
from app.kernel.actor import Actor
from app.kernel.transaction import Claim, read
from app.platform.schemas import ApprovalMovedOut, Why
from app.usecases.deciding.approvals import ApprovalMoved
from app.usecases.deciding.requests import ask_campaign
from app.usecases.promoting.campaigns import CampaignMoved, campaign_code, start_campaign, stop_campaign
from app.web.door import Door
from app.web.fields import Body, Choice, Fen, Flag, Id, Instant, Int, Many, Pattern, Text
from app.web.paging import LIMIT_MAX, PageQuery, page, read_cursor
from app.web.policy import Relation, policy
from app.web.promotions import PromiseOut

_LIST = text(
    """
    SELECT g.campaign_id, g.name_zh, g.name_en, g.state, g.benefit, g.minimum_fen, g.off_fen, g.percent_bp, g.verticals,
        g.community_id, g.starts_at, g.ends_at, g.budget_fen, g.left_fen, g.issued_max, g.issued, g.per_person_max,
        g.valid_days, g.code_digest IS NOT NULL AS has_code, g.made_at, g.stopped_at,
        (SELECT count(*) FROM coupons AS c WHERE c.campaign_id = g.campaign_id AND c.state = 'used') AS used
    FROM campaigns AS g WHERE g.campaign_id < :before ORDER BY g.campaign_id DESC LIMIT :limit
    """
)


class CampaignTermsIn(Body):
    """What is promised, to whom, and what it may cost: a coupon takes off ``off_fen``, or a share up to it."""

    name_zh = Text(high=100, required=True)
    name_en = Text(high=100, required=True)
    benefit = Choice(BenefitKind, required=True)
    minimum_fen = Fen(required=True)
    off_fen = Fen(low=1, high=rules.OFF_FEN_MAX, required=True)
    percent_bp = Int(low=1, high=rules.PERCENT_BP_MAX, load_default=None, allow_none=True)
    verticals = Many(Choice(Vertical), high=len(Vertical), load_default=list)
    community_id = Id(load_default=None, allow_none=True)
    starts_at = Instant(required=True)
    ends_at = Instant(required=True)
    budget_fen = Fen(low=1, high=rules.BUDGET_FEN_MAX, required=True)
    issued_max = Int(low=1, high=rules.ISSUED_MAX, required=True)
    per_person_max = Int(low=1, high=rules.PER_PERSON_MAX, load_default=1)
    valid_days = Int(low=1, high=rules.VALID_DAYS_MAX, load_default=7)
    has_code = Flag(load_default=False)
    why = Why()


class CampaignStopIn(Body):
    """Why it is stopped."""

    why = Why()


class CampaignMovedOut(Body):
    """Where a campaign stands."""

    campaign_id = Id(required=True)
    state = Choice(CampaignState, required=True)


class CampaignOut(PromiseOut):
    """A campaign, what it has given away and what is left of its budget."""

    state = Choice(CampaignState, required=True)
    community_id = Id(required=True, allow_none=True)
    ends_at = Instant(required=True)
    budget_fen = Fen(required=True)
    left_fen = Fen(required=True)
    issued_max = Int(low=1, high=rules.ISSUED_MAX, required=True)
    issued = Int(low=0, high=rules.ISSUED_MAX, required=True)
    used = Int(low=0, high=rules.ISSUED_MAX, required=True)
    per_person_max = Int(low=1, high=rules.PER_PERSON_MAX, required=True)
    valid_days = Int(low=1, high=rules.VALID_DAYS_MAX, required=True)
    code = Pattern(rf"[0-9]{{{rules.CODE_DIGITS}}}", high=rules.CODE_DIGITS, required=True, allow_none=True)
    made_at = Instant(required=True)
    stopped_at = Instant(required=True, allow_none=True)


class CampaignsOut(Body):
    """A page of campaigns, newest first."""

    items = Many(fields.Nested(CampaignOut), high=LIMIT_MAX, required=True)
    next_cursor = Text(high=64, required=True, allow_none=True)


def add_campaigns(door: Door) -> None:
    """Add the routes to ``door``."""

    @door.get("/campaigns", query=PageQuery, answer=CampaignsOut)
    @policy("campaign.read", Relation.PLATFORM)
    def list_campaigns(_actor: Actor, *, query: dict[str, Any]) -> dict[str, Any]:
        """List campaigns with what they cost so far, newest first."""
        rows = read(_LIST, {"before": read_cursor(query["cursor"]), "limit": query["limit"] + 1})
        return page([_shown(dict(row._mapping)) for row in rows], limit=query["limit"], key="campaign_id")

    @door.post("/campaigns", body=CampaignTermsIn, answer=CampaignMovedOut, status=201, once=True)
    @policy("campaign.write", Relation.PLATFORM)
    def begin_campaign(actor: Actor, *, claim: Claim, body: dict[str, Any]) -> CampaignMoved:
        """Start a campaign with a small budget; a larger one is asked for and takes another person."""
        return start_campaign(actor, claim, why=body.pop("why"), terms=CampaignTerms(**body))

    @door.post("/campaign-requests", body=CampaignTermsIn, answer=ApprovalMovedOut, status=201, once=True)
    @policy("campaign.write", Relation.PLATFORM)
    def request_campaign(actor: Actor, *, claim: Claim, body: dict[str, Any]) -> ApprovalMoved:
        """Ask for a campaign of any budget; it starts when another person has approved."""
        return ask_campaign(actor, claim, why=body.pop("why"), wish=CampaignTerms(**body))

    @door.post("/campaigns/<uuid:campaign_id>/stop", body=CampaignStopIn, answer=CampaignMovedOut, once=True)
    @policy("campaign.stop", Relation.PLATFORM)
    def end_campaign(actor: Actor, *, claim: Claim, campaign_id: UUID, body: dict[str, Any]) -> CampaignMoved:
        """Stop a campaign at once and for good."""
        return stop_campaign(actor, claim, campaign_id=campaign_id, why=body["why"])


def _shown(row: dict[str, Any]) -> dict[str, Any]:
    has_code = row.pop("has_code")
    return {**row, "code": campaign_code(row["campaign_id"]) if has_code else None}
