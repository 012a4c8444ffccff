"""Acts of the staff are watched by rules over the audit log; who looks into a flag says what came of it."""

from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import text

from app.core.operating.errors import AuditFlagNotFound, OwnAuditFlag
from app.core.operating.flags import WATCHED, FlagFinding, FlagRule
from app.core.operating.states import AUDIT_FLAG_TRANSITIONS, AuditFlagAction, AuditFlagState
from app.kernel.actor import Actor
from app.kernel.clock import wall_now_s
from app.kernel.ids import new_id
from app.kernel.machines import next_state
from app.kernel.transaction import Claim, Transaction, closing, opening, transaction

LOOKED_BACK_S = 86_400
"""How far back acts are looked at: a worker that was down for less misses none."""

_BUSIEST = "\nUNION ALL\n".join(
    f"""
    SELECT '{one.rule}' AS rule, m.account_id, x.since_at, x.act_count
    FROM (SELECT DISTINCT account_id FROM memberships WHERE organization_kind = '{one.staff}') AS m
    CROSS JOIN LATERAL (
        SELECT date_trunc('hour', a.acted_at) AS since_at, count(*) AS act_count FROM audit.act AS a
        WHERE a.account_id = m.account_id AND a.act_id >= :from_id AND {one.where} AND a.acted_at > coalesce(
            (SELECT max(f.resolved_at) FROM audit_flags AS f
             WHERE f.account_id = m.account_id AND f.rule = '{one.rule}'), '-infinity')
        GROUP BY since_at HAVING count(*) > {one.act_count_max} ORDER BY act_count DESC LIMIT 1
    ) AS x"""
    for one in WATCHED
)
_WATCH = text(
    f"""
    SELECT w.* FROM ({_BUSIEST}) AS w WHERE NOT EXISTS (SELECT 1 FROM audit_flags AS f
        WHERE f.state = 'open' AND f.rule = w.rule AND f.account_id = w.account_id AND f.act_count >= w.act_count)
    """
)
_RAISE = text(
    """
    INSERT INTO audit_flags AS f (flag_id, rule, account_id, since_at, act_count, state, found_at)
    VALUES (:flag_id, :rule, CAST(:account_id AS uuid), CAST(:since_at AS timestamptz), :act_count, 'open',
        business_now())
    ON CONFLICT (rule, account_id) WHERE state = 'open'
    DO UPDATE SET since_at = excluded.since_at, act_count = excluded.act_count
    """
)
_LOCK = opening("SELECT flag_id, rule, account_id, state FROM audit_flags WHERE flag_id = :flag_id FOR UPDATE")
_RESOLVE = closing(
    """
    resolved AS (
        UPDATE audit_flags SET state = :state, finding = :finding, note = :note, resolved_by_id = :account_id,
            resolved_at = clock_timestamp()
        WHERE flag_id = :flag_id
    )"""
)


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditFlagStands:
    """Where a flag stands."""

    flag_id: UUID
    state: str
    finding: str


def watch_acts() -> int:
    """Flag what staff did that a rule watches, or count more of it; return how many flags that were."""
    from_id = UUID(int=(wall_now_s() - LOOKED_BACK_S) * 1_000 << 80)
    with transaction() as tx:
        rows = tx.execute(_WATCH, {"from_id": from_id}).fetchall()
        for row in rows:
            told = {name: getattr(row, name) for name in ("rule", "account_id", "since_at", "act_count")}
            tx.execute(_RAISE, {**told, "flag_id": new_id()})
    return len(rows)


def flag_unsound_log(tx: Transaction, finding_count: int) -> None:
    """Flag that the proof of the log found something; one such flag is open at a time."""
    about = {"rule": FlagRule.LOG_UNSOUND.value, "account_id": None, "since_at": None, "act_count": finding_count}
    tx.execute(_RAISE, {**about, "flag_id": new_id()})


def resolve_flag(actor: Actor, claim: Claim, *, flag_id: UUID, finding: FlagFinding, note: str) -> AuditFlagStands:
    """Say what came of looking into a flag.

    :raises AuditFlagNotFound: there is none. :raises OwnAuditFlag: it is about the actor's acts.
    :raises IllegalTransition: it is resolved.
    """
    with transaction(claim) as tx:
        row = tx.open_one(_LOCK, {"flag_id": flag_id})
        if row is None:
            raise AuditFlagNotFound
        if row.account_id == actor.account_id:
            raise OwnAuditFlag
        state = next_state(AUDIT_FLAG_TRANSITIONS, AuditFlagState(row.state), AuditFlagAction.RESOLVE, actor.role)
        stands = AuditFlagStands(flag_id=flag_id, state=state.value, finding=finding.value)
        tx.describe(whom_id=row.account_id, details={"rule": row.rule, "finding": finding.value})
        tx.keep(stands)
        params = {"flag_id": flag_id, "state": state.value, "finding": finding.value, "note": note}
        tx.close(_RESOLVE, {**params, "account_id": actor.account_id})
    return stands
