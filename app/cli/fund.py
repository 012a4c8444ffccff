"""``linli fund`` and ``linli calendar``: funds, their company's files, and the known trading days."""

import csv
import sys
from datetime import date
from pathlib import Path
from uuid import UUID

import chinese_calendar
import click
from sqlalchemy import text

from app import create_app
from app.core.wealth.dates import DAY
from app.core.wealth.yields import WEEK, income, seven_day_e3
from app.kernel.errors import LinliError
from app.kernel.transaction import read
from app.usecases.saving.accrue import accrue_day, correct_day, keep_incomes
from app.usecases.saving.company import import_confirmations, reconcile, send_orders, text_in
from app.usecases.saving.days import import_year, launch_fund, parse_year
from app.usecases.saving.yields import import_yields, scaled

_DAY = click.DateTime(formats=["%Y-%m-%d"])
_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
_BY_CODE = text("SELECT fund_id FROM funds WHERE code = :code")
_PRINCIPALS_FEN = (1_000_000, 8_765)
_WEEK_OF_AUGUST = date(2014, 8, 1)


class _Refusing(click.Group):
    """A group whose refusals are one line and exit 1."""

    def invoke(self, ctx: click.Context) -> object:
        try:
            return super().invoke(ctx)
        except LinliError as error:
            raise click.ClickException(f"{error.code} {dict(error.params) or ''}".strip()) from None


@click.group("fund", cls=_Refusing)
def fund_commands() -> None:
    """Look after money-market funds."""


@click.group("calendar", cls=_Refusing)
def calendar_commands() -> None:
    """Look after the known trading days."""


def _fund_id(code: str) -> UUID:
    found: UUID | None = read(_BY_CODE, {"code": code}).scalar()
    if found is None:
        raise click.ClickException(f"there is no fund {code}")
    return found


@fund_commands.command("check")
@click.argument("file", type=_FILE)
def check(file: Path) -> None:
    """Recompute a published series: ``day,income per 10,000,seven-day yield`` with a header, days in order.

    Prints how many seven-day yields agree, and what 10,000.00 yuan become; exit 1 when one differs.
    """
    days, published = _series(file)
    ordered = sorted(days)
    weeks = [day for day in ordered if all(day - DAY * back in days for back in range(WEEK))]
    wrong = [day for day in weeks if seven_day_e3([days[day - DAY * back] for back in range(WEEK)]) != published[day]]
    click.echo(f"{len(weeks) - len(wrong)} of {len(weeks)} seven-day yields equal the published ones")
    for day in wrong[:10]:
        ours = seven_day_e3([days[day - DAY * back] for back in range(WEEK)])
        click.echo(f"  {day}: published {published[day] / 1000:.3f}, ours {ours / 1000:.3f}")
    spans = [("all days", ordered)]
    week = [_WEEK_OF_AUGUST + DAY * number for number in range(WEEK)]
    if all(day in days for day in week):
        spans.insert(0, (f"{week[0]} to {week[-1]}", week))
    for principal_fen in _PRINCIPALS_FEN:
        for name, span in spans:
            units, carry = principal_fen, 0
            for day in span:
                paid, carry = income(units, days[day], carry)
                units += paid
            click.echo(f"{principal_fen / 100:,.2f} yuan over {name} ({len(span)}): {units / 100:,.2f}")
    sys.exit(1 if wrong else 0)


def _series(file: Path) -> tuple[dict[date, int], dict[date, int]]:
    days: dict[date, int] = {}
    published: dict[date, int] = {}
    with file.open(encoding="utf-8", newline="") as lines:
        for number, line in enumerate(csv.reader(lines), start=1):
            if number == 1:
                continue
            try:
                day = date.fromisoformat(line[0])
                income_e4, seven_e3 = scaled(line[1], 4), scaled(line[2], 3)
            except (ValueError, IndexError):
                raise click.ClickException(f"line {number} cannot be read") from None
            if income_e4 is None or seven_e3 is None or income_e4 < 0 or day in days:
                raise click.ClickException(f"line {number} is no plausible day, or a repeated one")
            days[day], published[day] = income_e4, seven_e3
    return days, published


@fund_commands.command("launch")
@click.argument("code")
@click.option("--name-zh", required=True)
@click.option("--name-en", required=True)
@click.option("--first-day", type=_DAY, required=True, help="the first day that pays income")
def launch(code: str, name_zh: str, name_en: str, first_day: object) -> None:
    """Open a money-market fund: R1, from one yuan."""
    with create_app().app_context():
        fund_id = launch_fund(code=code, name_zh=name_zh, name_en=name_en, first_day=_as_day(first_day))
        click.echo(fund_id)


def _as_day(given: object) -> date:
    return date.fromisoformat(f"{given:%Y-%m-%d}")


@fund_commands.command("send-orders")
@click.argument("code")
@click.argument("day", type=_DAY)
def send(code: str, day: object) -> None:
    """Print the file of a day's orders for the fund company."""
    with create_app().app_context():
        click.echo(send_orders(_fund_id(code), _as_day(day)), nl=False)


@fund_commands.command("import-confirmations")
@click.argument("code")
@click.argument("day", type=_DAY)
@click.argument("file", type=_FILE)
def confirmations(code: str, day: object, file: Path) -> None:
    """Take the fund company's confirmations of a day's orders."""
    with create_app().app_context():
        found = import_confirmations(_fund_id(code), _as_day(day), text_in(file))
    click.echo(f"{found.decided_count} decided, {found.waiting_count} still waiting, {found.repaid_fen} fen repaid")


@fund_commands.command("import-income")
@click.argument("code")
@click.argument("file", type=_FILE)
def published(code: str, file: Path) -> None:
    """Take published incomes; days that were paid and are restated are corrected."""
    with create_app().app_context():
        fund_id = _fund_id(code)
        for day in import_yields(fund_id, text_in(file)):
            corrected = correct_day(fund_id, day)
            click.echo(f"{day}" + (f": corrected by {corrected.paid_fen} fen" if corrected else ""))


@fund_commands.command("accrue")
@click.argument("code")
def accrue(code: str) -> None:
    """Pay the income of every day that is over, published and not paid."""
    with create_app().app_context():
        fund_id = _fund_id(code)
        while True:
            try:
                done = accrue_day(fund_id)
                keep_incomes(fund_id)
            except LinliError as stop:
                click.echo(f"stopped: {stop.code} {dict(stop.params) or ''}".rstrip())
                return
            click.echo(
                f"{done.day}: {done.holder_count} holders, {done.paid_fen} fen paid, {done.declared_fen} declared"
            )


@fund_commands.command("reconcile")
@click.argument("code")
@click.argument("day", type=_DAY)
@click.argument("file", type=_FILE)
def compare(code: str, day: object, file: Path) -> None:
    """Compare all holdings with the fund company's; exit 1 when they differ."""
    with create_app().app_context():
        found = reconcile(_fund_id(code), _as_day(day), text_in(file))
    click.echo(f"ours {found.ours_fen} fen, the fund company's {found.company_fen}")
    for holder, ours, theirs in found.differences:
        click.echo(f"  {holder}: ours {ours}, theirs {theirs}")
    sys.exit(1 if found.differences or found.ours_fen != found.company_fen else 0)


@calendar_commands.command("import")
@click.argument("file", type=_FILE)
def import_days(file: Path) -> None:
    """Make a further year known from a file ``day,is_trading`` with every day of the year."""
    with create_app().app_context():
        click.echo(f"{import_year(parse_year(text_in(file)))} days are new")


@calendar_commands.command("fill")
@click.argument("year", type=int)
def fill(year: int) -> None:
    """Make a further year known from the library chinesecalendar, where it knows the year."""
    days = [date(year, 1, 1) + DAY * number for number in range(366)]
    try:
        known = {day: _is_trading(day) for day in days if day.year == year}
    except NotImplementedError:
        raise click.ClickException(f"the library does not know {year} yet") from None
    with create_app().app_context():
        click.echo(f"{import_year(known)} days are new")


def _is_trading(day: date) -> bool:
    return day.weekday() < 5 and not chinese_calendar.is_holiday(day)  # noqa: PLR2004 - Monday to Friday
