"""``linli``: the operator's commands."""

import click

from app.cli.db import db_commands


@click.group()
def main() -> None:
    """Linli (邻里): operate a community O2O platform."""


main.add_command(db_commands)
