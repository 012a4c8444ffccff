"""States of campaigns and coupons. Time decides the rest: a campaign before it starts, a coupon past its day."""

from enum import StrEnum


class CampaignState(StrEnum):
    """Whether a campaign may give. One that is stopped is stopped for good; what was placed by it stands."""

    LIVE = "live"
    STOPPED = "stopped"


class CouponState(StrEnum):
    """Where a coupon is. One that is used comes back when nothing of its checkout was sold."""

    HELD = "held"
    USED = "used"


class BenefitKind(StrEnum):
    """What a coupon takes off."""

    OFF = "off"
    """So many fen."""
    PERCENT = "percent"
    """A share, up to so many fen."""
