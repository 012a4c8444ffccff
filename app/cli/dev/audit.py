"""``dev.py audit``: prove the audit log's chain, the books and their chains; the database is that of ``dev.py run``.

``DATABASE_URL`` names another, ``DATA_DIR`` another folder of ``dev.py run``. Exit code 1 names the row at fault.
Arguments go to ``linli audit verify``.
"""

from __future__ import annotations

import os
import subprocess
import sys
from contextlib import ExitStack
from typing import TYPE_CHECKING

from app.cli.dev.environment import ROOT, StackError, data_dir_from, secrets_in
from app.cli.dev.openapi import settings_without_server
from app.cli.dev.postgres import EmbeddedPostgres, PostgresUnavailable
from app.cli.dev.stack import APP_ROLE, DATABASE, LINLI

if TYPE_CHECKING:
    from collections.abc import Sequence


def main(arguments: Sequence[str]) -> int:
    """Run ``linli audit verify`` and return its exit code."""
    try:
        with ExitStack() as stack:
            data_dir = data_dir_from(os.environ, ROOT / "var")
            env = {**settings_without_server(), **secrets_in(data_dir), "LINLI_ENV": "development", **os.environ}
            if not os.environ.get("DATABASE_URL"):
                home = data_dir / "postgres"
                if not home.exists():
                    sys.exit(f"dev.py audit: nothing was ever run in {data_dir}; `dev.py run` first, or DATABASE_URL=…")
                url = stack.enter_context(EmbeddedPostgres(home)).url(APP_ROLE, DATABASE)
                env |= {"DATABASE_URL": url, "MIGRATION_DATABASE_URL": url}
            return subprocess.run([*LINLI, "audit", "verify", *arguments], cwd=ROOT, env=env, check=False).returncode
    except (PostgresUnavailable, StackError) as error:
        sys.exit(f"dev.py audit: {error}")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
