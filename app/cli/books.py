"""``linli books``: prove the books from the shell."""

import sys

import click

from app import create_app
from app.core import ledger
from app.kernel.transaction import transaction


@click.group("books")
def books_commands() -> None:
    """Look after the books."""


@books_commands.command("prove")
def prove() -> None:
    """Prove the whole books; exit 1 when they are not sound."""
    with create_app().app_context(), transaction() as tx:
        proof = ledger.prove(tx)
    click.echo(str(proof))
    if not proof.is_sound:
        sys.exit(1)
