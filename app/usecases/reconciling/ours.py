"""What we have booked with each source, as facts: attempts, refunds, moves of disputes, lines of payouts.

There is one by object and kind.
"""

from datetime import timedelta

from sqlalchemy import text

from app.core.payments.reconciliation import Source

GRACE = timedelta(hours=1)
"""What we booked in the last hour of a day may stand in the next day's file."""

OURS = {
    Source.STRIPE: """
        SELECT a.intent_id AS object, 'payment' AS kind, a.amount_fen, a.ended_at FROM payment_attempts AS a
        WHERE a.state = 'succeeded' AND a.intent_id IS NOT NULL
        UNION ALL
        SELECT r.gateway_refund_id, 'payment_refund', r.account_part_fen - r.amount_fen, r.ended_at
        FROM refunds AS r WHERE r.gateway_refund_id IS NOT NULL AND r.method <> 'e_account'
          AND (r.state = 'succeeded' OR EXISTS (
              SELECT 1 FROM ledger.leg AS l WHERE l.key = 'refund_back:' || r.refund_id))
        UNION ALL
        SELECT r.gateway_refund_id, 'payment_failure_refund', r.amount_fen - r.account_part_fen, r.ended_at
        FROM refunds AS r WHERE r.gateway_refund_id IS NOT NULL AND (r.state <> 'succeeded' OR r.dispute_id IS NOT NULL)
          AND EXISTS (SELECT 1 FROM ledger.leg AS l WHERE l.key = 'refund_back:' || r.refund_id)
        UNION ALL
        SELECT m.movement_id, m.kind, m.amount_fen, m.booked_at FROM dispute_movements AS m""",
    Source.BANK: """
        SELECT l.reference AS object, 'payout' AS kind, -l.amount_fen AS amount_fen,
            l.answered_on::timestamptz AS ended_at
        FROM payout_lines AS l WHERE l.state IN ('paid', 'returned')
        UNION ALL
        SELECT l.reference, 'payout_return', l.amount_fen, l.answered_on::timestamptz
        FROM payout_lines AS l WHERE l.state = 'returned'""",
}

BOUNDS = (
    text("SET LOCAL statement_timeout = '120s'"),
    text("SET LOCAL enable_seqscan = on"),
    text("SET LOCAL plan_cache_mode = force_custom_plan"),
    text("SET LOCAL work_mem = '64MB'"),
    text("SELECT pg_advisory_xact_lock(7146120)"),
)
"""How a transaction runs that reads whole tables; the last one lets files in one after the other."""
