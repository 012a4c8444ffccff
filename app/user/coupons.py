"""Coupons at the resident's door: what there is to claim, claiming, and what one holds."""

from enum import StrEnum
from typing import Any
from uuid import UUID

from marshmallow import fields
from sqlalchemy import text

from app.core.promotions import rules
from app.kernel.actor import Actor
from app.kernel.transaction import Claim, read
from app.usecases.promoting.coupons import CouponClaimed, claim_by_code, claim_coupon
from app.web.door import Door
from app.web.fields import Body, Choice, Fen, Flag, Id, Instant, Int, Many, Pattern, Text
from app.web.paging import LIMIT_MAX, PageQuery, page, read_cursor
from app.web.policy import Relation, policy
from app.web.promotions import PromiseOut

_PROMISE = "g.campaign_id, g.name_zh, g.name_en, g.benefit, g.minimum_fen, g.off_fen, g.percent_bp, g.verticals"
_CAMPAIGNS = text(
    f"""
    SELECT {_PROMISE}, g.starts_at, g.ends_at, g.per_person_max, g.issued >= g.issued_max OR g.left_fen = 0 AS is_gone,
        (SELECT count(*) FROM coupons AS c WHERE c.campaign_id = g.campaign_id AND c.account_id = :account_id) AS mine
    FROM campaigns AS g
    WHERE g.campaign_id < :before AND g.state = 'live' AND g.code_digest IS NULL AND g.ends_at > business_now()
        AND (g.community_id IS NULL OR EXISTS (
            SELECT 1 FROM addresses AS a
            WHERE a.account_id = :account_id AND a.community_id = g.community_id AND a.removed_at IS NULL))
    ORDER BY g.campaign_id DESC LIMIT :limit
    """
)
_COUPONS = text(
    f"""
    SELECT c.coupon_id, {_PROMISE}, c.claimed_at, c.expires_at, c.used_at, c.checkout_id, c.off_fen AS took_off_fen,
        g.starts_at,
        CASE WHEN c.state = 'used' THEN 'used' WHEN g.state <> 'live' OR g.ends_at <= business_now() THEN 'over'
            WHEN c.expires_at <= business_now() THEN 'expired' WHEN g.starts_at > business_now() THEN 'not_begun'
            ELSE 'usable' END AS stands
    FROM coupons AS c JOIN campaigns AS g ON g.campaign_id = c.campaign_id
    WHERE c.account_id = :account_id AND c.coupon_id < :before ORDER BY c.coupon_id DESC LIMIT :limit
    """
)


class Stands(StrEnum):
    """How a coupon stands now."""

    USABLE = "usable"
    NOT_BEGUN = "not_begun"
    USED = "used"
    EXPIRED = "expired"
    OVER = "over"


class OpenCampaignOut(PromiseOut):
    """A campaign that coupons may be claimed of, and how many of them one has had."""

    ends_at = Instant(required=True)
    per_person_max = Int(low=1, high=rules.PER_PERSON_MAX, required=True)
    mine = Int(low=0, high=rules.PER_PERSON_MAX, required=True)
    is_gone = Flag(required=True)


class OpenCampaignsOut(Body):
    """A page of campaigns, newest first."""

    items = Many(fields.Nested(OpenCampaignOut), high=LIMIT_MAX, required=True)
    next_cursor = Text(high=64, required=True, allow_none=True)


class CouponOut(PromiseOut):
    """A coupon of one's own."""

    coupon_id = Id(required=True)
    stands = Choice(Stands, required=True)
    claimed_at = Instant(required=True)
    expires_at = Instant(required=True)
    used_at = Instant(required=True, allow_none=True)
    checkout_id = Id(required=True, allow_none=True)
    took_off_fen = Fen(required=True, allow_none=True)


class CouponsOut(Body):
    """A page of coupons, newest first."""

    items = Many(fields.Nested(CouponOut), high=LIMIT_MAX, required=True)
    next_cursor = Text(high=64, required=True, allow_none=True)


class CouponClaimedOut(Body):
    """A coupon that was claimed, and until when it takes something off."""

    coupon_id = Id(required=True)
    campaign_id = Id(required=True)
    expires_at = Instant(required=True)


class CouponCodeIn(Body):
    """A campaign's code."""

    code = Pattern(rf"[0-9]{{{rules.CODE_DIGITS}}}", high=rules.CODE_DIGITS, required=True)


def add_coupons(door: Door) -> None:
    """Add the routes to ``door``."""

    @door.get("/campaigns", query=PageQuery, answer=OpenCampaignsOut)
    @policy("coupon.read", Relation.OWN)
    def list_open_campaigns(actor: Actor, *, query: dict[str, Any]) -> dict[str, Any]:
        """List campaigns of which anybody may claim coupons, where one lives and everywhere, newest first."""
        return _page(_CAMPAIGNS, actor, query, key="campaign_id")

    @door.post("/campaigns/<uuid:campaign_id>/coupons", answer=CouponClaimedOut, status=201, once=True)
    @policy("coupon.claim", Relation.OWN)
    def claim(actor: Actor, *, claim: Claim, campaign_id: UUID) -> CouponClaimed:
        """Claim a coupon of a campaign."""
        return claim_coupon(actor, claim, campaign_id=campaign_id)

    @door.post("/coupon-codes", body=CouponCodeIn, answer=CouponClaimedOut, status=201, once=True)
    @policy("coupon.claim", Relation.OWN)
    def enter_code(actor: Actor, *, claim: Claim, body: dict[str, Any]) -> CouponClaimed:
        """Claim a coupon by a code; after ten wrong ones within an hour no more are looked at."""
        return claim_by_code(actor, claim, code=body["code"])

    @door.get("/coupons", query=PageQuery, answer=CouponsOut)
    @policy("coupon.read", Relation.OWN)
    def list_coupons(actor: Actor, *, query: dict[str, Any]) -> dict[str, Any]:
        """List one's coupons and how each stands, newest first."""
        return _page(_COUPONS, actor, query, key="coupon_id")


def _page(statement: Any, actor: Actor, query: dict[str, Any], *, key: str) -> dict[str, Any]:
    asked = {"account_id": actor.account_id, "before": read_cursor(query["cursor"]), "limit": query["limit"] + 1}
    return page([dict(row._mapping) for row in read(statement, asked)], limit=query["limit"], key=key)
