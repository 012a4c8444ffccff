"""``linli audit``: prove the audit log and the books from the shell."""

import re
import sys

import click

from app import create_app
from app.core import ledger
from app.kernel import audit
from app.kernel.transaction import transaction
from app.usecases.operating.flags import flag_unsound_log

_ANCHOR = re.compile(r"([0-9]{1,18}):([0-9a-f]{64})")


@click.group("audit")
def audit_commands() -> None:
    """Look after the audit log."""


@audit_commands.command("verify")
@click.option("--anchor", help="PLACE:HEAD as an earlier run printed it and you kept it elsewhere.")
def verify(*, anchor: str | None) -> None:
    """Prove the log's chain, the books and their chains; exit 1 and name the row when something is not sound."""
    noted = _ANCHOR.fullmatch(anchor) if anchor is not None else None
    if anchor is not None and noted is None:
        raise click.BadParameter("an anchor is PLACE:HEAD, 64 hexadecimal digits", param_hint="--anchor")
    with create_app().app_context():
        with transaction() as tx:
            while audit.seal(tx):
                pass
        with transaction() as tx:
            log = audit.prove(tx, anchor=(int(noted[1]), noted[2]) if noted else None)
            books = ledger.prove(tx)
            if not log.is_sound:
                flag_unsound_log(tx, len(log.findings))
    click.echo(str(log))
    click.echo(str(books))
    if not (log.is_sound and books.is_sound):
        sys.exit(1)
