"""``dev.py`` itself: when it installs, and what it says."""

from __future__ import annotations

import importlib.util
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

import dev
from app.cli.dev.check import with_database
from app.cli.dev.environment import ROOT
from app.cli.dev.stack import last_words
from app.cli.dev.test import pytest_argv

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A checkout whose packages are installed as ``requirements/run.lock`` wants them."""
    (tmp_path / "requirements").mkdir()
    (tmp_path / "requirements" / "run.lock").write_text("flask==3.1.3\n")
    (tmp_path / "requirements" / "dev.lock").write_text("flask==3.1.3\npytest==9.2.0\n")
    (tmp_path / ".venv" / "bin").mkdir(parents=True)
    (tmp_path / ".venv" / "bin" / "python").touch()
    for name, value in {
        "ROOT": tmp_path,
        "VENV": tmp_path / ".venv",
        "PYTHON": tmp_path / ".venv" / "bin" / "python",
        "STAMP": tmp_path / ".venv" / "installed",
    }.items():
        monkeypatch.setattr(dev, name, value)
    dev.STAMP.write_text(f"run {dev.digest('run')}\n")
    return tmp_path


def test_what_is_installed_is_left_alone(checkout: Path) -> None:
    assert dev.is_installed("run")
    assert not dev.is_installed("dev")


def test_a_changed_lock_file_is_installed_again(checkout: Path) -> None:
    (checkout / "requirements" / "run.lock").write_text("flask==3.2.0\n")

    assert not dev.is_installed("run")


def test_a_broken_off_installation_is_done_again(checkout: Path) -> None:
    dev.STAMP.unlink()

    assert not dev.is_installed("run")


def test_an_interpreter_that_went_away_is_noticed(checkout: Path) -> None:
    dev.PYTHON.unlink()
    dev.PYTHON.symlink_to("/nowhere/python3")

    assert not dev.is_installed("run")


def test_a_python_without_ensurepip_is_said_in_one_line(checkout: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    dev.STAMP.unlink()
    monkeypatch.setattr(shutil, "which", lambda _name: None)
    monkeypatch.setattr(importlib.util, "find_spec", lambda _name: None)

    with pytest.raises(SystemExit, match="apt-get install python3-venv"):
        dev.install("run")


def test_a_failed_installation_leaves_no_stamp(checkout: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda _name: "/bin/false")

    with pytest.raises(SystemExit, match="failed with code 1"):
        dev.install("dev")

    assert not dev.STAMP.exists()


def test_dev_alone_lists_its_verbs() -> None:
    told = subprocess.run([sys.executable, ROOT / "dev.py"], capture_output=True, text=True, check=True).stdout

    for verb in dev.VERBS:
        assert f"  {verb} " in told


def test_an_unknown_verb_is_refused() -> None:
    done = subprocess.run([sys.executable, ROOT / "dev.py", "deploy"], capture_output=True, text=True, check=False)

    assert done.returncode == 1
    assert "there is no verb 'deploy'" in done.stderr


def test_the_packages_of_dev_include_those_of_run() -> None:
    def pins(lock: str) -> set[str]:
        lines = (ROOT / "requirements" / f"{lock}.lock").read_text().splitlines()
        return {line.split(" ")[0] for line in lines if "==" in line}

    assert pins("run") < pins("dev")


@pytest.mark.parametrize("arguments", [["-n", "0"], ["-n4"], ["--numprocesses=3"], ["--pdb"]])
def test_who_says_how_many_processes_is_listened_to(arguments: list[str]) -> None:
    assert pytest_argv(arguments)[3:] == arguments


def test_the_suite_runs_in_parallel_by_itself() -> None:
    assert pytest_argv(["-k", "ledger"])[3:] == ["-n", "2", "-k", "ledger"]


@pytest.mark.parametrize(
    "url, other",
    [
        ("postgresql://postgres@/postgres?host=/a/b", "postgresql://postgres@/linli?host=/a/b"),
        ("postgresql:///postgres?host=/a/b", "postgresql:///linli?host=/a/b"),
        ("postgresql+psycopg://u:p@h:5433/postgres", "postgresql+psycopg://u:p@h:5433/linli"),
    ],
)
def test_another_database_of_the_same_server(url: str, other: str) -> None:
    assert with_database(url, "linli") == other


def test_the_last_words_of_a_traceback_are_the_error() -> None:
    assert last_words("Traceback\n  File x\nSettingsError: LINLI_INDEX_KEY is not set.\n\n") == (
        "SettingsError: LINLI_INDEX_KEY is not set."
    )
    assert last_words(
        "Traceback (most recent call last):\n  File x\nDataError: too long\n[SQL: …]\n(Background …)\n"
    ) == ("DataError: too long")
    assert last_words("\n \n") == ""
