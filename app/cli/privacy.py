"""``linli privacy``: search all tables for somebody, sealed fields opened."""

import sys

import click

from app import create_app
from app.core.privacy.search import search
from app.kernel import audit
from app.kernel.transaction import transaction


@click.group("privacy")
def privacy_commands() -> None:
    """Look after personal data."""


@privacy_commands.command("search")
def find() -> None:
    """Read texts from standard input, one a line, and say which tables hold one of them; exit 1 when any does.

    Texts come by standard input so that they stand neither in the shell's history nor in the list of processes. The
    search is an act in the audit log, which holds how many texts there were, and none of them.
    """
    needles = [line.strip() for line in sys.stdin if line.strip()]
    if not needles:
        raise click.UsageError("nothing to search for: write names, phones or numbers to standard input")
    with create_app().app_context(), transaction() as tx:
        found = sorted({(one.table, one.form) for one in search(tx, needles)})
        audit.record(tx, None, "privacy.search", details={"text_count": len(needles), "place_count": len(found)})
    for table, form in found:
        click.echo(f"{table}: {form}")
    click.echo(f"{len(found)} places hold one of {len(needles)} texts")
    sys.exit(1 if found else 0)
