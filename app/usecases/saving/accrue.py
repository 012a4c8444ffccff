"""A day's income (收益): accrued for every holder by one statement, once, in the order of the days.

A holding says what its last accrual earned on and paid; the rows of history are taken from there by a statement of
their own, after it and before the next. Holders keep what is below a fen. The books take one journal a day: what the
fund declares comes from ``fund_omnibus``, what holders earn stands on ``fund_income`` until their accounts are next
moved, the difference on ``fund_rounding``. A day without a published income stops the accrual; a restated one corrects
what was paid by a journal of its own.
"""

from dataclasses import dataclass
from datetime import date
from uuid import UUID

from sqlalchemy import text

from app.core import ledger
from app.core.ledger import Journal, JournalKind
from app.core.wealth.dates import DAY, today
from app.core.wealth.errors import FundDayNotOver, FundNotFound, FundOrdersUndecided, RoundingBroken, YieldMissing
from app.kernel.transaction import Transaction, transaction
from app.kernel.wire import Row
from app.usecases.saving.journals import accrued, legs_of

_LONG = text("SET LOCAL statement_timeout = '300s'")
_SCAN = text("SET LOCAL enable_seqscan = on")
_PLAN = text("SET LOCAL plan_cache_mode = force_custom_plan")
_SETTINGS = (_LONG, _SCAN, _PLAN)
_LOCK_FUND = text(
    """
    SELECT f.fund_id, f.accrued_through, f.rounding_fen, business_now() AS now,
        (SELECT count(*) FROM fund_orders AS o WHERE o.fund_id = f.fund_id AND o.state IN ('accepted', 'sent')
            AND o.kind = 'buy' AND o.confirm_on <= f.accrued_through + 1) AS undecided
    FROM funds AS f WHERE f.fund_id = :fund_id FOR NO KEY UPDATE OF f
    """
)
_YIELD = text(
    """
    SELECT version, ten_thousand_e4, declared_fen FROM fund_yields WHERE fund_id = :fund_id AND day = :day
    ORDER BY version DESC LIMIT 1
    """
)
_ABSORB = text(
    """
    WITH moves AS (
        UPDATE fund_orders SET absorbed_on = :day
        WHERE fund_id = :fund_id AND earns_from <= :day AND absorbed_on IS NULL
        RETURNING account_id, units_fen
    )
    UPDATE fund_holdings AS h SET earning_fen = h.earning_fen + m.units_fen
    FROM (SELECT account_id, sum(units_fen) AS units_fen FROM moves GROUP BY account_id) AS m
    WHERE h.fund_id = :fund_id AND h.account_id = m.account_id
    """
)
_ACCRUE = text(
    """
    UPDATE fund_holdings SET
        last_units_fen = earning_fen,
        last_income_fen = (earning_fen * :income_e4 + carry_e8) / 100000000,
        carry_e8 = (earning_fen * :income_e4 + carry_e8) % 100000000,
        units_fen = units_fen + (earning_fen * :income_e4 + carry_e8) / 100000000,
        earning_fen = earning_fen + (earning_fen * :income_e4 + carry_e8) / 100000000,
        uncredited_fen = uncredited_fen + (earning_fen * :income_e4 + carry_e8) / 100000000,
        income_fen = income_fen + (earning_fen * :income_e4 + carry_e8) / 100000000
    WHERE fund_id = :fund_id AND earning_fen > 0
    """
)
"""The accrual of one fund and day: every holder's income, what it was earned on, and what is left of a fen."""
_SUMS = text(
    """
    SELECT count(*) AS holder_count, coalesce(sum(earning_fen), 0) AS units_fen,
        coalesce(sum(last_income_fen), 0) AS paid_fen
    FROM fund_holdings WHERE fund_id = :fund_id AND last_units_fen > 0
    """
)
_RESET_IDLE = text(
    """
    UPDATE fund_holdings SET last_units_fen = 0, last_income_fen = 0
    WHERE fund_id = :fund_id AND earning_fen = 0 AND last_units_fen > 0
    """
)
_KEEP = text(
    """
    WITH kept AS (
        UPDATE fund_days AS d SET incomes_kept_at = business_now() FROM funds AS f
        WHERE f.fund_id = :fund_id AND d.fund_id = f.fund_id AND d.day = f.accrued_through
            AND d.incomes_kept_at IS NULL
        RETURNING d.day
    ), rows AS (
        INSERT INTO fund_incomes (account_id, fund_id, day, units_fen, paid_fen)
        SELECT h.account_id, h.fund_id, k.day, h.last_units_fen, h.last_income_fen
        FROM kept AS k JOIN fund_holdings AS h ON h.fund_id = :fund_id AND h.last_units_fen > 0
        RETURNING 1
    )
    SELECT count(*) FROM rows
    """
)
"""The rows of history of the last day that was accrued, unless they are there; under the lock of the fund."""
_COUNT = text("SELECT count(*) FROM fund_holdings WHERE fund_id = :fund_id")
_END = text(
    """
    WITH moved AS (
        UPDATE funds SET accrued_through = :day, rounding_fen = :rounding_fen
        WHERE fund_id = :fund_id AND accrued_through = CAST(:day AS date) - 1 RETURNING 1
    ), kept AS (
        INSERT INTO fund_days (fund_id, day, version, holder_count, units_fen, paid_fen, declared_fen, accrued_at)
        VALUES (:fund_id, :day, :version, :holder_count, :units_fen, :paid_fen, :declared_fen, business_now())
    )
    SELECT count(*) FROM moved
    """
)
_PAID_BY = text("SELECT version, declared_fen FROM fund_days WHERE fund_id = :fund_id AND day = :day")
_YIELD_OF = text(
    "SELECT ten_thousand_e4 FROM fund_yields WHERE fund_id = :fund_id AND day = :day AND version = :version"
)
_CORRECT = text(
    """
    WITH owed AS (
        SELECT h.account_id, h.carry_e8 + i.units_fen * :change_e4 AS sum_e8, least(h.units_fen, h.earning_fen) AS room
        FROM fund_incomes AS i JOIN fund_holdings AS h ON h.account_id = i.account_id AND h.fund_id = i.fund_id
        WHERE i.fund_id = :fund_id AND i.day = :day
    ), due AS (
        SELECT account_id, greatest(CAST(floor(CAST(sum_e8 AS numeric) / 100000000) AS bigint), -room) AS paid_fen,
            CAST(floor(CAST(sum_e8 AS numeric) / 100000000) AS bigint) < -room AS is_short,
            ((sum_e8 % 100000000) + 100000000) % 100000000 AS carry_e8
        FROM owed
    ), moved AS (
        UPDATE fund_holdings AS h SET units_fen = h.units_fen + d.paid_fen, earning_fen = h.earning_fen + d.paid_fen,
            uncredited_fen = h.uncredited_fen + d.paid_fen, income_fen = h.income_fen + d.paid_fen,
            carry_e8 = CASE WHEN d.is_short THEN 0 ELSE d.carry_e8 END
        FROM due AS d WHERE h.fund_id = :fund_id AND h.account_id = d.account_id
        RETURNING d.account_id, d.paid_fen
    ), kept AS (
        UPDATE fund_incomes AS i SET corrected_fen = i.corrected_fen + m.paid_fen
        FROM moved AS m WHERE i.account_id = m.account_id AND i.fund_id = :fund_id AND i.day = :day
    )
    SELECT coalesce(sum(paid_fen), 0) AS paid_fen FROM moved
    """
)
_END_CORRECTION = text(
    """
    WITH moved AS (UPDATE funds SET rounding_fen = :rounding_fen WHERE fund_id = :fund_id)
    UPDATE fund_days SET version = :version, paid_fen = paid_fen + :paid_fen, units_fen = units_fen + :paid_fen,
        declared_fen = :declared_fen
    WHERE fund_id = :fund_id AND day = :day
    """
)


@dataclass(frozen=True, slots=True, kw_only=True)
class DayAccrued:
    """What an accrual, or its correction, came to."""

    day: date
    holder_count: int
    paid_fen: int
    declared_fen: int
    rounding_fen: int


def accrue_day(fund_id: UUID) -> DayAccrued:
    """Pay the income of the day after the last one that was paid. All of it happens, or nothing.

    Locks the fund, its orders and holdings, then the ledger's accounts.

    :raises FundNotFound: there is none. :raises FundDayNotOver: the day is still going on.
    :raises YieldMissing: its income is not published. :raises FundOrdersUndecided: some should earn and wait.
    :raises RoundingBroken: declared and earned income are more than a fen a holder apart.
    """
    with transaction() as tx:
        fund = _locked(tx, fund_id)
        day = fund.accrued_through + DAY
        if today(fund.now) <= day:
            raise FundDayNotOver
        key = {"fund_id": fund_id, "day": day}
        found = tx.execute(_YIELD, key).one_or_none()
        if found is None:
            raise YieldMissing(day=day.isoformat())
        if fund.undecided:
            raise FundOrdersUndecided(count=fund.undecided)
        tx.execute(_KEEP, {"fund_id": fund_id})
        tx.execute(_RESET_IDLE, {"fund_id": fund_id})
        tx.execute(_ABSORB, key)
        tx.execute(_ACCRUE, {"fund_id": fund_id, "income_e4": found.ten_thousand_e4})
        sums = tx.execute(_SUMS, {"fund_id": fund_id}).one()
        paid_fen = int(sums.paid_fen)
        rounding_fen = fund.rounding_fen + found.declared_fen - paid_fen
        _require_rounding(tx, fund_id, rounding_fen)
        legs = legs_of(accrued(found.declared_fen, paid_fen))
        if legs:
            key_of = f"accr:{fund_id}:{day}"
            ledger.post(tx, Journal(key=key_of, kind=JournalKind.FUND_INCOME, legs=legs, ref=str(fund_id)))
        done = tx.execute(
            _END,
            {
                **key,
                "version": found.version,
                "holder_count": sums.holder_count,
                "units_fen": int(sums.units_fen),
                "paid_fen": paid_fen,
                "declared_fen": found.declared_fen,
                "rounding_fen": rounding_fen,
            },
        )
        assert done.scalar_one() == 1, "accrued under lock"
    return DayAccrued(
        day=day,
        holder_count=sums.holder_count,
        paid_fen=paid_fen,
        declared_fen=found.declared_fen,
        rounding_fen=rounding_fen,
    )


def keep_incomes(fund_id: UUID) -> int:
    """Write the rows of history of the last day that was accrued; return how many, 0 when they are there.

    Until then a holding says its part of that day. Whoever was killed in between leaves it to the next accrual.

    :raises FundNotFound: there is none.
    """
    with transaction() as tx:
        _locked(tx, fund_id)
        return int(tx.execute(_KEEP, {"fund_id": fund_id}).scalar_one())


def _locked(tx: Transaction, fund_id: UUID) -> Row:
    for setting in _SETTINGS:
        tx.execute(setting)
    fund = tx.execute(_LOCK_FUND, {"fund_id": fund_id}).one_or_none()
    if fund is None:
        raise FundNotFound
    return fund


def _require_rounding(tx: Transaction, fund_id: UUID, rounding_fen: int) -> None:
    holders = int(tx.execute(_COUNT, {"fund_id": fund_id}).scalar_one())
    if abs(rounding_fen) > holders:
        raise RoundingBroken(rounding_fen=rounding_fen, holder_count=holders)


def correct_day(fund_id: UUID, day: date) -> DayAccrued | None:
    """Correct a day that was paid by an income that the fund has restated since; None when there is nothing to do.

    Each holder gets or gives the difference of that day's income, on the units that earned it. What somebody who has
    redeemed cannot give back is borne in ``fund_rounding``.
    """
    with transaction() as tx:
        fund = _locked(tx, fund_id)
        tx.execute(_KEEP, {"fund_id": fund_id})
        key = {"fund_id": fund_id, "day": day}
        paid_by, found = tx.execute(_PAID_BY, key).one_or_none(), tx.execute(_YIELD, key).one_or_none()
        if paid_by is None or found is None or found.version == paid_by.version:
            return None
        before_e4 = tx.execute(_YIELD_OF, {**key, "version": paid_by.version}).scalar_one()
        change_e4 = found.ten_thousand_e4 - before_e4
        paid_fen = int(tx.execute(_CORRECT, {**key, "change_e4": change_e4}).scalar_one())
        declared_fen = found.declared_fen - paid_by.declared_fen
        legs = legs_of(accrued(declared_fen, paid_fen))
        if legs:
            key_of = f"accr:{fund_id}:{day}:{found.version}"
            ledger.post(tx, Journal(key=key_of, kind=JournalKind.CORRECTION, legs=legs, ref=str(fund_id)))
        rounding_fen = fund.rounding_fen + declared_fen - paid_fen
        ended = {"version": found.version, "paid_fen": paid_fen, "declared_fen": found.declared_fen}
        tx.execute(_END_CORRECTION, {**key, **ended, "rounding_fen": rounding_fen})
    return DayAccrued(day=day, holder_count=0, paid_fen=paid_fen, declared_fen=declared_fen, rounding_fen=rounding_fen)
