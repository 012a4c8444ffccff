"""``dev.py bench-wealth``: a day's income of half a million holders, 246,100 sweeps, and their floors."""

from __future__ import annotations

import argparse
import time
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING
from uuid import UUID

import psycopg

from app.cli.dev.bench_database import bench_database
from app.kernel.clock import SHANGHAI, set_virtual
from app.kernel.errors import LinliError
from app.kernel.transaction import transaction
from app.usecases.saving.accrue import accrue_day, keep_incomes
from app.usecases.saving.days import launch_fund
from app.usecases.saving.sweeps import sweep_fund
from app.usecases.saving.yields import HEADER, import_yields

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

HOLDERS, SWEEPS = 500_000, 246_100
ACCRUAL_S_MAX, SWEEP_S_MAX = 3.0, 60.0
DAYS = 3
THURSDAY = date(2026, 3, 5)
_ACCOUNT = "('00000000-0000-7000-8000-' || lpad(n::text, 12, '0'))::uuid"
_PEOPLE = f"""
    INSERT INTO accounts (account_id, phone_sealed, phone_index, verification_level)
    SELECT {_ACCOUNT}, '', int8send(n), 3 FROM generate_series(1, %(people)s) AS n
"""
_HOLD = f"""
    INSERT INTO fund_holdings (account_id, fund_id, units_fen, earning_fen)
    SELECT {_ACCOUNT}, %(fund)s, 100 + n::bigint * 7919 %% 5000000, 100 + n::bigint * 7919 %% 5000000
    FROM generate_series(1, %(people)s) AS n
"""
_RULES = f"""
    INSERT INTO sweep_rules (account_id, fund_id, keep_fen, is_pull_back, set_at, swept_on)
    SELECT {_ACCOUNT}, %(fund)s, 10000, true, now(), '2000-01-01' FROM generate_series(1, %(people)s) AS n
"""
_ASSESSED = f"""
    INSERT INTO risk_assessments (assessment_id, account_id, questionnaire_version, score, level, taken_at, expires_on)
    SELECT gen_random_uuid(), {_ACCOUNT}, 1, 20, 3, now(), '2100-01-01' FROM generate_series(1, %(people)s) AS n
"""
_MONEY = """
    SELECT ledger.post('bench:' || first, 'opening', NULL, NULL, codes || 'bank_settlement'::text,
        array_fill(20000::bigint, ARRAY[cardinality(codes)]) || (-20000::bigint * cardinality(codes)))
    FROM (SELECT min(n) AS first, array_agg('e_account:00000000-0000-7000-8000-' || lpad(n::text, 12, '0') ORDER BY n)
          AS codes FROM generate_series(1, %(people)s) AS n GROUP BY n / 900) AS batch
"""
_FLOOR = """
    CREATE TABLE floor_holdings (account_id uuid PRIMARY KEY, units bigint) WITH (fillfactor = 45);
    CREATE TABLE floor_incomes (account_id uuid, day date, paid bigint, PRIMARY KEY (account_id, day));
    INSERT INTO floor_holdings SELECT account_id, units_fen FROM fund_holdings;
"""
_FLOOR_ACCRUE = """
    WITH earned AS (UPDATE floor_holdings SET units = units + units / 10000 RETURNING account_id, units)
    INSERT INTO floor_incomes SELECT account_id, %(day)s, units FROM earned
"""


def main(arguments: Sequence[str]) -> int:
    """Measure; ``--scale 0.1`` makes a tenth of it. Exit code 1 when a rerun changed something."""
    parser = argparse.ArgumentParser(prog="dev.py bench-wealth")
    parser.add_argument("--scale", type=float, default=1.0)
    scale = parser.parse_args(arguments).scale
    holders, sweeps = int(HOLDERS * scale), int(SWEEPS * scale)
    with bench_database() as url, psycopg.connect(url, autocommit=True) as owner:
        return _measure(owner, holders, sweeps)


def _measure(owner: psycopg.Connection, holders: int, sweeps: int) -> int:
    with transaction() as tx:
        set_virtual(tx, fixed_at=datetime(2026, 3, 5, 10, tzinfo=SHANGHAI))
    fund = launch_fund(code="bench", name_zh="凤凰宝", name_en="Phoenix", first_day=THURSDAY)
    owner.execute(_PEOPLE, {"people": max(holders, sweeps)})
    owner.execute(_HOLD, {"people": holders, "fund": fund})
    owner.execute("VACUUM ANALYZE fund_holdings")
    is_unchanged = _income(owner, fund, holders)
    _sweeps(owner, fund, sweeps)
    return 0 if is_unchanged else 1


def _timed(act: Callable[[], object]) -> float:
    began = time.monotonic()
    act()
    return time.monotonic() - began


def _income(owner: psycopg.Connection, fund: UUID, holders: int) -> bool:
    owner.execute(_FLOOR)
    owner.execute("VACUUM ANALYZE floor_holdings")
    print(f"income of {holders:,} holders, {DAYS} days one after another")
    for number in range(DAYS):
        day = THURSDAY + timedelta(days=number)
        with transaction() as tx:
            set_virtual(tx, fixed_at=datetime(day.year, day.month, day.day + 1, 3, tzinfo=SHANGHAI))
        (exact,) = owner.execute("SELECT sum(earning_fen * 11204) / 100000000 FROM fund_holdings").fetchone() or (0,)
        import_yields(fund, "\n".join([",".join(HEADER), f"bench,{day},1,1.1204,,{int(exact)}", ""]))
        floor_s = _timed(lambda day=day: owner.execute(_FLOOR_ACCRUE, {"day": day}))  # type: ignore[misc]
        before = time.monotonic()
        done = accrue_day(fund)
        took_s = time.monotonic() - before
        kept_s = _timed(lambda: keep_incomes(fund))
        print(
            f"  {day}: {took_s:.2f} s (aim {ACCRUAL_S_MAX:.0f} s for {HOLDERS:,}), its rows of history {kept_s:.2f} s"
            f" after it; floor of the same run, two columns and a row each, {floor_s:.2f} s;"
            f" {done.paid_fen:,} fen, rounding {done.rounding_fen}"
        )
    sums = "SELECT sum(units_fen), sum(carry_e8), count(*) FROM fund_holdings"
    first = owner.execute(sums).fetchone()
    try:
        accrue_day(fund)
    except LinliError as stop:
        print(f"  a rerun: {stop.code}")
    is_unchanged = owner.execute(sums).fetchone() == first
    print(f"  a rerun changed {'nothing' if is_unchanged else 'SOMETHING'}")
    return is_unchanged


def _sweeps(owner: psycopg.Connection, fund: UUID, sweeps: int) -> None:
    owner.execute(_RULES, {"people": sweeps, "fund": fund})
    owner.execute(_ASSESSED, {"people": sweeps})
    floor_s = _timed(lambda: owner.execute(_MONEY, {"people": sweeps}))
    owner.execute("ANALYZE sweep_rules, risk_assessments, accounts, ledger.account")
    began = time.monotonic()
    swept = sweep_fund(fund)
    took_s = time.monotonic() - began
    again = sweep_fund(fund)
    print(f"{swept.order_count:,} sweeps of {sweeps:,} rules")
    print(
        f"  {took_s:.1f} s, {swept.order_count / took_s:,.0f}/s (aim {SWEEP_S_MAX:.0f} s for {SWEEPS:,}); floor of the"
        f" same run, half the legs and nothing else, {floor_s:.1f} s"
    )
    print(f"  a rerun looked at {again.rule_count} rules and swept {again.order_count}")


if __name__ == "__main__":
    import sys

    sys.exit(main(sys.argv[1:]))
