"""What can be wrong with visits."""

from app.kernel.errors import Conflict, Forbidden, Invalid, NotFound


class VanVisitNotFound(NotFound):
    """No such visit of a van of the asker's store."""

    code = "van_visit_not_found"
    title = "Visit not found"


class VanVisitInvalid(Invalid):
    """It lies ahead, at most ``ahead_days_max``, lasts at most ``length_hours_max``, and stands in the community."""

    code = "van_visit_invalid"
    title = "The visit is not possible"


class VanBusy(Conflict):
    """The van stands elsewhere at that time; parameter ``van_visit_id``."""

    code = "van_busy"
    title = "The van is elsewhere at that time"


class VanVisitBegun(Conflict):
    """It has begun, or is over."""

    code = "van_visit_begun"
    title = "The visit has begun already"


class ChecklistOutdated(Conflict):
    """The checklist has a newer version; parameter ``version``."""

    code = "checklist_outdated"
    title = "There is a newer checklist"


class AnswersInvalid(Invalid):
    """Each point of the checklist wants one answer; parameter ``points``."""

    code = "answers_invalid"
    title = "The answers do not fit the checklist"


class OffTheSpot(Invalid):
    """Who visits is not at the shop; parameters ``distance_m``, ``distance_m_max``."""

    code = "off_the_spot"
    title = "You are not at the shop"


class OwnShop(Forbidden):
    """Who visits belongs to the merchant."""

    code = "own_shop"
    title = "Nobody visits their own shop"


class ShopVisitNotFound(NotFound):
    """No such visit whose findings wait."""

    code = "shop_visit_not_found"
    title = "Visit not found"


class SampleNotFound(NotFound):
    """No such sample at a store of the asker's, or no sample with this code."""

    code = "sample_not_found"
    title = "Sample not found"


class SampleShown(Conflict):
    """The store shows this offer already."""

    code = "sample_shown"
    title = "The store shows it already"


class OfferNotForSample(NotFound):
    """No such offer on sale of a shop that is open."""

    code = "offer_not_for_sample"
    title = "Offer not found"
