"""Sweeps: what is looked for every few seconds, so that nothing waits for a message that was lost."""

import structlog
from sqlalchemy import text

from app.adapters.jobs import defer
from app.kernel import audit
from app.kernel.transaction import transaction
from app.usecases.disputing.answer import unsent_answers
from app.usecases.disputing.follow import silent_disputes
from app.usecases.paying.attempts import silent_attempts
from app.usecases.paying.refunds import open_refunds, returned_by_file
from app.usecases.saving.plans import run_due_plans
from app.usecases.saving.sweeps import sweep_funds
from app.usecases.saving.term_end import mature_due
from app.usecases.settling.settle import settle_due as settle_batch
from app.usecases.shopkeeping.import_ends import silent_imports

LIMIT = 500
RETENTION_BATCH = 5_000
WORKER_SILENT_S = 30.0
"""A worker whose heart has not beaten for so long is dead; what it was doing is done again."""

log = structlog.get_logger()

_HAS_JOB = text(
    """
    SELECT 1 FROM procrastinate_jobs
    WHERE task_name = :task AND args ->> 'subject' = :subject AND status IN ('todo', 'doing') LIMIT 1
    """
)
_TAKE_UP = text(
    """
    SELECT procrastinate_retry_job_v2(j.id, clock_timestamp(), NULL, NULL, NULL)
    FROM procrastinate_jobs AS j LEFT JOIN procrastinate_workers AS w ON w.id = j.worker_id
    WHERE j.status = 'doing'
      AND (w.id IS NULL OR w.last_heartbeat < clock_timestamp() - :silent_s * interval '1 second')
    """
)
_RETENTION = (
    """DELETE FROM live_events WHERE position IN (
        SELECT position FROM live_events WHERE published_at < clock_timestamp() - interval '1 day'
          AND position < (SELECT max(position) FROM live_events) ORDER BY position LIMIT :limit)""",
    """DELETE FROM receipts WHERE (event_id, reaction) IN (
        SELECT event_id, reaction FROM receipts
        WHERE state = 'done' AND owed_at < clock_timestamp() - interval '7 days' LIMIT :limit)""",
    """DELETE FROM idempotency_keys WHERE (principal_id, operation, key) IN (
        SELECT principal_id, operation, key FROM idempotency_keys
        WHERE claimed_at < clock_timestamp() - interval '7 days' LIMIT :limit)""",
    """DELETE FROM courier_trail WHERE (courier_id, measured_at) IN (
        SELECT courier_id, measured_at FROM courier_trail WHERE measured_at < business_now() - interval '30 days'
        ORDER BY measured_at LIMIT :limit)""",
    """DELETE FROM trip_offers WHERE state <> 'live' AND decision_id IN (
        SELECT decision_id FROM dispatch_decisions WHERE decided_at < business_now() - interval '90 days'
        ORDER BY decided_at LIMIT :limit)""",
    """DELETE FROM trip_releases WHERE release_id IN (
        SELECT release_id FROM trip_releases WHERE released_at < business_now() - interval '90 days'
        ORDER BY released_at LIMIT :limit)""",
    """DELETE FROM dispatch_decisions WHERE decision_id IN (
        SELECT d.decision_id FROM dispatch_decisions AS d WHERE d.decided_at < business_now() - interval '90 days'
          AND NOT EXISTS (SELECT 1 FROM trip_offers AS f WHERE f.decision_id = d.decision_id)
        ORDER BY d.decided_at LIMIT :limit)""",
    "DELETE FROM sign_in_codes WHERE created_at < clock_timestamp() - interval '2 days'",
    """DELETE FROM step_up_grants WHERE grant_id IN (
        SELECT grant_id FROM step_up_grants WHERE granted_at < clock_timestamp() - interval '7 days'
        ORDER BY granted_at LIMIT :limit)""",
    """DELETE FROM pay_codes WHERE pay_code_id IN (
        SELECT pay_code_id FROM pay_codes WHERE expires_at < clock_timestamp() - interval '1 day'
        ORDER BY expires_at LIMIT :limit)""",
    """DELETE FROM passkey_challenges WHERE challenge_id IN (
        SELECT challenge_id FROM passkey_challenges WHERE expires_at < clock_timestamp() - interval '1 hour'
        ORDER BY expires_at LIMIT :limit)""",
    """DELETE FROM security_notices WHERE notice_id IN (
        SELECT notice_id FROM security_notices WHERE noticed_at < clock_timestamp() - interval '400 days'
        ORDER BY noticed_at LIMIT :limit)""",
    """DELETE FROM bill_quotes WHERE quote_id IN (
        SELECT quote_id FROM bill_quotes WHERE locked_until < business_now() - interval '1 day'
        ORDER BY locked_until LIMIT :limit)""",
    """DELETE FROM bill_notices WHERE notice_id IN (
        SELECT notice_id FROM bill_notices WHERE noticed_at < business_now() - interval '400 days'
        ORDER BY noticed_at LIMIT :limit)""",
    """DELETE FROM price_alerts WHERE (account_id, standard_product_id) IN (
        SELECT account_id, standard_product_id FROM price_alerts WHERE expires_at < business_now()
        ORDER BY expires_at LIMIT :limit)""",
    """DELETE FROM price_notices WHERE notice_id IN (
        SELECT notice_id FROM price_notices WHERE noticed_at < business_now() - interval '400 days'
        ORDER BY noticed_at LIMIT :limit)""",
    "DELETE FROM identity_tries WHERE day < CAST(business_now() AT TIME ZONE 'Asia/Shanghai' AS date) - 1",
    "DELETE FROM data_exports WHERE expires_at < business_now()",
    """DELETE FROM recent_searches WHERE (account_id, words) IN (
        SELECT account_id, words FROM recent_searches WHERE searched_at < business_now() - interval '180 days'
        ORDER BY searched_at LIMIT :limit)""",
    """UPDATE courier_shifts SET lat = round(CAST(lat AS numeric), 2), lng = round(CAST(lng AS numeric), 2)
        WHERE ended_at < business_now() - interval '30 days' AND ended_at > business_now() - interval '32 days'""",
    "DELETE FROM help_codes WHERE expires_at < clock_timestamp() - interval '1 day'",
    "DELETE FROM table_exports WHERE expires_at < business_now()",
    "DELETE FROM desk_codes WHERE expires_at < clock_timestamp() - interval '1 day'",
    """DELETE FROM desk_visits WHERE visit_id IN (
        SELECT visit_id FROM desk_visits WHERE opened_at < clock_timestamp() - interval '30 days'
        ORDER BY opened_at LIMIT :limit)""",
    """UPDATE proof_photos SET key_sealed = NULL WHERE key_sealed IS NOT NULL AND photo_id IN (
        SELECT photo_id FROM proof_photos WHERE use IS NULL AND taken_at < business_now() - interval '2 days'
        UNION SELECT photo_id FROM proof_photos WHERE taken_at < business_now() - interval '3 years')""",
    "DELETE FROM sign_in_failures WHERE began_at < clock_timestamp() - interval '1 day'",
    "DELETE FROM live_tickets WHERE expires_at < clock_timestamp() - interval '1 day'",
    "DELETE FROM sandbox_messages WHERE sent_at < clock_timestamp() - interval '7 days'",
)
_BOUNDED = tuple(text(statement) for statement in _RETENTION)


def save_due() -> int:
    """Sweep e-accounts into funds, once a day, save for plans whose day has come, pay term products that end."""
    return sweep_funds() + run_due_plans(LIMIT) + mature_due()


def settle_due() -> int:
    """Make a batch of the statements that are due; return how many parties were looked at."""
    return settle_batch().parties


def ask_again() -> int:
    """Take jobs of dead workers up again and defer a question about all that is silent; return how many."""
    with transaction() as tx:
        asked = len(tx.execute(_TAKE_UP, {"silent_s": WORKER_SILENT_S}).fetchall())
    silent = [("expire_attempt" if overdue else "ask_attempt", subject) for subject, overdue in silent_attempts(LIMIT)]
    others = (
        ("submit_refund", open_refunds),
        ("read_refund", returned_by_file),
        ("answer_dispute", unsent_answers),
        ("read_dispute", silent_disputes),
        ("import_shelf", silent_imports),
    )
    for task, subject in [*silent, *((task, one) for task, find in others for one in find(LIMIT))]:
        with transaction() as tx:
            if tx.execute(_HAS_JOB, {"task": task, "subject": str(subject)}).first() is None:
                defer(tx, task, subject)
                asked += 1
    return asked


def seal_acts() -> int:
    """Give acts of the audit log their places in its chain; return how many."""
    with transaction() as tx:
        return audit.seal(tx)


def forget_old() -> None:
    """Delete what is kept only for a while: published events, kept answers, used codes."""
    for statement in _BOUNDED:
        with transaction() as tx:
            tx.execute(statement, {"limit": RETENTION_BATCH} if ":limit" in str(statement) else {})
