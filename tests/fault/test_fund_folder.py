"""The fund company's files, exchanged by the worker through a folder."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from structlog.testing import capture_logs

from app.adapters.sandbox_fund.folder import FundHouse
from app.kernel.clock import SHANGHAI
from app.usecases.saving import company
from app.usecases.saving.yields import HEADER
from app.worker.fund import look_after_funds
from tests.factories.rows import look, look_one
from tests.factories.wealth import a_fund, a_saver, a_wealth_grant

if TYPE_CHECKING:
    from pathlib import Path

    from flask.testing import FlaskClient

    from tests.factories.wealth import Fund
    from tests.support.business_clock import BusinessClock


def test_a_week_of_a_fund_goes_by_itself_and_a_company_begun_anew_says_the_same(
    client: FlaskClient, clock: BusinessClock, tmp_path: Path
) -> None:
    first = date(2026, 3, 5)  # a Thursday
    clock.at(datetime(2026, 3, 5, 10, tzinfo=SHANGHAI))
    fund = a_fund(accrued_through=first - timedelta(days=1))
    saver = a_saver(balance_fen=2_000_000)
    body = {"amount_fen": 1_000_000, "step_up_grant": str(a_wealth_grant(saver, fund.fund_id))}
    bought = client.post(f"/user/v1/funds/{fund.fund_id}/purchases", headers=saver.once(), json=body)
    assert bought.status_code == 201, bought.text
    house = FundHouse(tmp_path)

    for number in range(1, 8):
        clock.at(datetime(2026, 3, 5, 3, tzinfo=SHANGHAI) + timedelta(days=number))
        if number == 5:
            body = {"amount_fen": 200_000, "is_fast": True}
            out = client.post(f"/user/v1/funds/{fund.fund_id}/redemptions", headers=saver.once(), json=body)
            assert out.status_code == 201, out.text
            house = FundHouse(tmp_path)
        for _ in range(4):
            look_after_funds(tmp_path, code=fund.code)
            house.work_once()

    days = look("SELECT day, units_fen, company_fen, difference_count FROM fund_days WHERE fund_id = :f ORDER BY day",
                f=fund.fund_id)  # fmt: skip
    assert [row.day for row in days] == [first + timedelta(days=number) for number in range(7)]
    assert {row.difference_count for row in days} == {0}
    assert look_one("SELECT state FROM fund_orders WHERE fund_id = :f AND kind = 'buy'", f=fund.fund_id) == "confirmed"
    assert look_one("SELECT is_repaid FROM fund_orders WHERE fund_id = :f AND kind = 'fast'", f=fund.fund_id)
    assert look_one("SELECT income_fen FROM fund_holdings WHERE fund_id = :f", f=fund.fund_id) > 0
    files = {path.name: path.read_bytes() for path in (tmp_path / "in").iterdir()}
    for path in (tmp_path / "in").iterdir():
        path.unlink()
    FundHouse(tmp_path).work_once()
    assert {path.name: path.read_bytes() for path in (tmp_path / "in").iterdir()} == files


FIRST = date(2026, 3, 5)


def an_income_to_come(clock: BusinessClock, folder: Path) -> tuple[Fund, Path]:
    """Return a fund on the day after its first, with its holdings in the folder, and where the day's income belongs."""
    clock.at(datetime(2026, 3, 6, 10, tzinfo=SHANGHAI))
    fund = a_fund(accrued_through=FIRST - timedelta(days=1))
    (folder / "in").mkdir()
    (folder / "in" / f"holdings-{fund.code}-{FIRST}.csv").write_bytes(b"fund,day,holder,units_fen\n")
    return fund, folder / "in" / f"income-{fund.code}-{FIRST}.csv"


@pytest.mark.parametrize("wrong", [b"\xff", b'"\r', b"x" * 200_000], ids=["no UTF-8", "no lines", "no end"])
def test_a_file_that_cannot_be_read_is_an_alarm_and_no_more(
    client: FlaskClient, clock: BusinessClock, tmp_path: Path, wrong: bytes
) -> None:
    fund, income = an_income_to_come(clock, tmp_path)
    income.write_bytes(b"fund,day,version,ten_thousand,seven_day,declared_fen\n" + wrong + b"\n")

    with capture_logs() as logs:
        look_after_funds(tmp_path, code=fund.code)

    assert [(one["fund"], one["why"], one["line"]) for one in logs] == [(fund.code, "fund_file_malformed", 2)]
    assert look("SELECT day FROM fund_days WHERE fund_id = :id", id=fund.fund_id) == []


def test_a_file_beyond_its_limits_is_an_alarm_and_no_more(
    client: FlaskClient, clock: BusinessClock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fund, income = an_income_to_come(clock, tmp_path)

    with capture_logs() as logs:
        with income.open("wb") as file:
            file.truncate(company.BYTES_MAX + 1)
        look_after_funds(tmp_path, code=fund.code)
        monkeypatch.setattr(company, "LINES_MAX", 1)
        income.write_text("\n".join([",".join(HEADER), *[f"{fund.code},{FIRST},1,1.1204,,0"] * 2, ""]))
        look_after_funds(tmp_path, code=fund.code)

    assert [(one["why"], one["bytes_max"]) for one in logs] == [("fund_file_too_large", company.BYTES_MAX)] * 2
    assert look("SELECT day FROM fund_days WHERE fund_id = :id", id=fund.fund_id) == []
    assert look("SELECT day FROM fund_yields WHERE fund_id = :id", id=fund.fund_id) == []
