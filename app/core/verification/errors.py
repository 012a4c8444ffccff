"""What can be wrong with verification and its limits."""

from app.kernel.errors import Forbidden


class VerificationNeeded(Forbidden):
    """The account is not verified well enough for this; parameters ``level`` and ``level_min``, 0 to 3."""

    code = "verification_needed"
    title = "A higher verification is needed"
