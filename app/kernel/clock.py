"""Two clocks, kept apart.

*Business time* decides timers, windows, posting dates and opening hours. It is the SQL function ``business_now()``: the
database's clock, in development and tests optionally moved (:func:`set_virtual`). Days are Asia/Shanghai.

*Wall time* decides security and transport: tokens, webhook tolerance, rate limits. It is never moved.
"""

import time
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from sqlalchemy import text

from app.kernel.transaction import Transaction

SHANGHAI = ZoneInfo("Asia/Shanghai")

_NOW = text("SELECT business_now()")
_IS_MOVED = text("SELECT fixed_at IS NOT NULL OR ahead <> interval '0' FROM business_clock")
_SET = text(
    """
    UPDATE business_clock SET fixed_at = CAST(:fixed_at AS timestamptz), ahead = CAST(:ahead AS interval)
    """
)


def is_moved(tx: Transaction) -> bool:
    """Say whether business time differs from the database's clock."""
    return bool(tx.execute(_IS_MOVED).scalar_one())


def business_now(tx: Transaction) -> datetime:
    """Return business time, aware, UTC. Inside one transaction it stands still."""
    moment: datetime = tx.execute(_NOW).scalar_one()
    return moment.astimezone(UTC)


def wall_now_s() -> int:
    """Return wall time in whole seconds since the epoch."""
    return int(time.time())


def wall_now() -> datetime:
    """Return wall time, aware, UTC."""
    return datetime.fromtimestamp(time.time(), tz=UTC)


def as_text(instant: datetime) -> str:
    """Return ``instant`` as answers write it: RFC 3339, in UTC with a ``Z``."""
    return instant.astimezone(UTC).isoformat().replace("+00:00", "Z")


def set_virtual(tx: Transaction, *, fixed_at: datetime | None = None, ahead: timedelta = timedelta()) -> None:
    """Freeze business time at ``fixed_at``, or let it run ``ahead`` of the database's clock.

    The caller has made sure that this is no production database: :mod:`app.wiring` refuses to start on a moved clock.
    """
    tx.execute(_SET, {"fixed_at": fixed_at, "ahead": ahead})
