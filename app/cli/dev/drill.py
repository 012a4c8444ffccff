"""``dev.py drill``: long walks over all verticals, an outage of the worker, crowds that want one thing.

The drills live with the tests, whose factories make their world; this lends them a PostgreSQL server.
"""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

from app.cli.dev.environment import ROOT
from app.cli.dev.postgres import PostgresUnavailable
from app.cli.dev.test import server_for_tests

if TYPE_CHECKING:
    from collections.abc import Sequence


def main(arguments: Sequence[str]) -> int:
    """Run a drill and return its exit code: 0 when everything adds up."""
    try:
        with server_for_tests() as url:
            env = {**os.environ, "TEST_DATABASE_URL": url}
            argv = [sys.executable, "-m", "tests.drills", *arguments]
            return subprocess.run(argv, cwd=ROOT, env=env, check=False).returncode
    except PostgresUnavailable as error:
        sys.exit(f"dev.py drill: {error}")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
