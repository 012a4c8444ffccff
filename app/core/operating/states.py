"""The machine of audit flags: pure, ``(state, action) → (state, who may)``."""

from enum import StrEnum

from app.kernel.actor import Role
from app.kernel.machines import Table


class AuditFlagState(StrEnum):
    """Where a flag of the audit log stands."""

    OPEN = "open"
    RESOLVED = "resolved"


class AuditFlagAction(StrEnum):
    """What can happen to a flag."""

    RESOLVE = "resolve"


AUDIT_FLAG_TRANSITIONS: Table[AuditFlagState, AuditFlagAction] = {
    (AuditFlagState.OPEN, AuditFlagAction.RESOLVE): (AuditFlagState.RESOLVED, frozenset({Role.PLATFORM})),
}
