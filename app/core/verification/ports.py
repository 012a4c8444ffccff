"""The port to outside parties that know whether a name and an ID number belong together (身份核验渠道)."""

from enum import StrEnum
from typing import Protocol

from app.kernel.errors import Unavailable


class Channel(StrEnum):
    """The outside parties: each is a source of its own in the sense of article 11."""

    PUBLIC_SECURITY = "public_security"
    BANK_CARD = "bank_card"
    MOBILE_CARRIER = "mobile_carrier"


CHANNELS_OF_LEVEL = {1: (Channel.PUBLIC_SECURITY,), 2: tuple(Channel)}
"""Whom we ask for level I (one) and level II (three)."""


class CheckOutcome(StrEnum):
    """What an outside party says."""

    PASSED = "passed"
    MISMATCHED = "mismatched"


class CheckerUnavailable(Unavailable):
    """The outside party does not answer; the check stands, and is asked again."""

    code = "identity_checker_unavailable"
    title = "The identity check does not answer"


class CheckerUnknown(CheckerUnavailable):
    """The outside party may or may not have taken the question; it is asked again under the same key."""

    code = "identity_check_unknown"
    title = "The outcome of the identity check is unknown"


class IdentityChecker(Protocol):
    """Asks an outside party. Called outside any transaction; a repeat under the same key is the same question."""

    def check(self, channel: Channel, *, key: str, name: str, id_number: str) -> CheckOutcome:
        """Ask whether ``name`` and ``id_number`` belong together.

        :raises CheckerUnavailable: it was not asked. :raises CheckerUnknown: it may have been.
        """
        ...
