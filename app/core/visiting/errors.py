"""What can be wrong with visits."""

from app.kernel.errors import Conflict, Invalid, NotFound


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
