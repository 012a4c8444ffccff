"""``linli demo``: a made-up neighborhood to try Linli in. Development only: its phone numbers are known to all."""

from dataclasses import fields

import click

from app.cli.demo import world as demo
from app.settings import read_settings


@click.group("demo")
def demo_commands() -> None:
    """Fill a database with the demo world, and say how to sign in there."""


@demo_commands.command("load")
@click.option("--seed", default=demo.SEED, show_default=True, help="Another seed is another world.")
def load(seed: int) -> None:
    """Load the demo world, unless it is there already."""
    settings = read_settings()
    if not settings.is_sandboxed:
        raise click.ClickException("the demo world is not for production: anybody could sign in as its administrator")
    from app import create_app  # noqa: PLC0415 - the other commands need no application
    from app.cli.demo.load import load_billers, load_fund, load_world  # noqa: PLC0415 - the same

    with create_app(settings).app_context():
        world = load_world(seed)
        load_billers()
        load_fund()
    if world is None:
        click.echo("demo: there already, nothing changed")
        return
    counts = ", ".join(f"{len(getattr(world, field.name))} {field.name}" for field in fields(world))
    click.echo(f"demo: loaded {counts}")


@demo_commands.command("sign-ins")
def sign_ins() -> None:
    """Say who can sign in at each side, and how."""
    url = read_settings().public_url
    example = demo.FIRST_RESIDENT_PHONE
    click.echo("Sign in as")
    for side, person, phone in WHO:
        click.echo(f"  {side:<9} {phone}  {person}")
    click.echo("with a code that is shown in the development outbox, here for the user's side:")
    click.echo(f"  {_post(f'{url}/user/v1/sign-in-codes', phone=example, device='curl')}")
    click.echo(f"  curl -s '{url}/dev/v1/messages?phone={example.replace('+', '%2B')}'")
    click.echo(f"  {_post(f'{url}/user/v1/sessions', phone=example, code='CODE', device='curl')}")
    click.echo(f"The payment PIN of every resident is {demo.PIN}.")


WHO = (
    ("user", "a resident of 大峪南里", demo.FIRST_RESIDENT_PHONE),
    ("merchant", "owner of a restaurant there, open day and night", demo.FIRST_MERCHANT_PHONE),
    ("merchant", "owner of a convenience store there, open day and night", demo.SECOND_MERCHANT_PHONE),
    ("courier", "a courier of 大峪南里", demo.FIRST_COURIER_PHONE),
    ("store", "manager of 门头沟体验店", demo.FIRST_STORE_PHONE),
    ("platform", "administrator", demo.FIRST_PLATFORM_PHONE),
)
"""Side, who the person is, phone."""


def _post(url: str, **body: str) -> str:
    inside = ",".join(f'"{name}":"{value}"' for name, value in body.items())
    return f"curl -s {url} -H 'Content-Type: application/json' -d '{{{inside}}}'"
