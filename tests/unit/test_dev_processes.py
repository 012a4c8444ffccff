"""Child processes stay up, and go when they must."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

import psutil
import pytest

from app.cli.dev.environment import ROOT
from app.cli.dev.processes import BACKOFF_MAX_S, Child, Supervisor, backoff_s

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

SLEEPER = "import time; print('awake', flush=True); time.sleep(60)"


def wait_until(fact: Callable[[], object], timeout_s: float = 60.0) -> None:
    deadline = time.monotonic() + timeout_s
    while not fact():
        assert time.monotonic() < deadline, "it did not become true in time"
        time.sleep(0.02)


def is_gone(pid: int) -> bool:
    return not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE


@contextmanager
def supervised(tmp_path: Path, said: list[str], **programs: str) -> Iterator[Supervisor]:
    supervisor = Supervisor(logs=tmp_path / "logs", say=said.append, echo=said.append)
    for name, program in programs.items():
        supervisor.add(Child(name, (sys.executable, "-S", "-c", program), dict(os.environ), tmp_path))
    supervisor.start()
    try:
        yield supervisor
    finally:
        supervisor.stop(timeout_s=1)


def test_back_off_doubles_up_to_its_limit() -> None:
    waits = [backoff_s(deaths) for deaths in range(1, 100)]

    assert waits[:4] == [0.25, 0.5, 1.0, 2.0]
    assert max(waits) == BACKOFF_MAX_S
    assert waits == sorted(waits)


def test_a_killed_child_comes_back_and_it_is_said(tmp_path: Path) -> None:
    said: list[str] = []
    with supervised(tmp_path, said, web=SLEEPER) as supervisor:
        wait_until(lambda: "web      | awake" in said)

        killed = supervisor.kill("web")
        wait_until(lambda: supervisor.deaths("web") == 1)
        wait_until(lambda: supervisor.pids.get("web", killed) != killed)

        assert supervisor.last_code("web") == -signal.SIGKILL
        assert f"web (pid {killed}) died with SIGKILL; again in 0.25 s" in said
        assert f"web is up again with pid {supervisor.pids['web']}" in said


def test_what_a_killed_child_had_started_goes_with_it(tmp_path: Path) -> None:
    nest = f"""
import subprocess, sys, time
inner = subprocess.Popen([sys.executable, "-S", "-c", {SLEEPER!r}])
print("nested", inner.pid, flush=True)
time.sleep(60)
"""
    said: list[str] = []
    with supervised(tmp_path, said, web=nest) as supervisor:
        wait_until(lambda: any("nested" in line for line in said))
        grandchild = int(next(line for line in said if "nested" in line).split()[-1])

        os.kill(supervisor.pids["web"], signal.SIGKILL)

        wait_until(lambda: is_gone(grandchild))


def test_the_last_lines_of_a_child_that_fails_tell_why(tmp_path: Path) -> None:
    said: list[str] = []
    with supervised(tmp_path, said, web="import sys; sys.exit('LINLI_INDEX_KEY is not set')") as supervisor:
        wait_until(lambda: supervisor.deaths("web") >= 1)

        assert supervisor.last_lines("web")[-1] == "LINLI_INDEX_KEY is not set"
        assert supervisor.last_code("web") == 1
        assert (tmp_path / "logs" / "web.log").read_text().startswith("LINLI_INDEX_KEY is not set")


def test_stopping_ends_even_a_child_that_does_not_listen(tmp_path: Path) -> None:
    deaf = (
        "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('deaf', flush=True); time.sleep(60)"
    )
    said: list[str] = []
    with supervised(tmp_path, said, deaf=deaf, polite=SLEEPER) as supervisor:
        wait_until(lambda: {"deaf     | deaf", "polite   | awake"} <= set(said))
        pids = supervisor.pids

        supervisor.stop(timeout_s=0.3)

        assert all(is_gone(pid) for pid in pids.values())
        assert supervisor.pids == {}
        assert f"pid {pids['deaf']} did not leave within 0.3 s and is killed" in said


def test_a_guard_that_fails_is_said_and_asked_again(tmp_path: Path) -> None:
    said: list[str] = []

    def fail() -> None:
        raise RuntimeError("no server to be had")

    supervisor = Supervisor(logs=tmp_path, say=said.append)
    supervisor.guard(fail)
    supervisor.start()
    wait_until(lambda: len(said) >= 2)
    supervisor.stop()

    assert set(said) == {"no server to be had"}


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a child that its parent died")
def test_children_go_with_a_supervisor_that_is_killed(tmp_path: Path) -> None:
    program = f"""
import os, sys, time
from pathlib import Path
from app.cli.dev.processes import Child, Supervisor
supervisor = Supervisor(logs=Path({str(tmp_path)!r}), say=print)
supervisor.add(Child("web", (sys.executable, "-S", "-c", {SLEEPER!r}), dict(os.environ), Path({str(tmp_path)!r})))
supervisor.start()
while not supervisor.last_lines("web"):
    time.sleep(0.01)
print(supervisor.pids["web"], flush=True)
time.sleep(60)
"""
    with subprocess.Popen([sys.executable, "-c", program], cwd=ROOT, stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        child = int(parent.stdout.readline())

        parent.kill()

    wait_until(lambda: is_gone(child))
