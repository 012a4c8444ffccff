"""A shop is opened in one sitting: a draft, its terms and papers, handed in, looked at by the platform; free.

Whoever begins becomes the owner of a merchant of their own. Offers of a new shop are looked at for thirty days.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

import orjson

from app.core.accounts.errors import AddressTooFar
from app.core.catalog.areas import read_area, refuse_abroad
from app.core.catalog.errors import ShopNotFound, ShopNotReady, TermsInvalid, TooManyDrafts
from app.core.catalog.models import ShopState, Vertical
from app.core.catalog.states import SHOP_TRANSITIONS, ShopAction
from app.core.communities.errors import CommunityNotFound
from app.core.events import ShopReviewed
from app.core.papers.errors import OwnPaper
from app.core.papers.rules import NEEDED
from app.kernel.actor import Actor
from app.kernel.geo import distance_m
from app.kernel.ids import new_id
from app.kernel.machines import next_state
from app.kernel.polygons import Point
from app.kernel.transaction import Claim, closing, opening, transaction
from app.usecases.shopkeeping.shelf import MEMBER, ShopChanged, lock

DRAFTS_MAX = 5
"""Shops of one person that are not open yet."""
COMMUNITY_M_MAX = 10_000
COMMISSION_BP: Mapping[Vertical, int] = {
    Vertical.RETAIL: 400,
    Vertical.FOOD: 600,
    Vertical.HOME_SERVICE: 500,
    Vertical.LEISURE: 500,
}
"""The rate that a shop begins with, by vertical; another one takes two people of the platform."""
REVIEWED_FOR = timedelta(days=30)

_LOCK_PERSON = opening(
    """
    SELECT a.account_id, c.lat, c.lng, (
        SELECT count(*) FROM memberships AS m JOIN shops AS s ON s.merchant_id = m.organization_id
        WHERE m.account_id = a.account_id AND m.organization_kind = 'merchant' AND m.role = 'owner'
            AND s.state IN ('draft', 'submitted')) AS draft_count
    FROM accounts AS a LEFT JOIN communities AS c ON c.community_id = :community_id AND c.merged_into_id IS NULL
    WHERE a.account_id = :account_id FOR NO KEY UPDATE OF a
    """
)
_BEGIN = closing(
    """
    merchant AS (INSERT INTO merchants (merchant_id, name) VALUES (:merchant_id, :name)),
    owner AS (
        INSERT INTO memberships (account_id, organization_kind, organization_id, role)
        VALUES (:account_id, 'merchant', :merchant_id, 'owner')
    ),
    shop AS (
        INSERT INTO shops (shop_id, merchant_id, community_id, name, vertical, state, lat, lng, radius_m, minimum_fen,
            packing_fen, preparation_minutes, commission_bp, hours, fee_tiers, license_number, license_expires_on)
        VALUES (:shop_id, :merchant_id, :community_id, :name, :vertical, :state, :lat, :lng, 3000, 0, 0, 15,
            :commission_bp, '{}', '[{"up_to_m": 3000, "fee_fen": 500}]', '', '1970-01-01')
    )"""
)
_LOCK_SHOP = opening(
    f"""
    SELECT s.shop_id, s.state, s.vertical, s.lat, s.lng, s.hours, ARRAY(
        SELECT p.kind FROM papers AS p WHERE p.shop_id = s.shop_id AND p.state IN ('submitted', 'approved')) AS papers
    FROM shops AS s {MEMBER} AND s.shop_id = :shop_id FOR UPDATE OF s
    """
)
_TERMS = closing(
    """
    changed AS (
        UPDATE shops SET radius_m = coalesce(CAST(:radius_m AS bigint), radius_m),
            area = CASE WHEN CAST(:radius_m AS bigint) IS NULL THEN area ELSE CAST(:area AS jsonb) END,
            fee_tiers = coalesce(CAST(:fee_tiers AS jsonb), fee_tiers),
            discount_tiers = coalesce(CAST(:discount_tiers AS jsonb), discount_tiers),
            minimum_fen = coalesce(CAST(:minimum_fen AS bigint), minimum_fen),
            packing_fen = coalesce(CAST(:packing_fen AS bigint), packing_fen),
            preparation_minutes = coalesce(CAST(:preparation_minutes AS bigint), preparation_minutes),
            is_auto_accept = coalesce(CAST(:is_auto_accept AS boolean), is_auto_accept),
            hours = coalesce(CAST(:hours AS jsonb), hours)
        WHERE shop_id = :shop_id
    )"""
)
_MOVE = closing("moved AS (UPDATE shops SET state = :state WHERE shop_id = :shop_id)")
_LOCK_TO_REVIEW = opening(
    """
    SELECT s.shop_id, s.state, s.vertical, s.license_expires_on,
        CAST(business_now() AT TIME ZONE 'Asia/Shanghai' AS date) AS today,
        ARRAY(SELECT p.kind FROM papers AS p WHERE p.shop_id = s.shop_id AND p.state = 'approved') AS papers,
        EXISTS (SELECT 1 FROM memberships AS m WHERE m.account_id = :account_id AND m.organization_kind = 'merchant'
            AND m.organization_id = s.merchant_id) AS is_own
    FROM shops AS s WHERE s.shop_id = :shop_id FOR UPDATE OF s
    """
)
_REVIEWED = closing(
    """
    reviewed AS (
        UPDATE shops SET state = :state, refusal = CAST(:reason AS text),
            reviewed_until = CASE WHEN CAST(:is_approved AS boolean)
                THEN business_now() + CAST(:reviewed_for AS interval) END
        WHERE shop_id = :shop_id
    ),
    offered AS (
        UPDATE offers SET state = 'in_review', is_paused_after_review = state = 'paused'
        WHERE shop_id = :shop_id AND state IN ('on_sale', 'paused') AND CAST(:is_approved AS boolean)
    )"""
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ShopBegun:
    """A shop that its owner now sets up at the merchant's side."""

    shop_id: UUID
    merchant_id: UUID
    state: str


def begin_shop(
    actor: Actor, claim: Claim, *, community_id: UUID, name: str, vertical: Vertical, lat: float, lng: float
) -> ShopBegun:
    """Begin a shop (开店): a draft that nobody sees but its owner.

    :raises AreaInvalid: the place is not in China; a swapped pair is not either.
    :raises CommunityNotFound: there is none. :raises AddressTooFar: the place is too far from it.
    :raises TooManyDrafts: begun too often.
    """
    refuse_abroad(lat, lng, pointer="/lat")
    with transaction(claim) as tx:
        row = tx.open_one(_LOCK_PERSON, {"account_id": actor.account_id, "community_id": community_id})
        assert row is not None, "who has a token has an account"
        if row.lat is None:
            raise CommunityNotFound(pointer="/community_id")
        meters = distance_m(lat, lng, row.lat, row.lng)
        if meters > COMMUNITY_M_MAX:
            raise AddressTooFar(pointer="/lat", distance_m=meters, distance_m_max=COMMUNITY_M_MAX)
        if row.draft_count >= DRAFTS_MAX:
            raise TooManyDrafts(drafts_max=DRAFTS_MAX)
        begun = ShopBegun(shop_id=new_id(), merchant_id=new_id(), state=ShopState.DRAFT.value)
        tx.keep(begun)
        tx.close(
            _BEGIN,
            {
                "shop_id": begun.shop_id,
                "merchant_id": begun.merchant_id,
                "account_id": actor.account_id,
                "community_id": community_id,
                "name": name,
                "vertical": vertical.value,
                "state": begun.state,
                "lat": lat,
                "lng": lng,
                "commission_bp": COMMISSION_BP[vertical],
            },
        )
    return begun


def set_terms(
    actor: Actor,
    claim: Claim,
    *,
    shop_id: UUID,
    radius_m: int | None,
    area: Sequence[Point] | None,
    fee_tiers: Sequence[dict[str, int]] | None,
    discount_tiers: Sequence[dict[str, int]] | None,
    **terms: Any,
) -> ShopChanged:
    """Set how far a shop delivers and for how much; what is None stays. Orders keep the terms they were placed at.

    :param area: a polygon, instead of ``radius_m``. :param terms: ``minimum_fen``, ``packing_fen``,
        ``preparation_minutes``, ``is_auto_accept``, ``hours``.
    :raises AreaInvalid: no polygon that a shop can have. :raises TermsInvalid: both a radius and an area, or tiers that
        do not rise.
    """
    if radius_m is not None and area is not None:
        raise TermsInvalid(pointer="/area")
    _refuse_tiers(fee_tiers, "up_to_m", "/fee_tiers")
    _refuse_tiers(discount_tiers, "from_fen", "/discount_tiers")
    for number, tier in enumerate(discount_tiers or ()):
        if tier["off_fen"] >= tier["from_fen"]:
            raise TermsInvalid(pointer=f"/discount_tiers/{number}/off_fen")
    with transaction(claim) as tx:
        row = lock(tx, _LOCK_SHOP, {"shop_id": shop_id, **actor.as_member}, ShopNotFound)
        corners = None
        if area is not None:
            corners, radius_m = read_area(area, shop=(row.lat, row.lng))
        changed = ShopChanged(shop_id=shop_id, state=row.state)
        tx.keep(changed)
        tx.close(
            _TERMS,
            {
                "shop_id": shop_id,
                "radius_m": radius_m,
                "area": None if corners is None else orjson.dumps(corners).decode(),
                "fee_tiers": None if fee_tiers is None else orjson.dumps(fee_tiers).decode(),
                "discount_tiers": None if discount_tiers is None else orjson.dumps(discount_tiers).decode(),
                **terms,
                "hours": None if terms.get("hours") is None else orjson.dumps(terms["hours"]).decode(),
            },
        )
    return changed


def submit_shop(actor: Actor, claim: Claim, *, shop_id: UUID) -> ShopChanged:
    """Hand a draft in. It needs opening hours and, handed in, the papers of its vertical.

    :raises ShopNotReady: parameter ``lacking`` names what it lacks.
    """
    with transaction(claim) as tx:
        row = lock(tx, _LOCK_SHOP, {"shop_id": shop_id, **actor.as_member}, ShopNotFound)
        target = next_state(SHOP_TRANSITIONS, ShopState(row.state), ShopAction.SUBMIT, actor.role)
        lacking = [kind.value for kind in NEEDED[row.vertical] if kind not in row.papers]
        lacking += [] if row.hours else ["hours"]
        if lacking:
            raise ShopNotReady(lacking=lacking)
        changed = ShopChanged(shop_id=shop_id, state=target.value)
        tx.keep(changed)
        tx.close(_MOVE, {"shop_id": shop_id, "state": changed.state})
    return changed


def review_shop(actor: Actor, claim: Claim, *, shop_id: UUID, is_approved: bool, reason: str | None) -> ShopChanged:
    """Open a shop, or give it back to its owner with a reason. What it offers by then is looked at before it is sold.

    :raises ShopNotReady: a paper that it needs is not approved, or has run out. :raises OwnPaper: it is the reviewer's.
    """
    with transaction(claim) as tx:
        row = lock(tx, _LOCK_TO_REVIEW, {"shop_id": shop_id, "account_id": actor.account_id}, ShopNotFound)
        if row.is_own:
            raise OwnPaper
        action = ShopAction.APPROVE if is_approved else ShopAction.REFUSE
        target = next_state(SHOP_TRANSITIONS, ShopState(row.state), action, actor.role)
        lacking = [kind.value for kind in NEEDED[row.vertical] if kind not in row.papers]
        if is_approved and (lacking or row.license_expires_on < row.today):
            raise ShopNotReady(lacking=lacking or ["license"])
        changed = ShopChanged(shop_id=shop_id, state=target.value)
        tx.record(ShopReviewed(shop_id=shop_id, state=changed.state))
        tx.keep(changed)
        tx.close(
            _REVIEWED,
            {
                "shop_id": shop_id,
                "state": changed.state,
                "reason": None if is_approved else reason,
                "is_approved": is_approved,
                "reviewed_for": REVIEWED_FOR,
            },
        )
    return changed


def _refuse_tiers(tiers: Sequence[dict[str, int]] | None, by: str, pointer: str) -> None:
    values = [tier[by] for tier in tiers or ()]
    if values != sorted(set(values)):
        raise TermsInvalid(pointer=pointer)
