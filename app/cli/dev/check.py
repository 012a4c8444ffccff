"""``dev.py check``: all that is judged without a test. Every step runs; the exit code says whether all passed."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlsplit, urlunsplit

import psycopg
from psycopg import sql
from rich.console import Console
from rich.table import Table

from app.cli.dev.environment import ROOT, StackError, libpq_url
from app.cli.dev.openapi import settings_without_server
from app.cli.dev.postgres import PostgresUnavailable
from app.cli.dev.stack import LINLI
from app.cli.dev.test import server_for_tests

if TYPE_CHECKING:
    from collections.abc import Mapping

DATABASE = f"linli_check_{os.getpid()}"


@dataclass(frozen=True, slots=True)
class Step:
    """One judgment: a command that exits with 0 when all is well."""

    name: str
    argv: tuple[str, ...]


def _module(name: str, *arguments: str) -> tuple[str, ...]:
    return (sys.executable, "-m", name, *arguments)


SOURCE_STEPS = (
    Step("lint", _module("ruff", "check", ".")),
    Step("format", _module("ruff", "format", "--check", ".")),
    Step("types", _module("mypy", "app", "tests", "dev.py", "wsgi.py")),
    Step(
        "imports", (sys.executable, "-c", "from importlinter.cli import lint_imports_command; lint_imports_command()")
    ),
)

DATABASE_STEPS = (
    Step("migrations run", (*LINLI, "db", "upgrade")),
    Step("migrations match the models", (*LINLI, "db", "check")),
    Step("OpenAPI document is up to date", (*LINLI, "openapi", "--check")),
)


@dataclass(frozen=True, slots=True)
class Result:
    """How a step went."""

    step: Step
    code: int
    seconds: float
    output: str


def judge(step: Step, env: Mapping[str, str]) -> Result:
    """Run one step to its end."""
    began = time.monotonic()
    done = subprocess.run(
        step.argv, cwd=ROOT, env=dict(env), stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
    )
    return Result(step, done.returncode, time.monotonic() - began, done.stdout + done.stderr)


def with_database(url: str, database: str) -> str:
    """Return the address ``url`` with another database."""
    parts = urlsplit(url)
    address = urlunsplit(parts._replace(path=f"/{database}"))
    # urlunsplit drops the empty host that a socket address has.
    return address if "://" in address else address.replace(":", "://", 1)


def main() -> int:
    """Run all steps, show those that failed, and close with a table."""
    console = Console()
    results: list[Result] = []

    def run(step: Step, env: Mapping[str, str]) -> None:
        console.print(f"… {step.name}", highlight=False)
        result = judge(step, env)
        results.append(result)
        if result.code:
            console.print(result.output.rstrip(), markup=False, highlight=False, soft_wrap=True)

    for step in SOURCE_STEPS:
        run(step, os.environ)
    try:
        with server_for_tests() as admin_url:
            url = with_database(admin_url, DATABASE)
            env = {**os.environ, **settings_without_server(), "DATABASE_URL": url, "MIGRATION_DATABASE_URL": url}
            with psycopg.connect(libpq_url(admin_url), autocommit=True) as connection:
                name = sql.Identifier(DATABASE)
                try:
                    run(Step("database", (*LINLI, "db", "init", "--admin-url", admin_url, "--database", DATABASE)), env)
                    for step in DATABASE_STEPS:
                        run(step, env)
                finally:
                    connection.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(name))
    except (PostgresUnavailable, StackError, psycopg.Error) as error:
        sys.exit(f"dev.py check: {error}")

    table = Table(title="dev.py check")
    table.add_column("step")
    table.add_column("result")
    table.add_column("seconds", justify="right")
    for result in results:
        verdict = "[red]failed[/]" if result.code else "[green]passed[/]"
        table.add_row(result.step.name, verdict, f"{result.seconds:.1f}")
    console.print(table)
    return 1 if any(result.code for result in results) else 0


if __name__ == "__main__":
    sys.exit(main())
