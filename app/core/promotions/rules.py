"""Pure rules of campaigns: what a coupon takes off which shop, and what a campaign may promise at all.

The platform bears what its coupon takes off. It comes off the goods, behind the shop's own discount, and is paid to the
shop when the shop is paid: the resident is refunded what the resident paid, and nothing else.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from app.core.promotions.errors import CampaignTermsInvalid, CouponNotApplicable, CouponNotUsable
from app.core.promotions.states import BenefitKind, CampaignState, CouponState
from app.kernel.money import rate_fen, split_fen

BUDGET_ALONE_FEN_MAX = 100_000
"""What one person may spend on a campaign alone, fen: 1,000 yuan."""
BUDGET_FEN_MAX = 1_000_000_000
OFF_FEN_MAX = 20_000
"""No coupon takes off more, whatever its campaign says: a slip of the pen costs no more than this a checkout."""
PERCENT_BP_MAX = 5_000
ISSUED_MAX = 1_000_000
PER_PERSON_MAX = 10
VALID_DAYS_MAX = 90
LASTS_MAX = timedelta(days=92)

WRONG_CODES_MAX = 10
WRONG_CODES_WINDOW = timedelta(hours=1)
CODE_DIGITS = 16
CODE_CONTEXT = "campaigns.code"


@dataclass(frozen=True, slots=True, kw_only=True)
class CampaignTerms:
    """What a campaign promises, to whom, and what it may cost at most."""

    name_zh: str
    name_en: str
    benefit: str
    minimum_fen: int
    off_fen: int
    percent_bp: int | None
    verticals: Sequence[str]
    community_id: UUID | None
    starts_at: datetime
    ends_at: datetime
    budget_fen: int
    issued_max: int
    per_person_max: int
    valid_days: int
    has_code: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One shop's part of a cart, for a coupon: its goods behind the shop's own discount, fen."""

    shop_id: UUID
    vertical: str
    payable_fen: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Coupon:
    """A coupon as it stands, with what its campaign promises."""

    coupon_id: UUID
    campaign_id: UUID
    state: str
    expires_at: datetime
    campaign_state: str
    starts_at: datetime
    ends_at: datetime
    benefit: str
    minimum_fen: int
    off_fen: int
    percent_bp: int | None
    verticals: Sequence[str]
    community_id: UUID | None

    def offs(self, parts: Sequence[Part], *, community_id: UUID, now: datetime) -> Mapping[UUID, int]:
        """Return what it takes off each shop's goods, fen; a fen of every part is left to pay.

        :raises CouponNotUsable: it is used or over, or its campaign is. :raises CouponNotApplicable: not to this cart.
        """
        why = self._why_not(now)
        if why is not None:
            raise CouponNotUsable(pointer="/coupon_id", why=why)
        fits = self.community_id in {None, community_id}
        meant = [part for part in parts if fits and (not self.verticals or part.vertical in self.verticals)]
        goods_fen = sum(part.payable_fen for part in meant)
        if not meant or goods_fen < max(self.minimum_fen, 1):
            raise CouponNotApplicable(pointer="/coupon_id", minimum_fen=self.minimum_fen, goods_fen=goods_fen)
        off_fen = self.off_fen
        if self.percent_bp is not None:
            off_fen = min(off_fen, rate_fen(goods_fen, self.percent_bp))
        weights = [part.payable_fen for part in meant]
        shares = split_fen(min(off_fen, goods_fen), weights)
        return {part.shop_id: min(share, part.payable_fen - 1) for part, share in zip(meant, shares, strict=True)}

    def _why_not(self, now: datetime) -> str | None:
        if self.state != CouponState.HELD:
            return "used"
        if self.campaign_state != CampaignState.LIVE or now >= self.ends_at:
            return "over"
        if now < self.starts_at:
            return "not_begun"
        return "expired" if now >= self.expires_at else None


@dataclass(frozen=True, slots=True, kw_only=True)
class BestCoupon:
    """The coupon of those that somebody holds that takes most off a cart, fen."""

    coupon_id: UUID
    off_fen: int
    expires_at: datetime


def best_coupon(
    held: Sequence[tuple[Coupon, int]], parts: Sequence[Part], *, community_id: UUID, now: datetime
) -> BestCoupon | None:
    """Return the coupon that takes most off; of equals the one that ends first. None where none takes anything off.

    :param held: coupons, each with what is left of its campaign's budget, fen.
    """
    found = []
    for coupon, left_fen in held:
        try:
            off_fen = sum(coupon.offs(parts, community_id=community_id, now=now).values())
        except (CouponNotUsable, CouponNotApplicable):
            continue
        if 0 < off_fen <= left_fen:
            found.append(BestCoupon(coupon_id=coupon.coupon_id, off_fen=off_fen, expires_at=coupon.expires_at))
    return min(found, key=lambda one: (-one.off_fen, one.expires_at, one.coupon_id), default=None)


def refuse_unsound(terms: CampaignTerms, now: datetime) -> None:
    """Refuse terms that nobody could keep, or that a slip of the pen could have made.

    :raises CampaignTermsInvalid: the pointer names the first field at fault.
    """
    is_percent = terms.benefit == BenefitKind.PERCENT
    wrong = {
        "percent_bp": is_percent != (terms.percent_bp is not None),
        "minimum_fen": not is_percent and terms.minimum_fen <= terms.off_fen,
        "starts_at": terms.ends_at <= terms.starts_at,
        "ends_at": terms.ends_at <= now or terms.ends_at - terms.starts_at > LASTS_MAX,
        "budget_fen": terms.budget_fen < terms.off_fen,
        "per_person_max": terms.per_person_max > terms.issued_max,
        "verticals": len(set(terms.verticals)) != len(terms.verticals),
    }
    fault = next((name for name, is_wrong in wrong.items() if is_wrong), None)
    if fault is not None:
        raise CampaignTermsInvalid(pointer=f"/{fault}")


def promotion_back_fen(*, promotion_fen: int, own_fen: int, refunded_fen: int, amount_fen: int) -> int:
    """Return what of the platform's part goes back with a refund of ``amount_fen`` to the resident.

    Pro rata and cumulative, so that many refunds give back what one would, and a whole one all of it.

    :param own_fen: what the resident paid of what the shop earned by. :param refunded_fen: of it, refunded before.
    """
    if promotion_fen == 0:
        return 0

    def back(total_fen: int) -> int:
        return (2 * promotion_fen * total_fen + own_fen) // (2 * own_fen)

    return back(refunded_fen + amount_fen) - back(refunded_fen)
