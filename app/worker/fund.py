"""What the worker does with fund companies: order files out, confirmations, income and holdings in, by business days.

A day of a fund goes: its orders out when it is over; its income in and accrued; all holdings compared; confirmations
when their trading day has come. Each step does nothing the second time: a round that broke off is simply gone on with.
"""

from collections.abc import Callable
from datetime import date
from pathlib import Path

import structlog
from sqlalchemy import text

from app.adapters.bank_folder import put_out
from app.core.wealth.dates import DAY
from app.core.wealth.errors import FundDayNotOver, FundOrdersUndecided, YieldMissing
from app.kernel.errors import LinliError
from app.kernel.transaction import read
from app.kernel.wire import Row
from app.settings import Settings
from app.usecases.saving.accrue import accrue_day, keep_incomes
from app.usecases.saving.company import import_confirmations, reconcile, send_orders, text_in
from app.usecases.saving.yields import import_yields

DAYS_A_ROUND = 31

log = structlog.get_logger()

_FUNDS = text(
    """
    SELECT fund_id, code, accrued_through, CAST(business_now() AT TIME ZONE 'Asia/Shanghai' AS date) AS today
    FROM funds WHERE code = coalesce(CAST(:code AS text), code) ORDER BY fund_id LIMIT 100
    """
)
_ONE = text("SELECT accrued_through FROM funds WHERE fund_id = :fund_id")
_WAITING = text(
    """
    SELECT DISTINCT trade_on FROM fund_orders
    WHERE fund_id = :fund_id AND trade_on < :today
        AND (state = 'sent' OR kind IN ('fast', 'pay') AND NOT is_repaid)
    ORDER BY trade_on LIMIT :limit
    """
)


def fund_work(settings: Settings) -> Callable[[], int]:
    """Return what looks after the folder that is shared with fund companies; without one there is nothing to do."""

    def funds() -> int:
        return 0 if settings.fund_dir is None else look_after_funds(Path(settings.fund_dir))

    return funds


def look_after_funds(folder: Path, *, code: str | None = None) -> int:
    """Do one round for every fund, or for one; return how many steps were done.

    What is refused is an alarm in the log, and is tried again.
    """
    done = 0
    for fund in read(_FUNDS, {"code": code}).fetchall():
        for step in (_send, _confirm, _accrue):
            try:
                done += step(folder, fund)
            except LinliError as refusal:
                log.error("a fund's file was refused", fund=fund.code, why=refusal.code, **dict(refusal.params))  # noqa: TRY400 - the facts
                break
    return done


def _send(folder: Path, fund: Row) -> int:
    """Write order files of the days that are over and not accrued."""
    done = 0
    day = fund.accrued_through + DAY
    while day < fund.today and done < DAYS_A_ROUND:
        target = folder / "out" / f"orders-{fund.code}-{day}.csv"
        if not target.exists():
            put_out(folder, target.name, send_orders(fund.fund_id, day).encode())
            done += 1
        day += DAY
    return done


def _confirm(folder: Path, fund: Row) -> int:
    """Take confirmations whose trading day has come."""
    done = 0
    waiting = read(_WAITING, {"fund_id": fund.fund_id, "today": fund.today, "limit": DAYS_A_ROUND})
    for row in waiting.fetchall():
        content = _content(folder, "confirmations", fund.code, row.trade_on)
        if content is None:
            break
        try:
            found = import_confirmations(fund.fund_id, row.trade_on, content)
        except FundDayNotOver:
            break
        done += min(1, found.decided_count + found.repaid_fen)
    return done


def _accrue(folder: Path, fund: Row) -> int:
    """Take and pay the income of days that are over, one after another, and compare holdings after each."""
    for done in range(DAYS_A_ROUND):
        day = read(_ONE, {"fund_id": fund.fund_id}).scalar_one() + DAY
        income, holdings = (_content(folder, kind, fund.code, day) for kind in ("income", "holdings"))
        if day >= fund.today or income is None or holdings is None:
            return done
        import_yields(fund.fund_id, income)
        try:
            accrue_day(fund.fund_id)
        except (FundOrdersUndecided, YieldMissing):
            return done
        keep_incomes(fund.fund_id)
        compared = reconcile(fund.fund_id, day, holdings)
        if compared.differences or compared.ours_fen != compared.company_fen:
            facts = {"day": str(day), "ours_fen": compared.ours_fen, "company_fen": compared.company_fen}
            log.error("holdings differ from the fund company's", fund=fund.code, **facts)
        if _confirm(folder, fund):
            return done + 1
    return DAYS_A_ROUND


def _content(folder: Path, kind: str, code: str, day: date) -> str | None:
    path = folder / "in" / f"{kind}-{code}-{day}.csv"
    return text_in(path) if path.is_file() else None
