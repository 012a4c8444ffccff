"""What the README prints works as printed."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from app.cli.dev.environment import free_ports
from app.cli.dev.postgres import SETTINGS_FOR_TESTS
from app.cli.dev.stack import Stack

if TYPE_CHECKING:
    from collections.abc import Iterator

README = Path(__file__).parents[2] / "README.md"
BASH, CURL = shutil.which("bash"), shutil.which("curl")
SHELL_S = 240


def shell_of(section: str) -> str:
    """Return the shell blocks of a section of the README, joined as somebody would paste them."""
    _, _, rest = README.read_text(encoding="utf-8").partition(f"\n## {section}\n")
    return "".join(re.findall(r"^```bash\n(.*?)^```$", rest.partition("\n## ")[0], re.MULTILINE | re.DOTALL))


@pytest.fixture
def stack(tmp_path: Path) -> Iterator[Stack]:
    with Stack(tmp_path / "data", free_ports(), demo=True, postgres_settings=SETTINGS_FOR_TESTS) as stack:
        yield stack


@pytest.mark.skipif(CURL is None or BASH is None, reason="the README's lines need bash and curl")
def test_the_first_order_works_as_printed(stack: Stack) -> None:
    assert BASH is not None
    environment = {**os.environ, "LINLI": stack.urls.web, "no_proxy": "127.0.0.1"}

    done = subprocess.run(
        [BASH, "-e", "-u", "-o", "pipefail"],
        input=shell_of("A first order"),
        env=environment,
        capture_output=True,
        text=True,
        timeout=SHELL_S,
        check=False,
    )

    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    assert done.stderr == ""
    assert done.stdout.count('"state":"completed"') == 2
    assert done.stdout.splitlines()[-1] == "True"
