"""``linli books``: prove the books, close and seal a day, export it, verify an export, and report on any moment."""

import base64
import hashlib
import json
import sys
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import click
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from app import create_app
from app.cli.verify_books import TAG_BYTES, findings, leaf_of, line_of, root_of, sealed_bytes
from app.core import ledger
from app.core.ledger.records import records_of, totals_at
from app.core.ledger.reports import balance_sheet
from app.kernel.clock import SHANGHAI, business_now
from app.kernel.files import put_whole
from app.kernel.transaction import transaction
from app.settings import Settings, read_settings
from app.usecases.reconciling.prove import begin_anew as take_as_it_stands

DAY = click.DateTime(formats=["%Y-%m-%d"])


@click.group("books")
def books_commands() -> None:
    """Look after the books."""


@books_commands.command("prove")
@click.option(
    "--begin-anew", is_flag=True, help="Sound books: what was changed since it was proven is taken as it stands."
)
def prove(*, begin_anew: bool) -> None:
    """Prove the whole books; exit 1 when they are not sound."""
    with create_app().app_context(), transaction() as tx:
        proof = ledger.prove(tx)
        if begin_anew and proof.is_sound:
            take_as_it_stands(tx)
    click.echo(str(proof))
    if not proof.is_sound:
        sys.exit(1)


@books_commands.command("seal")
@click.option("--day", type=DAY, help="The day to close and seal; yesterday unless told otherwise.")
def seal(day: datetime | None) -> None:
    """Close a day, and put its signed seal into the folder LINLI_SEAL_DIR, outside the database."""
    settings = read_settings()
    if settings.seal_dir is None or settings.seal_key is None:
        raise click.ClickException("LINLI_SEAL_DIR and LINLI_SEAL_KEY say where seals go and what signs them")
    with create_app().app_context():
        path = seal_day(settings, day.date() if day else None)
    click.echo(f"sealed: {path}")


@books_commands.command("export")
@click.option("--day", type=DAY, required=True)
@click.option("--to", "target", type=click.Path(path_type=Path), required=True)
def export(day: datetime, target: Path) -> None:
    """Write every entry of a day out, a line of JSON each, as ``linli books verify`` reads it."""
    with create_app().app_context(), target.open("wb") as out:
        for line in export_lines(day.date()):
            out.write(line + b"\n")
    click.echo(f"exported: {target}")


@books_commands.command("verify")
@click.argument("seal_file", type=click.Path(exists=True, path_type=Path))
@click.argument("export_file", type=click.Path(exists=True, path_type=Path))
def verify(seal_file: Path, export_file: Path) -> None:
    """Hold an export to its seal; exit 1 names each row that is not as it was sealed."""
    found = findings(json.loads(seal_file.read_text(encoding="utf-8")), export_file.read_bytes().splitlines())
    click.echo("\n".join(found) or "as it was sealed")
    if found:
        sys.exit(1)


@books_commands.command("report")
@click.option("--at", type=click.DateTime(formats=["%Y-%m-%dT%H:%M:%S", "%Y-%m-%d"]), help="A moment in Shanghai.")
def report(at: datetime | None) -> None:
    """Print trial balance and balance sheet of a moment, fen; now unless told otherwise."""
    with create_app().app_context(), transaction() as tx:
        moment = business_now(tx) if at is None else at.replace(tzinfo=SHANGHAI)
        totals = totals_at(tx, moment)
    for kind, fen in totals.items():
        click.echo(f"{kind:22} {fen:>18}")
    sheet = balance_sheet(totals)
    click.echo(f"assets {sum(sheet.assets.values())} = liabilities {sum(sheet.liabilities.values())}", nl=False)
    click.echo(f" + equity {sheet.equity_fen}")


def export_lines(day: date) -> Iterator[bytes]:
    """Yield the lines of a day's export."""
    with transaction() as tx:
        for record in records_of(tx, day):
            yield line_of(record)


def seal_day(settings: Settings, day: date | None = None) -> Path:
    """Close ``day`` (yesterday) and write its seal; a seal that stands is never written again.

    :raises click.ClickException: the day was sealed before and its entries are not as they were.
    """
    assert settings.seal_dir is not None, "seals go somewhere"
    assert settings.seal_key is not None, "something signs them"
    with transaction() as tx:
        now = business_now(tx)
        day = day or now.astimezone(SHANGHAI).date() - timedelta(days=1)
        ledger.close_day(tx, day)
    folder = Path(settings.seal_dir)
    path = folder / f"seal-{day}.json"
    lines = list(export_lines(day))
    if path.exists():
        found = findings(json.loads(path.read_text(encoding="utf-8")), lines)
        if found:
            raise click.ClickException("\n".join([f"{path} does not fit the books any more:", *found]))
        return path
    signed = signed_seal(settings.seal_key, day, now, lines, _previous(folder, day))
    put_whole(path, json.dumps(signed, sort_keys=True, indent=1).encode())
    return path


def signed_seal(seed: bytes, day: date, now: datetime, lines: list[bytes], previous: str | None) -> dict[str, Any]:
    """Return the seal of a day's lines, signed with the key that ``seed`` makes."""
    private = Ed25519PrivateKey.from_private_bytes(seed)
    leaves = [leaf_of(line) for line in lines]
    seal: dict[str, Any] = {
        "format": 1,
        "day": day.isoformat(),
        "sealed_at": now.isoformat(timespec="seconds"),
        "count": len(leaves),
        "root": root_of(leaves).hex(),
        "tags": base64.b64encode(b"".join(leaf[:TAG_BYTES] for leaf in leaves)).decode(),
        "previous": previous,
        "public_key": private.public_key().public_bytes_raw().hex(),
    }
    return {**seal, "signature": private.sign(sealed_bytes(seal)).hex()}


def _previous(folder: Path, day: date) -> str | None:
    """Return the hash of the seal before ``day``'s, which it is chained to."""
    earlier = sorted(path for path in folder.glob("seal-*.json") if path.name < f"seal-{day}.json")
    return hashlib.sha256(earlier[-1].read_bytes()).hexdigest() if earlier else None
