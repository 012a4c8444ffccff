"""The job library behind one function: a job is deferred inside our transaction, and exists when that commits."""

from uuid import UUID

import orjson
from sqlalchemy import text

from app.kernel.transaction import Transaction

QUEUE = "outside"

_DEFER = text(
    f"""
    SELECT procrastinate_defer_jobs_v1(ARRAY[CAST(ROW(
        '{QUEUE}', CAST(:task AS varchar), 0, NULL, NULL, CAST(:args AS jsonb),
        CASE WHEN :delay_s > 0 THEN clock_timestamp() + :delay_s * interval '1 second' END
    ) AS procrastinate_job_to_defer_v1)])
    """
)


def defer(tx: Transaction, task: str, subject: UUID | str, *, delay_s: float = 0.0) -> None:
    """Let ``task`` be done about ``subject``, ``delay_s`` seconds from now (wall time), if this transaction commits."""
    args = orjson.dumps({"subject": str(subject)}).decode()
    tx.execute(_DEFER, {"task": task, "args": args, "delay_s": float(delay_s)})
