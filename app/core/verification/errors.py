"""What can be wrong with verification and its limits."""

from app.kernel.errors import Conflict, Forbidden, Invalid, NotFound, Throttled


class VerificationNeeded(Forbidden):
    """The account is not verified well enough for this; parameters ``level`` and ``level_min``, 0 to 3."""

    code = "verification_needed"
    title = "A higher verification is needed"


class PaymentLimitExceeded(Conflict):
    """Payments from balances would exceed a cap; parameters ``period``, ``cap_fen``, ``left_fen``."""

    code = "payment_limit_exceeded"
    title = "Over the payment limit"


class NewDeviceLimitExceeded(Conflict):
    """A device in its first 24 hours pays no more than this a day; parameters ``cap_fen``, ``left_fen``."""

    code = "new_device_limit"
    title = "Over the limit of a new device"


class IdNumberInvalid(Invalid):
    """No ID number has this form, region, birth date and checksum."""

    code = "id_number_invalid"
    title = "The ID number is not valid"


class NotAdult(Conflict):
    """Accounts are for adults; parameter ``age_min``."""

    code = "not_adult"
    title = "Only for adults"


class IdentityTaken(Conflict):
    """The ID number is verified for another account; one person has one."""

    code = "identity_taken"
    title = "The ID number belongs to another account"


class IdentityDiffers(Conflict):
    """The account is verified for another name or number."""

    code = "identity_differs"
    title = "The account is verified for somebody else"


class TooManyIdentityChecks(Throttled):
    """An account asks the outside parties so often a day and no more; parameter ``retry_after_s``."""

    code = "too_many_identity_checks"
    title = "Too many checks today"


class AlreadyVerified(Conflict):
    """The account has this level already; parameter ``level``."""

    code = "already_verified"
    title = "Verified already"


class FaceCodeRefused(NotFound):
    """No resident shows this code now: unknown, used or older than five minutes."""

    code = "face_code_refused"
    title = "The code was refused"


class VerificationNotFound(NotFound):
    """No such verification at one's counter, or it is over."""

    code = "verification_not_found"
    title = "Verification not found"


class OwnVerification(Conflict):
    """Nobody verifies oneself or somebody of the same store."""

    code = "own_verification"
    title = "Not for oneself"


class PhotoInvalid(Invalid):
    """Not a JPEG or PNG photo, or too small, too large or broken."""

    code = "photo_invalid"
    title = "The photo cannot be read"
