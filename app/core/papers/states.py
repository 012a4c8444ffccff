"""The machine of a shop's paper: pure, ``(state, action) → (state, who may)``."""

from enum import StrEnum

from app.kernel.actor import Role
from app.kernel.machines import Table


class PaperState(StrEnum):
    """Where a paper stands."""

    SUBMITTED = "submitted"
    APPROVED = "approved"
    REFUSED = "refused"
    WITHDRAWN = "withdrawn"
    REPLACED = "replaced"
    EXPIRED = "expired"


class PaperAction(StrEnum):
    """What can be done about a paper."""

    APPROVE = "approve"
    REFUSE = "refuse"
    WITHDRAW = "withdraw"
    REPLACE = "replace"
    EXPIRE = "expire"


_S, _A = PaperState, PaperAction
_REVIEWERS = frozenset({Role.PLATFORM, Role.STORE})
_SYSTEM = frozenset({Role.SYSTEM})

PAPER_TRANSITIONS: Table[PaperState, PaperAction] = {
    (_S.SUBMITTED, _A.APPROVE): (_S.APPROVED, _REVIEWERS),
    (_S.SUBMITTED, _A.REFUSE): (_S.REFUSED, _REVIEWERS),
    (_S.SUBMITTED, _A.WITHDRAW): (_S.WITHDRAWN, frozenset({Role.MERCHANT})),
    (_S.APPROVED, _A.REPLACE): (_S.REPLACED, _REVIEWERS),
    (_S.APPROVED, _A.EXPIRE): (_S.EXPIRED, _SYSTEM),
}
"""What was refused, withdrawn or has run out is handed in anew, as another paper."""
