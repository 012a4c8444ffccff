"""``linli openapi``: write or check the committed OpenAPI document."""

import sys
from pathlib import Path

import click
import orjson

from app import create_app
from app.web.openapi import describe

DOCUMENT = Path(__file__).parents[2] / "docs" / "api" / "openapi.json"


@click.command("openapi")
@click.option("--check", is_flag=True, help="Only say whether the committed document is up to date.")
def openapi(*, check: bool) -> None:
    """Write the OpenAPI document of this application to docs/api/openapi.json."""
    app = create_app()
    with app.app_context():
        fresh = orjson.dumps(describe(app), option=orjson.OPT_INDENT_2 | orjson.OPT_SORT_KEYS) + b"\n"
    if not check:
        DOCUMENT.parent.mkdir(parents=True, exist_ok=True)
        DOCUMENT.write_bytes(fresh)
        click.echo(f"wrote {DOCUMENT.name}")
    elif not DOCUMENT.exists() or DOCUMENT.read_bytes() != fresh:
        click.echo("docs/api/openapi.json is out of date: run `linli openapi`", err=True)
        sys.exit(1)
    else:
        click.echo("docs/api/openapi.json is up to date")
