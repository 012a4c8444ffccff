"""A merchant claims a listing (认领), the platform decides: one claim wins, the listing becomes a draft of its shop.

Locks the listing, then its claims in the order of their ids: of two who decide about one listing at once the second
sees what the first did.
"""

from dataclasses import dataclass
from datetime import date
from uuid import UUID

import orjson
from sqlalchemy import text

from app.core.catalog.models import ShopState, Vertical
from app.core.directory.errors import (
    ClaimNotFound,
    ClaimWaits,
    ListingClaimed,
    ListingNotFound,
    ListingRemote,
    MerchantNotYours,
    OwnClaim,
    TooManyClaims,
)
from app.core.directory.states import CLAIM_TRANSITIONS, ClaimAction, ClaimState
from app.core.events import ListingClaimDecided, ListingClaimSubmitted
from app.kernel.actor import Actor
from app.kernel.geo import distance_m
from app.kernel.ids import new_id
from app.kernel.machines import next_state
from app.kernel.transaction import Claim, closing, opening, transaction
from app.kernel.wire import Row

COMMUNITY_M_MAX = 10_000
CLAIMS_MAX = 50
"""Claims of one merchant that wait."""
FOOD = ("餐", "小吃", "奶茶", "甜品", "面包", "蛋糕", "咖啡", "饭", "面", "火锅")
SERVICE = ("家政", "保洁", "维修", "搬家", "洗衣", "开锁")
LEISURE = ("休闲", "娱乐", "美发", "美容", "美甲", "健身", "足疗", "影", "球馆")
NO_LICENSE = date(1970, 1, 1)
"""Until papers are approved a shop sells nothing."""
RADIUS_M, PREPARATION_MINUTES, COMMISSION_BP = 3_000, 20, 500
FEE_TIERS = [{"up_to_m": 1_000, "fee_fen": 300}, {"up_to_m": RADIUS_M, "fee_fen": 500}]
"""What a draft begins with; its owner changes it before it opens."""

_OURS = """
    EXISTS (SELECT 1 FROM memberships AS m WHERE m.account_id = :account_id AND m.organization_kind = 'merchant'
        AND m.organization_id = :merchant_id AND m.role = ANY (CAST(:roles AS text[])))
"""
_LOCK_LISTING = opening(
    f"""
    SELECT l.listing_id, l.shop_id, {_OURS} AS is_ours,
        (SELECT count(*) FROM listing_claims AS c WHERE c.merchant_id = :merchant_id AND c.state = 'submitted')
            AS waiting_count
    FROM listings AS l WHERE l.listing_id = :listing_id FOR UPDATE OF l
    """
)
_SUBMIT = closing(
    """
    made AS (
        INSERT INTO listing_claims (claim_id, listing_id, merchant_id, claimed_by_id, photo_reference, state,
            claimed_at)
        VALUES (:claim_id, :listing_id, :merchant_id, :account_id, :photo_reference, :state, business_now())
        ON CONFLICT (listing_id, merchant_id) WHERE state = 'submitted' DO NOTHING RETURNING claim_id
    )""",
    answer="SELECT claim_id FROM made",
)
_LOCK_OWN = opening(
    """
    SELECT c.claim_id, c.state, c.listing_id FROM listing_claims AS c
    JOIN memberships AS m ON m.organization_id = c.merchant_id AND m.organization_kind = 'merchant'
        AND m.account_id = :account_id AND m.role = ANY (CAST(:roles AS text[]))
    WHERE c.claim_id = :claim_id FOR UPDATE OF c
    """
)
_WITHDRAW = closing("withdrawn AS (UPDATE listing_claims SET state = :state WHERE claim_id = :claim_id)")
_LOCK_FOR_DECISION = opening(
    """
    SELECT l.listing_id, l.shop_id, l.name, l.category, l.lat, l.lng
    FROM listings AS l WHERE l.listing_id = (SELECT listing_id FROM listing_claims WHERE claim_id = :claim_id)
    FOR UPDATE OF l
    """
)
_CLAIMS = text(
    """
    SELECT c.claim_id, c.merchant_id, c.claimed_by_id, c.state, EXISTS (
        SELECT 1 FROM memberships AS o WHERE o.account_id = :account_id AND o.organization_kind = 'merchant'
            AND o.organization_id = c.merchant_id) AS is_own
    FROM listing_claims AS c WHERE c.listing_id = :listing_id AND (c.state = 'submitted' OR c.claim_id = :claim_id)
    ORDER BY c.claim_id FOR UPDATE OF c
    """
)
_COMMUNITY = text(
    """
    SELECT community_id, lat, lng FROM communities WHERE merged_into_id IS NULL
    ORDER BY point(lng * cosd(:lat), lat) <-> point(:lng * cosd(:lat), :lat) LIMIT 1
    """
)
_DECIDED = """
    decided AS (
        UPDATE listing_claims SET state = :state, reason = CAST(:reason AS text), decided_at = business_now(),
            decided_by_id = :reviewer_id, shop_id = CAST(:shop_id AS uuid)
        WHERE claim_id = :claim_id
    )"""
_REFUSE = closing(_DECIDED)
_APPROVE = closing(
    f"""
    made AS (
        INSERT INTO shops (shop_id, merchant_id, community_id, name, vertical, state, lat, lng, radius_m, minimum_fen,
            packing_fen, preparation_minutes, commission_bp, hours, fee_tiers, license_number, license_expires_on)
        VALUES (CAST(:shop_id AS uuid), :merchant_id, :community_id, :name, :vertical, :shop_state, :lat, :lng,
            :radius_m, 0, 0, :preparation_minutes, :commission_bp, '{{}}', CAST(:fee_tiers AS jsonb), '',
            CAST(:license_expires_on AS date))
        RETURNING shop_id
    ),
    {_DECIDED.replace("CAST(:shop_id AS uuid)", "(SELECT shop_id FROM made)")},
    lost AS (
        UPDATE listing_claims SET state = :lost_state, decided_at = business_now(), decided_by_id = :reviewer_id
        WHERE listing_id = :listing_id AND state = 'submitted' AND claim_id <> :claim_id
    ),
    taken AS (UPDATE listings SET shop_id = (SELECT shop_id FROM made) WHERE listing_id = :listing_id)"""
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ClaimMoved:
    """Where a claim stands, and the shop that the listing became by it."""

    claim_id: UUID
    state: str
    shop_id: UUID | None = None


def claim_listing(
    actor: Actor, claim: Claim, *, listing_id: UUID, merchant_id: UUID, photo_reference: str
) -> ClaimMoved:
    """Claim a listing for a merchant that one owns. Others may claim it, too; the platform decides.

    :param photo_reference: what shows that it is theirs, such as the front of the shop with its license.
    :raises ListingNotFound: there is none. :raises MerchantNotYours: the actor owns no such merchant.
    :raises ListingClaimed: it is a shop already. :raises ClaimWaits: this merchant's claim of it waits.
    :raises TooManyClaims: so many of its claims wait.
    """
    params = {"listing_id": listing_id, "merchant_id": merchant_id, **actor.as_member}
    with transaction(claim) as tx:
        row = tx.open_one(_LOCK_LISTING, params)
        if row is None:
            raise ListingNotFound
        if not row.is_ours:
            raise MerchantNotYours(pointer="/merchant_id")
        if row.shop_id is not None:
            raise ListingClaimed
        if row.waiting_count >= CLAIMS_MAX:
            raise TooManyClaims(claims_max=CLAIMS_MAX)
        moved = ClaimMoved(claim_id=new_id(), state=ClaimState.SUBMITTED.value)
        tx.keep(moved)
        tx.record(
            ListingClaimSubmitted(
                claim_id=moved.claim_id, listing_id=listing_id, account_id=actor.account_id, state=moved.state
            )
        )
        made = tx.close(
            _SUBMIT,
            {
                "claim_id": moved.claim_id,
                "listing_id": listing_id,
                "merchant_id": merchant_id,
                "account_id": actor.account_id,
                "photo_reference": photo_reference,
                "state": moved.state,
            },
        )
        if made.first() is None:
            raise ClaimWaits
    return moved


def withdraw_claim(actor: Actor, claim: Claim, *, claim_id: UUID) -> ClaimMoved:
    """Take a claim back before it was decided.

    :raises ClaimNotFound: there is none of a merchant that the actor owns.
    """
    with transaction(claim) as tx:
        row = tx.open_one(_LOCK_OWN, {"claim_id": claim_id, **actor.as_member})
        if row is None:
            raise ClaimNotFound
        target = next_state(CLAIM_TRANSITIONS, ClaimState(row.state), ClaimAction.WITHDRAW, actor.role)
        moved = ClaimMoved(claim_id=claim_id, state=target.value)
        tx.keep(moved)
        tx.close(_WITHDRAW, {"claim_id": claim_id, "state": moved.state})
    return moved


def decide_claim(actor: Actor, claim: Claim, *, claim_id: UUID, is_approved: bool, reason: str | None) -> ClaimMoved:
    """Approve a claim, by which the listing becomes a draft shop and all other claims of it are lost; or refuse it.

    Who claimed is told, the others are, too.

    :raises ClaimNotFound: there is none. :raises OwnClaim: the reviewer belongs to the merchant.
    :raises ListingRemote: no community is within :data:`COMMUNITY_M_MAX`.
    """
    with transaction(claim) as tx:
        listing = tx.open_one(_LOCK_FOR_DECISION, {"claim_id": claim_id})
        if listing is None:
            raise ClaimNotFound
        asked = {"listing_id": listing.listing_id, "claim_id": claim_id, "account_id": actor.account_id}
        claims = tx.execute(_CLAIMS, asked).fetchall()
        own = next(row for row in claims if row.claim_id == claim_id)
        if own.is_own:
            raise OwnClaim
        action = ClaimAction.APPROVE if is_approved else ClaimAction.REFUSE
        target = next_state(CLAIM_TRANSITIONS, ClaimState(own.state), action, actor.role)
        decided: dict[str, object] = {
            "claim_id": claim_id,
            "state": target.value,
            "reason": reason,
            "reviewer_id": actor.account_id,
            "shop_id": None,
        }
        tx.describe(whom_id=own.claimed_by_id)
        if not is_approved:
            moved = ClaimMoved(claim_id=claim_id, state=target.value)
            tx.record(_decision(moved, listing.listing_id, own))
            tx.keep(moved)
            tx.close(_REFUSE, decided)
            return moved
        community = tx.execute(_COMMUNITY, {"lat": listing.lat, "lng": listing.lng}).one_or_none()
        if community is None or _away(community, listing) > COMMUNITY_M_MAX:
            raise ListingRemote(distance_m_max=COMMUNITY_M_MAX)
        moved = ClaimMoved(claim_id=claim_id, state=target.value, shop_id=new_id())
        tx.record(_decision(moved, listing.listing_id, own))
        lost = next_state(CLAIM_TRANSITIONS, ClaimState.SUBMITTED, ClaimAction.LOSE, actor.role)
        for row in claims:
            if row.claim_id != claim_id:
                other = ClaimMoved(claim_id=row.claim_id, state=lost.value)
                tx.record(_decision(other, listing.listing_id, row))
        tx.keep(moved)
        tx.close(
            _APPROVE,
            {
                **decided,
                "shop_id": moved.shop_id,
                "listing_id": listing.listing_id,
                "merchant_id": own.merchant_id,
                "community_id": community.community_id,
                "name": listing.name,
                "vertical": vertical_of(listing.category).value,
                "shop_state": ShopState.DRAFT.value,
                "lat": listing.lat,
                "lng": listing.lng,
                "radius_m": RADIUS_M,
                "preparation_minutes": PREPARATION_MINUTES,
                "commission_bp": COMMISSION_BP,
                "fee_tiers": orjson.dumps(FEE_TIERS).decode(),
                "license_expires_on": NO_LICENSE,
                "lost_state": lost.value,
            },
        )
    return moved


def vertical_of(category: str) -> Vertical:
    """Return the vertical that a listing's category sounds like; its owner may know better."""
    for vertical, words in ((Vertical.HOME_SERVICE, SERVICE), (Vertical.LEISURE, LEISURE), (Vertical.FOOD, FOOD)):
        if any(word in category for word in words):
            return vertical
    return Vertical.RETAIL


def _away(community: object, listing: object) -> int:
    return distance_m(community.lat, community.lng, listing.lat, listing.lng)  # type: ignore[attr-defined]


def _decision(moved: ClaimMoved, listing_id: UUID, row: Row) -> ListingClaimDecided:
    return ListingClaimDecided(
        claim_id=moved.claim_id,
        listing_id=listing_id,
        account_id=row.claimed_by_id,
        merchant_id=row.merchant_id,
        state=moved.state,
        shop_id=moved.shop_id,
    )
