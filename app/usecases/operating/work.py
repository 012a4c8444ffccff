"""Who looks after what waits; what waited too long is escalated."""

from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import text

from app.core.accounts.models import PLATFORM_ID, MemberRole
from app.core.accounts.permissions import holders
from app.core.events import WorkEscalated
from app.core.operating.errors import WorkNotFound, WorkTaken
from app.core.operating.queue import QUEUES, WAITING, WorkKind
from app.kernel.actor import Actor, Side
from app.kernel.transaction import Claim, closing, opening, transaction

ESCALATED_AT_ONCE = 500

SEEN = """
    EXISTS (SELECT 1 FROM memberships AS m
        JOIN unnest(CAST(:seen_roles AS text[]), CAST(:seen_kinds AS text[])) AS g (role, kind) ON g.role = m.role
        WHERE m.organization_kind = 'platform' AND m.account_id = :account_id AND g.kind = q.kind)
"""
"""Whether the asker's role at the platform sees an item ``q``."""

_FIND = opening(
    f"""
    SELECT q.kind, q.subject_id, i.assigned_to_id,
        (SELECT m.role FROM memberships AS m WHERE m.organization_kind = 'platform' AND m.account_id = :account_id)
            AS role,
        CAST(:to_id AS uuid) IS NULL OR EXISTS (SELECT 1 FROM memberships AS m WHERE m.organization_kind = 'platform'
            AND m.account_id = CAST(:to_id AS uuid)) AS is_staff
    FROM ({WAITING}) AS q LEFT JOIN work_items AS i ON i.kind = q.kind AND i.subject_id = q.subject_id
    WHERE q.kind = :kind AND q.subject_id = :subject_id AND {SEEN}
    """
)
_ASSIGN = closing(
    """
    assigned AS (
        INSERT INTO work_items AS i (kind, subject_id, assigned_to_id, assigned_by_id, assigned_at)
        VALUES (:kind, :subject_id, CAST(:to_id AS uuid), :account_id, business_now())
        ON CONFLICT (kind, subject_id) DO UPDATE SET assigned_to_id = excluded.assigned_to_id,
            assigned_by_id = excluded.assigned_by_id, assigned_at = excluded.assigned_at
        WHERE :is_admin OR i.assigned_to_id IS NULL OR i.assigned_to_id = :account_id
        RETURNING kind
    )""",
    answer="SELECT count(*) AS assigned FROM assigned",
)
_ESCALATE = text(
    f"""
    INSERT INTO work_items AS i (kind, subject_id, escalated_at)
    SELECT q.kind, q.subject_id, business_now() FROM ({WAITING}) AS q
    WHERE q.escalates_at <= business_now() AND NOT EXISTS (SELECT 1 FROM work_items AS j
        WHERE j.kind = q.kind AND j.subject_id = q.subject_id AND j.escalated_at IS NOT NULL)
    ORDER BY q.escalates_at LIMIT :limit
    ON CONFLICT (kind, subject_id) DO UPDATE SET escalated_at = excluded.escalated_at
    RETURNING kind, subject_id
    """
)


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkAssigned:
    """Who looks after it now; nobody when null."""

    subject_id: UUID
    kind: str
    assigned_to_id: UUID | None


def seen_params() -> dict[str, object]:
    """Return the parameters of :data:`SEEN`, beside ``:account_id``."""
    pairs = [(part.value, one.kind.value) for one in QUEUES for part in sorted(holders(Side.PLATFORM, one.verb))]
    return {"seen_roles": [role for role, _ in pairs], "seen_kinds": [kind for _, kind in pairs]}


def assign_work(
    actor: Actor, claim: Claim, *, kind: WorkKind, subject_id: UUID, assigned_to_id: UUID | None
) -> WorkAssigned:
    """Take something that waits, give it to somebody of the platform, or let it go.

    What another has is moved by an administrator alone. Of two who take it at once, one is told that it is taken.

    :raises WorkNotFound: it does not wait, or not for the actor; or who is named is not of the platform.
    :raises WorkTaken: another looks after it.
    """
    with transaction(claim) as tx:
        params = {"account_id": actor.account_id, "kind": kind.value, "subject_id": subject_id, "to_id": assigned_to_id}
        row = tx.open_one(_FIND, {**params, **seen_params()})
        if row is None or not row.is_staff:
            raise WorkNotFound
        assigned = WorkAssigned(subject_id=subject_id, kind=kind.value, assigned_to_id=assigned_to_id)
        tx.describe(whom_id=assigned_to_id, details={"kind": kind.value})
        tx.keep(assigned)
        done = tx.close(_ASSIGN, {**params, "is_admin": row.role == MemberRole.ADMIN}).one()
        if done.assigned != 1:
            raise WorkTaken
    return assigned


def escalate_work() -> int:
    """Mark what has waited for twice its level, once, and tell the platform; return how many."""
    with transaction() as tx:
        rows = tx.execute(_ESCALATE, {"limit": ESCALATED_AT_ONCE}).fetchall()
        for row in rows:
            tx.record(WorkEscalated(platform_id=PLATFORM_ID, subject_id=row.subject_id, state=row.kind))
    return len(rows)
