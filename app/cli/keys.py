"""``linli keys``: rotate the keys of personal data, with progress."""

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

from app import create_app
from app.usecases.privacy.rotation import count_sealed, reindex, rotate_keys


@click.group("keys")
def keys_commands() -> None:
    """Rotate the keys of personal data."""


@keys_commands.command("rotate")
def rotate() -> None:
    """Bring every sealed field under the first key of LINLI_DATA_KEYS: may be stopped, runs beside the application."""
    with create_app().app_context():
        waiting = count_sealed()
        with _progress() as progress:
            task = progress.add_task("sealed fields", total=sum(waiting.values()))
            done = 0
            for step in rotate_keys():
                progress.update(task, description=step.field, advance=step.count)
                done += step.count
        left = sum(count_sealed().values())
    click.echo(f"{done} values are under the newest key; {left} are left")
    click.echo("older keys may be taken out of LINLI_DATA_KEYS" if not left else "run it again before keys are removed")


@keys_commands.command("reindex")
def index() -> None:
    """Make every blind index anew under LINLI_INDEX_KEY. Stop web and worker first."""
    with create_app().app_context(), _progress() as progress:
        task = progress.add_task("blind indexes", total=None)
        done = 0
        for step in reindex():
            progress.update(task, description=step.field, advance=step.count)
            done += step.count
    click.echo(f"{done} blind indexes are made from LINLI_INDEX_KEY")


def _progress() -> Progress:
    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    return Progress(*columns, console=console, disable=not console.is_terminal, transient=True)
