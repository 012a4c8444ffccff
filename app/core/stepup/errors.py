"""What can be wrong with payment PINs and step-up grants."""

from app.kernel.errors import Conflict, Forbidden, Invalid, Throttled


class StepUpRequired(Forbidden):
    """A payment from the e-account needs a step-up grant; parameters ``factors`` (what buys one) and ``amount_fen``."""

    code = "step_up_required"
    title = "The payment has to be confirmed"


class StepUpRefused(Conflict):
    """The step-up grant is unknown, used, expired, of another session, or not for this payment."""

    code = "step_up_refused"
    title = "The payment was not confirmed"


class OneFactor(Invalid):
    """A payment is confirmed by the PIN or by a passkey: by one of them, and not by both."""

    code = "one_factor"
    title = "PIN or passkey"


class PinWeak(Invalid):
    """The PIN is one of those that are guessed first."""

    code = "pin_weak"
    title = "The PIN is too easy to guess"


class PinNotSet(Conflict):
    """The account has no payment PIN yet."""

    code = "pin_not_set"
    title = "There is no payment PIN"


class PinWrong(Forbidden):
    """The PIN is wrong; the try is counted. Parameter ``tries_left``."""

    code = "pin_wrong"
    title = "The PIN is wrong"


class PinLocked(Throttled):
    """Too many wrong PINs, or a reset that waits; parameter ``retry_after_s``. Nothing was compared."""

    code = "pin_locked"
    title = "The PIN is locked"


class PinBlocked(Forbidden):
    """Too many wrong PINs, several times over: only a reset helps. Nothing was compared."""

    code = "pin_blocked"
    title = "The PIN is blocked"
