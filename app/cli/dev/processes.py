"""Child processes that stay up: restarted with back-off when they die, stopped together, gone when their parent is.

All children are born in one thread. The kernel ties the parent-death signal of a child to the very thread that made it,
so a child started from a thread that ends would end with it.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections import deque
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

BACKOFF_FIRST_S = 0.25
BACKOFF_MAX_S = 15.0
STEADY_S = 20.0
"""A child that lived this long is forgiven its earlier deaths, seconds."""

STOP_S = 10.0
"""How long children may take to leave on SIGTERM before they are killed, seconds."""

POLL_S = 0.05
GUARD_S = 0.5
"""How often guards are asked, seconds."""

LAST_LINES = 50
"""Lines of each child that are kept for the message of a failed start."""

# Run by the interpreter without site packages, a few milliseconds: ask Linux for SIGTERM when the parent dies, then
# become the program. A parent that died before the question is noticed by the changed parent id.
_LAUNCHER = """
import os, sys
parent, argv = int(sys.argv[1]), sys.argv[2:]
if sys.platform == "linux":
    import ctypes
    ctypes.CDLL(None).prctl(1, 15, 0, 0, 0)
if os.getppid() != parent:
    sys.exit("the parent is gone")
os.execvpe(argv[0], argv, os.environ)
"""


@dataclass(frozen=True, slots=True)
class Child:
    """A program to keep up.

    :param name: what it is called in logs and by :meth:`Supervisor.kill`.
    :param argv: the program and its arguments.
    :param env: its whole environment.
    """

    name: str
    argv: tuple[str, ...]
    env: Mapping[str, str]
    cwd: Path


@dataclass(slots=True)
class _Kept:
    """A child and what has become of it."""

    child: Child
    lines: deque[str]
    process: subprocess.Popen[str] | None = None
    started_at: float = 0.0
    starts_at: float | None = 0.0
    deaths: int = 0
    deaths_in_all: int = 0
    last_code: int | None = None
    reader: threading.Thread | None = None


def backoff_s(deaths: int) -> float:
    """Return how long to wait before the next start, seconds, after ``deaths >= 1`` deaths in a row."""
    return float(min(BACKOFF_MAX_S, BACKOFF_FIRST_S * 2 ** min(deaths - 1, 16)))


class Supervisor:
    """Keeps children up from :meth:`start` to :meth:`stop`.

    :param logs: folder where each child has its ``<name>.log``, appended to.
    :param say: takes one line about the life of the children, for a person.
    :param echo: takes each line that a child writes, with its name in front; None keeps them to the log files.
    """

    def __init__(self, *, logs: Path, say: Callable[[str], None], echo: Callable[[str], None] | None = None) -> None:
        self._logs = logs
        self._say = say
        self._echo = echo
        self._kept: dict[str, _Kept] = {}
        self._guards: list[Callable[[], None]] = []
        self._lock = threading.Lock()
        self._stopping = threading.Event()
        self._stop_s = STOP_S
        self._thread = threading.Thread(target=self._keep, name="supervisor", daemon=True)

    @property
    def pids(self) -> dict[str, int]:
        """Process ids of the children that are up now, by name."""
        with self._lock:
            return {name: kept.process.pid for name, kept in self._kept.items() if kept.process is not None}

    def add(self, child: Child) -> None:
        """Have ``child`` started and kept up; it is up a moment after this returns."""
        with self._lock:
            self._kept[child.name] = _Kept(child, deque(maxlen=LAST_LINES))

    def guard(self, check: Callable[[], None]) -> None:
        """Have ``check`` called twice a second; what it raises is said and it is asked again."""
        self._guards.append(check)

    def start(self) -> None:
        """Begin to keep the children up."""
        self._logs.mkdir(parents=True, exist_ok=True)
        self._thread.start()

    def deaths(self, name: str) -> int:
        """How often the child ``name`` has died since the start."""
        with self._lock:
            return self._kept[name].deaths_in_all

    def last_code(self, name: str) -> int | None:
        """Exit code of the child's last death, negative for a signal; None when it has not died."""
        with self._lock:
            return self._kept[name].last_code

    def last_lines(self, name: str) -> list[str]:
        """Return what the child ``name`` wrote last, oldest first, at most :data:`LAST_LINES`."""
        kept = self._kept[name]
        if kept.reader is not None and kept.process is None:
            kept.reader.join(timeout=1)
        return list(kept.lines.copy())

    def kill(self, name: str, signal_number: int = signal.SIGKILL) -> int:
        """Send a signal to the child ``name`` and to all it has started, and return its process id.

        :raises KeyError: no such child.
        :raises ProcessLookupError: it is not up at this moment.
        """
        with self._lock:
            process = self._kept[name].process
            if process is None:
                raise ProcessLookupError(name)
            os.killpg(process.pid, signal_number)
            return process.pid

    def stop(self, timeout_s: float = STOP_S) -> None:
        """Ask all children to leave, kill those still there after ``timeout_s``, and return when all are gone."""
        self._stop_s = timeout_s
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join()

    def _keep(self) -> None:
        guarded_at = 0.0
        while not self._stopping.wait(POLL_S):
            with self._lock:
                for kept in self._kept.values():
                    self._look_after(kept)
            if time.monotonic() - guarded_at >= GUARD_S:
                self._ask_guards()
                guarded_at = time.monotonic()
        self._end_all()

    def _ask_guards(self) -> None:
        for check in self._guards:
            try:
                check()
            except Exception as error:  # noqa: BLE001 - the edge: a guard that fails must not take the others down
                self._say(f"{error}")

    def _look_after(self, kept: _Kept) -> None:
        now = time.monotonic()
        if kept.process is not None:
            code = kept.process.poll()
            if code is None:
                return
            _kill_group(kept.process.pid)
            if now - kept.started_at >= STEADY_S:
                kept.deaths = 0
            kept.deaths += 1
            kept.deaths_in_all += 1
            kept.last_code = code
            wait_s = backoff_s(kept.deaths)
            kept.starts_at = now + wait_s
            self._say(f"{kept.child.name} (pid {kept.process.pid}) died with {_code(code)}; again in {wait_s:g} s")
            kept.process = None
        elif kept.starts_at is not None and now >= kept.starts_at:
            pid = self._start_one(kept)
            if kept.deaths:
                self._say(f"{kept.child.name} is up again with pid {pid}")

    def _start_one(self, kept: _Kept) -> int:
        child = kept.child
        process = subprocess.Popen(
            [sys.executable, "-I", "-S", "-c", _LAUNCHER, str(os.getpid()), *child.argv],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            bufsize=1,
            env=dict(child.env),
            cwd=child.cwd,
            start_new_session=True,
        )
        reader = threading.Thread(target=self._read, args=(kept, process.stdout), name=f"log {child.name}", daemon=True)
        reader.start()
        kept.process, kept.reader, kept.started_at, kept.starts_at = process, reader, time.monotonic(), None
        return process.pid

    def _read(self, kept: _Kept, source: IO[str]) -> None:
        name = kept.child.name
        with source, (self._logs / f"{name}.log").open("a", encoding="utf-8", buffering=1) as log:
            for line in source:
                log.write(line)
                kept.lines.append(line.rstrip("\n"))
                if self._echo is not None:
                    self._echo(f"{name:<8} | {line.rstrip()}")

    def _end_all(self) -> None:
        with self._lock:
            processes = [kept.process for kept in self._kept.values() if kept.process is not None]
            for process in processes:
                if process.poll() is None:
                    process.terminate()
            deadline = time.monotonic() + self._stop_s
            for process in processes:
                try:
                    process.wait(max(0.0, deadline - time.monotonic()))
                except subprocess.TimeoutExpired:
                    self._say(f"pid {process.pid} did not leave within {self._stop_s:g} s and is killed")
                _kill_group(process.pid)
                process.wait()
            for kept in self._kept.values():
                kept.process = None
                if kept.reader is not None:
                    kept.reader.join(timeout=1)


def _kill_group(pid: int) -> None:
    """Kill what a dead child left behind in its process group: workers of a killed server would hold its port."""
    try:
        os.killpg(pid, signal.SIGKILL)
    except (ProcessLookupError, PermissionError):  # macOS answers EPERM for a group of zombies
        return


def _code(code: int) -> str:
    return signal.Signals(-code).name if code < 0 else f"code {code}"
