"""A small evening lived through for real, with processes killed under it."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

from app.cli.dev.environment import ROOT

if TYPE_CHECKING:
    from pathlib import Path

SIMULATE = (sys.executable, "-m", "app.cli.dev.simulate")


def simulate(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*SIMULATE, *arguments], cwd=ROOT, capture_output=True, text=True, check=False, timeout=600)


def test_an_evening_survives_the_death_of_web_server_and_database(tmp_path: Path) -> None:
    kept = tmp_path / "stack"

    done = simulate(
        "--orders", "15", "--kill", "web,postgres", "--kill-every", "2", "--kill-times", "2", "--keep", str(kept)
    )

    assert done.returncode == 0, done.stdout + done.stderr
    assert "killed web" in done.stdout
    assert "killed postgres" in done.stdout
    assert "Proven" in done.stdout
    assert kept.is_dir()


def test_what_is_no_instance_is_one_line_and_exit_code_2(tmp_path: Path) -> None:
    done = simulate("--data", str(tmp_path))

    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert "restaurants.txt cannot be read" in done.stderr
