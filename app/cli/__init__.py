"""``linli``: the operator's commands."""

import click

from app.cli.audit import audit_commands
from app.cli.bills import bills_commands
from app.cli.books import books_commands
from app.cli.db import db_commands
from app.cli.demo import demo_commands
from app.cli.directory import directory_commands
from app.cli.dispatch.replay import dispatch_commands
from app.cli.docs import openapi
from app.cli.fund import calendar_commands, fund_commands
from app.cli.keys import keys_commands
from app.cli.passkeys import passkeys_commands
from app.cli.places import places_commands
from app.cli.privacy import privacy_commands


@click.group()
def main() -> None:
    """Linli (邻里): operate a community O2O platform."""


for command in (
    db_commands,
    demo_commands,
    books_commands,
    audit_commands,
    keys_commands,
    passkeys_commands,
    privacy_commands,
    dispatch_commands,
    directory_commands,
    places_commands,
    fund_commands,
    bills_commands,
    calendar_commands,
    openapi,
):
    main.add_command(command)
