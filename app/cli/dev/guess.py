"""``dev.py guess``: an attacker with many addresses guesses at sign-in codes, over the real application.

The drill lives with the tests, whose settings make its application; this lends it a PostgreSQL server.
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
    """Run the drill and return its exit code: 0 when no guess came in, and the owner did."""
    try:
        with server_for_tests() as url:
            env = {**os.environ, "TEST_DATABASE_URL": url}
            argv = [sys.executable, "-m", "tests.guessing", *arguments]
            return subprocess.run(argv, cwd=ROOT, env=env, check=False).returncode
    except PostgresUnavailable as error:
        sys.exit(f"dev.py guess: {error}")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
