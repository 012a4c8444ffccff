"""``dev.py test``: the whole suite against a PostgreSQL of its own, in parallel; arguments go to pytest.

With ``TEST_DATABASE_URL``, the address of a superuser on a server that tests may fill with databases, that one is used.
"""

from __future__ import annotations

import os
import subprocess
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING

from app.cli.dev.environment import ROOT
from app.cli.dev.postgres import SETTINGS_FOR_TESTS, EmbeddedPostgres, PostgresUnavailable

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

WORKERS = 2
"""pytest processes; ``-n`` says otherwise."""


@contextmanager
def server_for_tests() -> Iterator[str]:
    """Lend the address of a superuser on a server for tests.

    :raises PostgresUnavailable: ``TEST_DATABASE_URL`` is not set and no server can be started here.
    """
    if given := os.environ.get("TEST_DATABASE_URL"):
        yield given
        return
    with EmbeddedPostgres(ROOT / "var" / "test", SETTINGS_FOR_TESTS) as postgres:
        yield postgres.url()


def pytest_argv(arguments: Sequence[str]) -> list[str]:
    """Return the pytest command for ``arguments``, in parallel unless they say how many processes they want."""
    says = any(argument.startswith(("-n", "--numprocesses", "--pdb")) for argument in arguments)
    return [sys.executable, "-m", "pytest", *([] if says else ["-n", str(WORKERS)]), *arguments]


def main(arguments: Sequence[str]) -> int:
    """Run the suite and return pytest's exit code."""
    try:
        with server_for_tests() as url:
            tests = subprocess.Popen(pytest_argv(arguments), cwd=ROOT, env={**os.environ, "TEST_DATABASE_URL": url})
            while True:
                try:
                    return tests.wait()
                except KeyboardInterrupt:  # the terminal has told pytest too; it closes its books and leaves
                    continue
    except PostgresUnavailable as error:
        sys.exit(f"dev.py test: {error}")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
