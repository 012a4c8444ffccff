"""What the worker does for life bills: asks about payments, looks at accounts, pays what is due, settles by files."""

from collections.abc import Callable
from datetime import timedelta

import structlog
from flask import Flask
from sqlalchemy import text

from app.core.bills.files import BillFileRefused
from app.core.bills.ports import Biller, BillerUnavailable
from app.kernel.clock import SHANGHAI, wall_now
from app.kernel.transaction import read
from app.usecases.billing.ask_bills import look_at_bills
from app.usecases.billing.autopay import pay_due_bills
from app.usecases.billing.compare_files import compare_file, decide_by_files
from app.usecases.billing.outcomes import ask_silent
from app.usecases.billing.settle import settle_billers

LIMIT = 100
FILES_A_ROUND = 20
BACK_DAYS = 7
FILES_AFTER = timedelta(hours=2)
"""Yesterday's files are ready by two in the morning. Billers' days go by wall time."""

log = structlog.get_logger()

_LACKING = text(
    """
    SELECT r.biller_id, r.code, CAST(d AS date) AS day FROM billers AS r
    CROSS JOIN generate_series(CAST(:first AS date), CAST(:last AS date), interval '1 day') AS d
    WHERE EXISTS (SELECT 1 FROM bill_payments AS p WHERE p.biller_id = r.biller_id
            AND p.requested_at >= CAST(:first AS date) - 30)
        AND NOT EXISTS (SELECT 1 FROM bill_files AS f WHERE f.biller_id = r.biller_id AND f.day = CAST(d AS date))
    ORDER BY d, r.code LIMIT :limit
    """
)


def bill_work(app: Flask) -> Callable[[], int]:
    """Return what looks after bills."""

    def bills() -> int:
        return look_after_bills(app.extensions["linli_billers"])

    return bills


def look_after_bills(billers: Biller) -> int:
    """Do one round; return how much was done."""
    done = ask_silent(billers, LIMIT) + look_at_bills(billers, LIMIT) + pay_due_bills(LIMIT)
    take_files(billers)
    return done + decide_by_files() + settle_billers()


def take_files(billers: Biller) -> int:
    """Take files of the last days that are there and were not taken yet; return how many.

    A file that is refused is an alarm in the log, and is asked for again.
    """
    last = (wall_now().astimezone(SHANGHAI) - FILES_AFTER).date() - timedelta(days=1)
    asked = {"first": last - timedelta(days=BACK_DAYS - 1), "last": last, "limit": FILES_A_ROUND}
    done = 0
    for row in read(_LACKING, asked).fetchall():
        try:
            compare_file(row.biller_id, row.day, billers.daily_file(row.code, row.day))
        except BillFileRefused as refusal:
            told = {"biller": row.code, "day": str(row.day), "line": refusal.line, "why": refusal.why}
            log.error("a biller's file was refused", **told)  # noqa: TRY400 - the facts
        except BillerUnavailable:
            return done
        else:
            done += 1
    return done
