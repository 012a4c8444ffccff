"""What can be wrong with a request that another has to approve."""

from app.kernel.errors import Conflict, Forbidden, Invalid, NotFound


class ApprovalNotFound(NotFound):
    """No such request."""

    code = "approval_not_found"
    title = "Request not found"


class OwnApproval(Forbidden):
    """Nobody decides about what they asked for themselves, or about themselves."""

    code = "own_approval"
    title = "Another person has to decide"


class ApprovalClosed(Conflict):
    """It was decided, withdrawn, or its time is over; parameter ``state``."""

    code = "approval_closed"
    title = "The request is not open any more"


class StartsTooSoon(Invalid):
    """A commission is announced seven days before it begins, and begins within a year."""

    code = "starts_too_soon"
    title = "The start is not possible"


class RuleInvalid(Invalid):
    """A rule names what its scope needs and nothing else, its least is not above its most, it ends after it begins."""

    code = "commission_rule_invalid"
    title = "The commission rule is not possible"


class SubjectNotFound(NotFound):
    """There is no such shop or account."""

    code = "subject_not_found"
    title = "What it is about was not found"


class CorrectionInvalid(Invalid):
    """Money moves between two different accounts of the chart."""

    code = "correction_invalid"
    title = "The correction is not possible"


class LastAdmin(Conflict):
    """The platform keeps two administrators at least, so that each has somebody to decide about them."""

    code = "last_admin"
    title = "Too few administrators would be left"
