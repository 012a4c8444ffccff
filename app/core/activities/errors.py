"""What can be wrong with community events."""

from app.kernel.errors import Conflict, Invalid, NotFound


class ActivityNotFound(NotFound):
    """No such community event, or none for the asker's communities or of the asker's store."""

    code = "activity_not_found"
    title = "Event not found"


class ActivityInvalid(Invalid):
    """It lies ahead, at most ``ahead_days_max``, and ends after it begins, within ``length_days_max``."""

    code = "activity_invalid"
    title = "The times of the event are not possible"


class ActivityBegun(Conflict):
    """It has begun, is over or was canceled."""

    code = "activity_begun"
    title = "The event takes no changes any more"


class ActivityFull(Conflict):
    """All places are taken, and ``waiting_max`` wait for one."""

    code = "activity_full"
    title = "The event is full"


class SignupExists(Conflict):
    """The resident has signed up already."""

    code = "signup_exists"
    title = "You have signed up already"


class SignupNotFound(NotFound):
    """No such sign-up of the asker's."""

    code = "signup_not_found"
    title = "Sign-up not found"


class ActivityCodeRefused(Conflict):
    """It is no code of a sign-up for an event of the store that lets people in now."""

    code = "activity_code_refused"
    title = "The code is not good"


class CheckedInAlready(Conflict):
    """Somebody came in with this code before; parameter ``checked_in_at``."""

    code = "checked_in_already"
    title = "The code was used"
