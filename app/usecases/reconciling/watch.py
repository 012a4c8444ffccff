"""Watch over money (资金监控): figures of its health, and alarms when one is not as it must be.

An alarm is a row: raised once, told once by log and webhook, ended when it is not true any more. The webhook is called
after the commit; what was not delivered is told again at the next look.
"""

from collections.abc import Callable
from typing import Any

import structlog
from sqlalchemy import text

from app.core.payments.alarms import alarms_of
from app.kernel.clock import as_text
from app.kernel.transaction import read, transaction
from app.usecases.reconciling.clearing import clearing_proof
from app.usecases.reconciling.prove import note_check

log = structlog.get_logger()

_FIGURES = text(
    """
    WITH asked AS (
        SELECT created_at AS at FROM payment_attempts WHERE state = 'unknown'
        UNION ALL SELECT requested_at FROM refunds WHERE method <> 'e_account' AND state IN ('submitting', 'unknown')
    ), open AS (SELECT mismatch FROM recon_items WHERE state = 'open')
    SELECT
        (SELECT coalesce(sum(posted_fen), 0)::bigint FROM ledger.balance WHERE code = 'suspense') AS suspense_fen,
        coalesce((SELECT value FROM money_checks WHERE name = 'clearing'), 0) AS clearing_difference_fen,
        (SELECT count(*) FROM open WHERE mismatch = 'missing_here') AS missing_here,
        (SELECT count(*) FROM open WHERE mismatch = 'missing_there') AS missing_there,
        (SELECT count(*) FROM open WHERE mismatch = 'amount_differs') AS amount_differs,
        (SELECT count(*) FROM asked WHERE at < clock_timestamp() - interval '2 minutes') AS unknown_over_2m,
        (SELECT count(*) FROM asked WHERE at < clock_timestamp() - interval '1 hour') AS unknown_over_1h,
        (SELECT count(*) FROM asked WHERE at < clock_timestamp() - interval '24 hours') AS unknown_over_24h,
        coalesce((SELECT extract(epoch FROM clock_timestamp() - min(recorded_at))::bigint FROM outbox), 0)
            AS outbox_lag_s,
        (SELECT count(*) FROM receipts WHERE state = 'parked') AS parked_reactions,
        (SELECT count(*) FROM timers WHERE parked_at IS NOT NULL) AS parked_timers,
        (SELECT count(*) FROM settlement_accounts
            WHERE next_on <= CAST(business_now() AT TIME ZONE 'Asia/Shanghai' AS date)) AS settlement_due,
        (SELECT count(*) FROM payouts WHERE state = 'ready') AS payouts_ready,
        (SELECT count(*) FROM payouts WHERE state = 'sent') AS payouts_sent,
        (SELECT count(*) FROM payouts WHERE state = 'sent'
            AND due_on < CAST(business_now() AT TIME ZONE 'Asia/Shanghai' AS date) - 3) AS payouts_silent,
        (SELECT count(*) FROM disputes WHERE state = 'needs_response' AND answer IS NULL
            AND due_at < clock_timestamp() + interval '2 days') AS disputes_due,
        (SELECT count(*) FROM disputes WHERE open_fen > 0 AND ended_at IS NOT NULL) AS disputes_left,
        (SELECT count(*) FROM bill_differences WHERE resolved_at IS NULL) AS bill_differences,
        (SELECT count(*) FROM bank_files WHERE state = 'refused' AND received_at > clock_timestamp() - interval '1 day')
            AS bank_files_refused,
        coalesce((SELECT extract(epoch FROM clock_timestamp() - checked_at)::bigint FROM money_checks
            WHERE name = 'books'), -1) AS books_proof_age_s,
        coalesce((SELECT extract(epoch FROM clock_timestamp() - checked_at)::bigint FROM money_checks
            WHERE name = 'books_since'), -1) AS books_look_age_s,
        (SELECT count(*) FROM money_checks WHERE name IN ('books', 'books_since') AND NOT is_sound) AS books_unsound
    """
)
_RAISE = text(
    """
    INSERT INTO money_alarms (code, value, raised_at) VALUES (:code, :value, clock_timestamp())
    ON CONFLICT (code) DO UPDATE SET value = excluded.value
    """
)
_END = text("DELETE FROM money_alarms WHERE NOT code = ANY (CAST(:codes AS text[])) RETURNING code")
_UNTOLD = text("SELECT code, value, raised_at FROM money_alarms WHERE told_at IS NULL ORDER BY code")
_TOLD = text("UPDATE money_alarms SET told_at = clock_timestamp() WHERE code = :code")
_ALARMS = text("SELECT code, value, raised_at, told_at FROM money_alarms ORDER BY code")

Tell = Callable[[dict[str, Any]], bool]
"""Posts an alarm somewhere outside; says whether it arrived."""


def figures() -> dict[str, int]:
    """Return the figures of money's health, now."""
    return {name: int(value) for name, value in read(_FIGURES).one()._mapping.items()}


def alarms() -> list[dict[str, Any]]:
    """Return the alarms that are raised."""
    return [dict(row._mapping) for row in read(_ALARMS)]


def watch_money(tell: Tell | None) -> int:
    """Look at everything once, raise and end alarms, and tell those that are new; return how many are raised."""
    proof = clearing_proof()
    note_check("clearing", is_sound=proof.difference_fen == 0, value=proof.difference_fen)
    raised = alarms_of(figures())
    with transaction() as tx:
        for code, value in sorted(raised.items()):
            tx.execute(_RAISE, {"code": code, "value": value})
        for code in tx.execute(_END, {"codes": sorted(raised)}).scalars():
            log.info("an alarm about money has ended", alarm=code)
        untold = tx.execute(_UNTOLD).fetchall()
    for row in untold:
        log.error("alarm about money", alarm=row.code, value=row.value)
        if tell is None or tell({"alarm": row.code, "value": row.value, "raised_at": as_text(row.raised_at)}):
            with transaction() as tx:
                tx.execute(_TOLD, {"code": row.code})
    return len(raised)
