"""What can be wrong with passkeys."""

from app.kernel.errors import Conflict, Forbidden, Invalid, NotFound, Throttled, Unauthenticated


class PasskeyRefused(Unauthenticated):
    """No such passkey, another challenge, another page, no person at it, a copy of it; which, is not said."""

    code = "passkey_refused"
    title = "The passkey does not open"


class PasskeyWrong(Forbidden):
    """The answer to the challenge is not one of one's own passkeys, given here, now, and by a person."""

    code = "passkey_wrong"
    title = "The passkey does not confirm this"


class PasskeyInvalid(Invalid):
    """What the device made is no passkey for this challenge, this page and a person who was verified at it."""

    code = "passkey_invalid"
    title = "No passkey was made"


class PasskeyProofNeeded(Forbidden):
    """Adding or removing a passkey takes a fresh code for it, or an answer of a passkey that one has."""

    code = "passkey_proof_needed"
    title = "Who you are has to be proven first"


class PasskeyNeeded(Forbidden):
    """Staff of the platform and of stores do this with a passkey: signing in, acting, and adding another passkey."""

    code = "passkey_needed"
    title = "A passkey is needed"


class PasskeyWaits(Throttled):
    """The passkey was added by the phone alone and pays after a day; parameter ``retry_after_s``."""

    code = "passkey_waits"
    title = "The passkey does not pay yet"


class PasskeyNotFound(NotFound):
    """No such passkey, or another's."""

    code = "passkey_not_found"
    title = "Passkey not found"


class PasskeyChallengeNotFound(NotFound):
    """No such challenge for this, or it is another session's, was used, or is older than five minutes."""

    code = "passkey_challenge_not_found"
    title = "Challenge not found"


class PasskeyKnown(Conflict):
    """The device's passkey is registered already."""

    code = "passkey_known"
    title = "This passkey is registered already"


class TooManyPasskeys(Conflict):
    """An account has at most this many passkeys; parameter ``passkeys_max``."""

    code = "too_many_passkeys"
    title = "Too many passkeys"


class LastPasskey(Conflict):
    """Staff of the platform and of stores keep one passkey that works: add another one first."""

    code = "last_passkey"
    title = "It is the last passkey"
