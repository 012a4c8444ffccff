"""The machine of a review: shown, folded by the platform with a reason, appealed for once, decided by somebody else.

Nothing is deleted: a folded review does not count and is read by who unfolds it (《电子商务法》第三十九条).
"""

from enum import StrEnum

from app.kernel.actor import Role
from app.kernel.machines import Table

_PLATFORM, _RESIDENT = frozenset({Role.PLATFORM}), frozenset({Role.RESIDENT})


class ReviewState(StrEnum):
    """Where a review stands."""

    SHOWN = "shown"
    FOLDED = "folded"
    APPEALED = "appealed"
    UPHELD = "upheld"
    """Folded for good."""
    RESTORED = "restored"
    """Shown for good."""


class ReviewAction(StrEnum):
    """What can happen to a review."""

    FOLD = "fold"
    APPEAL = "appeal"
    UPHOLD = "uphold"
    RESTORE = "restore"


REVIEW_TRANSITIONS: Table[ReviewState, ReviewAction] = {
    (ReviewState.SHOWN, ReviewAction.FOLD): (ReviewState.FOLDED, _PLATFORM),
    (ReviewState.FOLDED, ReviewAction.APPEAL): (ReviewState.APPEALED, _RESIDENT),
    (ReviewState.APPEALED, ReviewAction.UPHOLD): (ReviewState.UPHELD, _PLATFORM),
    (ReviewState.APPEALED, ReviewAction.RESTORE): (ReviewState.RESTORED, _PLATFORM),
}
COUNTED_STATES = frozenset({ReviewState.SHOWN, ReviewState.RESTORED})
"""What is shown without unfolding, and counts. An appealed one waits folded."""
