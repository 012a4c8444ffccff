"""``linli passkeys``: let somebody of the staff who lost their passkeys begin anew."""

from uuid import UUID

import click

from app import create_app
from app.usecases.passkeys.manage import forget_passkeys


@click.group("passkeys")
def passkeys_commands() -> None:
    """Passkeys of staff."""


@passkeys_commands.command("forget")
@click.argument("account_id", type=click.UUID)
def forget(account_id: UUID) -> None:
    """Remove all passkeys of an account; its owner is told, and adds one by code as the first time."""
    with create_app().app_context():
        count = forget_passkeys(account_id)
    click.echo(f"{count} passkeys were removed")
