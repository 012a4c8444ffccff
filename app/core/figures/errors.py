"""What can be wrong with attribution and figures."""

from app.kernel.errors import Conflict, Invalid


class HelpCodeRefused(Conflict):
    """No store shows this code now: it is wrong, old, or was named before."""

    code = "help_code_refused"
    title = "The code is not good"


class HelpTooLate(Conflict):
    """Who helped is named within ``days_max`` days of the beginning, once."""

    code = "help_too_late"
    title = "It is too late to name who helped"


class SpanInvalid(Invalid):
    """A span of days ends on or after its first day and has at most ``days_max`` days."""

    code = "span_invalid"
    title = "The days are not possible"
