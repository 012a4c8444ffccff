"""Rules of passkeys: how many, for how long, what a counter tells, who needs one. Pure; times are wall time."""

from collections.abc import Collection
from datetime import timedelta

from app.kernel.actor import Side

LIFETIME = timedelta(minutes=5)
"""How long a challenge may be answered."""
PASSKEYS_MAX = 10
WAIT = timedelta(hours=24)
"""How long a passkey does not pay that came in by the phone alone: its owner may notice that the phone was stolen."""

STAFF_SIDES = frozenset({Side.STORE, Side.PLATFORM})
"""Where staff needs a passkey, where the settings say that it does."""
WITHOUT_PASSKEY = frozenset({
    "code.ask", "notice.read", "passkey.read", "passkey.write", "session.end", "session.read",
})  # fmt: skip
"""Verbs by which staff whose session began without a passkey comes to have one."""


def is_needed(side: Side, *, is_required: bool) -> bool:
    """Whether a session at ``side`` is to begin with a passkey, by the setting ``is_required``."""
    return is_required and side in STAFF_SIDES


def is_copied(held: int, shown: int) -> bool:
    """Whether a counter went back or stood still, as that of a copy does. One that never counts shows zero for ever."""
    return (held > 0 or shown > 0) and shown <= held


def may_lose(left: Collection[bool], *, is_staff: bool) -> bool:
    """Whether a passkey may go. :param left: of each that would be left, whether it works."""
    return not is_staff or any(left)
