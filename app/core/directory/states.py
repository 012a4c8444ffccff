"""The machine of a claim of a listing (认领): pure, ``(state, action) → (state, who may)``."""

from enum import StrEnum

from app.kernel.actor import Role
from app.kernel.machines import Table


class ClaimState(StrEnum):
    """Where a claim of a listing stands."""

    SUBMITTED = "submitted"
    APPROVED = "approved"
    REFUSED = "refused"
    LOST = "lost"
    WITHDRAWN = "withdrawn"


class ClaimAction(StrEnum):
    """What can be done about a claim."""

    APPROVE = "approve"
    REFUSE = "refuse"
    LOSE = "lose"
    WITHDRAW = "withdraw"


_S, _A = ClaimState, ClaimAction
_PLATFORM = frozenset({Role.PLATFORM})

CLAIM_TRANSITIONS: Table[ClaimState, ClaimAction] = {
    (_S.SUBMITTED, _A.APPROVE): (_S.APPROVED, _PLATFORM),
    (_S.SUBMITTED, _A.REFUSE): (_S.REFUSED, _PLATFORM),
    (_S.SUBMITTED, _A.LOSE): (_S.LOST, _PLATFORM),
    (_S.SUBMITTED, _A.WITHDRAW): (_S.WITHDRAWN, frozenset({Role.MERCHANT})),
}
"""A claim loses when another's of the same listing is approved. What was refused or withdrawn is claimed anew."""
