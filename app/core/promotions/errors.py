"""What can be wrong with campaigns and coupons."""

from app.kernel.errors import Conflict, Invalid, NotFound, Throttled


class CampaignNotFound(NotFound):
    """No such campaign, or none that is open to the asker."""

    code = "campaign_not_found"
    title = "Campaign not found"


class CampaignTermsInvalid(Invalid):
    """Terms that contradict each other; the pointer names the first field at fault."""

    code = "campaign_terms_invalid"
    title = "The campaign is not possible"


class CampaignNeedsTwo(Conflict):
    """The budget is above what one person may start. Parameter ``budget_fen_max``."""

    code = "campaign_needs_two"
    title = "Another person has to approve the campaign"


class CampaignStopped(Conflict):
    """It was stopped before."""

    code = "campaign_stopped"
    title = "The campaign is stopped"


class CouponNotFound(NotFound):
    """No such coupon, or not one of yours."""

    code = "coupon_not_found"
    title = "Coupon not found"


class CouponsGone(Conflict):
    """All coupons of the campaign are claimed, or its budget is used up."""

    code = "coupons_gone"
    title = "No coupon is left"


class CouponsClaimed(Conflict):
    """One has had all that one person may have. Parameter ``per_person_max``."""

    code = "coupons_claimed"
    title = "You have had yours"


class CouponCodeRefused(NotFound):
    """The code opens nothing: it is wrong, over, or not for the asker; which of them is not said."""

    code = "coupon_code_refused"
    title = "The code is not valid"


class TooManyCouponCodes(Throttled):
    """Too many wrong codes within an hour. Parameter ``retry_after_s``."""

    code = "too_many_coupon_codes"
    title = "Too many wrong codes"


class CouponNotUsable(Conflict):
    """The coupon cannot take anything off now. Parameter ``why``: ``used``, ``expired``, ``not_begun``, ``over``."""

    code = "coupon_not_usable"
    title = "The coupon cannot be used"


class CouponNotApplicable(Conflict):
    """The cart has too little, or nothing, that the coupon is for. Parameters ``minimum_fen`` and ``goods_fen``."""

    code = "coupon_not_applicable"
    title = "The coupon does not fit the cart"
