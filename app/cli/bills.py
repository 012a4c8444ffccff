"""``linli bills``: billers, their nightly files, and what we owe them."""

import sys
from datetime import date
from pathlib import Path

import click
from sqlalchemy import text

from app import create_app
from app.core.bills.files import BillFileRefused
from app.kernel.errors import LinliError
from app.kernel.lines import lines_in
from app.kernel.transaction import read
from app.usecases.billing.compare_files import compare_file, prove_payables
from app.usecases.billing.list_billers import put_billers, read_billers

_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
_DAY = click.DateTime(formats=["%Y-%m-%d"])
_BY_CODE = text("SELECT biller_id FROM billers WHERE code = :code")


@click.group("bills")
def bills_commands() -> None:
    """Look after life bills."""


@bills_commands.command("import-billers")
@click.argument("file", type=_FILE)
def import_billers(file: Path) -> None:
    """Make billers known by a list with a head, or change those that are known."""
    with create_app().app_context():
        try:
            count = put_billers(read_billers(file.read_text(encoding="utf-8").splitlines()))
        except LinliError as refusal:
            raise click.ClickException(f"{refusal.code} {dict(refusal.params)}") from None
        click.echo(f"{count} billers are known")


@bills_commands.command("compare-file")
@click.argument("code")
@click.argument("day", type=_DAY)
@click.argument("file", type=_FILE)
def compare(code: str, day: object, file: Path) -> None:
    """Hold a biller's file of a day to our payments; exit 1 when they differ."""
    with create_app().app_context():
        biller_id = read(_BY_CODE, {"code": code}).scalar()
        if biller_id is None:
            raise click.ClickException(f"there is no biller {code}")
        try:
            found = compare_file(biller_id, date.fromisoformat(f"{day:%Y-%m-%d}"), lines_in(file))
        except BillFileRefused as refusal:
            raise click.ClickException(f"line {refusal.line}: {refusal.why}; nothing was taken") from None
    if found is None:
        click.echo("this file was taken before")
        return
    click.echo(f"{found.line_count} lines, {found.decided_count} open payments decided")
    for mismatch, count in found.differences.items():
        click.echo(f"  {mismatch}: {count}")
    sys.exit(1 if any(found.differences.values()) else 0)


@bills_commands.command("prove")
def prove() -> None:
    """Hold what we owe billers by the books to our payments; exit 1 when they differ."""
    with create_app().app_context():
        proofs = prove_payables()
    for one in proofs:
        click.echo(f"{one.code}: {one.payable_fen} fen by the books, {one.paid_fen} by payments")
    sys.exit(0 if all(one.payable_fen == one.paid_fen for one in proofs) else 1)
