"""``dev.py authz``: every route as everybody on everything, against the permission table.

The matrix lives with the tests, whose factories make its world; this lends it a PostgreSQL server. With
``--mutants``, ``dev.py authz-mutants``, each line of the table is changed in turn, and the matrix has to notice.
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
    """Run the matrix and return its exit code: 0 when nothing deviates."""
    try:
        with server_for_tests() as url:
            env = {**os.environ, "TEST_DATABASE_URL": url}
            argv = [sys.executable, "-m", "tests.authorization", *arguments]
            return subprocess.run(argv, cwd=ROOT, env=env, check=False).returncode
    except PostgresUnavailable as error:
        sys.exit(f"dev.py authz: {error}")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
