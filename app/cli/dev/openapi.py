"""``dev.py openapi``: rewrite the committed OpenAPI document, by way of the operator's ``linli openapi``."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

from app.cli.dev.environment import ROOT, secrets_in
from app.cli.dev.stack import LINLI

if TYPE_CHECKING:
    from collections.abc import Sequence


def settings_without_server() -> dict[str, str]:
    """Return settings for commands that build the application but never reach a server."""
    (ROOT / "var").mkdir(exist_ok=True)
    return {
        **secrets_in(ROOT / "var"),
        "LINLI_ENV": "test",
        "DATABASE_URL": "postgresql://nobody@127.0.0.1:1/nothing",
        "STRIPE_API_BASE": "http://127.0.0.1:1",
        "LINLI_PUBLIC_URL": "http://127.0.0.1:8000",
        "LINLI_LIVE_URL": "http://127.0.0.1:8001",
    }


def main(arguments: Sequence[str]) -> int:
    """Run ``linli openapi`` and return its exit code."""
    env = {**os.environ, **settings_without_server()}
    return subprocess.run([*LINLI, "openapi", *arguments], cwd=ROOT, env=env, check=False).returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
