"""A whole Linli on one machine: database, web server, worker, live events and sandbox gateway, from one folder.

``dev.py run`` keeps one for a person; the simulator and the fault tests make their own, beside it, and break it.
"""

from __future__ import annotations

import hashlib
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Self

from app.cli.dev.environment import (
    HOST,
    ROOT,
    StackError,
    allow_open_files,
    refuse_taken_port,
    refuse_unusable_server,
    secrets_in,
)
from app.cli.dev.postgres import EmbeddedPostgres, PostgresUnavailable
from app.cli.dev.processes import STOP_S, Child, Supervisor

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from app.cli.dev.environment import Ports

DATABASE = "linli"
OWNER_ROLE = "linli_owner"
APP_ROLE = "linli_app"

READY_S = 180.0
"""Longest wait for a process to answer, seconds."""

PROBE_S = 2.0
"""Longest wait for one answer of one process, seconds."""

WEB_WORKERS = 2
GRANIAN_LOG_LEVEL = "error"
"""It warns of more threads than twice the cores, which is what we want: few of them have a place."""
WEB_THREADS = 128
"""Threads of one web worker. Most of them wait for a place, or in a batch: see :mod:`app.kernel.concurrency`."""

CONNECTIONS = 4096
"""Connections that one web worker keeps; the server closes one that was silent for half a minute. A connection beyond
them is not taken up, so they are to be more than the phones that ask again and again."""

OUR_VARIABLES = ("DATABASE_URL", "MIGRATION_DATABASE_URL", "DATA_DIR", "PORT")
OUR_PREFIXES = ("LINLI_", "STRIPE_", "GRANIAN_")

LINLI = (sys.executable, "-c", "from app.cli import main; main(prog_name='linli')")
"""The operator's program, also where its console script is not installed."""


@dataclass(frozen=True, slots=True)
class Service:
    """A process of the stack and how one sees that it is ready.

    :param port: it listens here when ready; None says that being alive is all it shows.
    :param path: what it answers with 200 when ready; None asks no more than an open port.
    """

    name: str
    argv: tuple[str, ...]
    port: int | None = None
    path: str | None = None


def linli_services(ports: Ports, data_dir: Path, env: Mapping[str, str]) -> list[Service]:
    """Return the processes of a stack. The sandbox gateway is one of them unless ``env`` names another gateway."""
    granian = (sys.executable, "-m", "granian", "--host", HOST, "--log-level", GRANIAN_LOG_LEVEL)
    web = ("--interface", "wsgi", "--workers", str(WEB_WORKERS), "--blocking-threads", str(WEB_THREADS))
    kept = ("--backlog", str(CONNECTIONS), "--backpressure", str(CONNECTIONS))
    services = [
        Service("web", (*granian, "--port", str(ports.web), *web, *kept, "wsgi:app"), ports.web, "/health"),
        Service("worker", (sys.executable, "-m", "app.worker")),
        Service("live", (*granian, "--port", str(ports.live), "--interface", "asgi", "app.realtime:app"), ports.live),
    ]
    if env.get("LINLI_BANK_DIR") == str(data_dir / "bank"):
        services.append(Service("bank", (sys.executable, "-m", "app.adapters.sandbox_bank", str(data_dir / "bank"))))
    if env.get("STRIPE_API_BASE") == Urls(ports).gateway:
        sandbox = ("--port", str(ports.gateway), "--data", str(data_dir / "sandbox"))
        argv = (sys.executable, "-m", "app.adapters.sandbox_gateway", *sandbox)
        services.insert(0, Service("gateway", argv, ports.gateway))
    if env.get("LINLI_FUND_DIR") == str(data_dir / "fund"):
        services.append(Service("fund", (sys.executable, "-m", "app.adapters.sandbox_fund", str(data_dir / "fund"))))
    if env.get("LINLI_BILLER_URL") == Urls(ports).billers:
        sandbox = ("--port", str(ports.billers), "--data", str(data_dir / "billers"))
        argv = (sys.executable, "-m", "app.adapters.sandbox_biller", *sandbox)
        services.insert(0, Service("billers", argv, ports.billers, "/health"))
    return services


@dataclass(frozen=True, slots=True)
class Urls:
    """Where a stack answers."""

    ports: Ports

    @property
    def web(self) -> str:
        """The JSON API; ``/health``, ``/openapi.json`` and ``/docs`` are below it."""
        return f"http://{HOST}:{self.ports.web}"

    @property
    def live(self) -> str:
        """Live events."""
        return f"http://{HOST}:{self.ports.live}"

    @property
    def gateway(self) -> str:
        """The sandbox payment gateway, its API and its page."""
        return f"http://{HOST}:{self.ports.gateway}"

    @property
    def billers(self) -> str:
        """The sandbox billers."""
        return f"http://{HOST}:{self.ports.billers}"


@dataclass(slots=True)
class Stack:
    """A stack in one folder, from :meth:`start` to :meth:`stop`; a second start on the folder keeps the data.

    :param data_dir: everything that the stack keeps: cluster, secrets, logs, state of the sandbox gateway.
    :param ports: where it listens; :func:`app.cli.dev.environment.free_ports` finds some.
    :param demo: whether to load the demo when it is not there yet.
    :param env: settings that win over all others.
    :param inherit: whether settings in this process's environment count; ``DATABASE_URL`` among them replaces the
        embedded server. Otherwise the stack is the same wherever it runs.
    :param quiet: keep the children's lines to ``data_dir/logs``.
    :param say: takes one line for a person.
    :param postgres_settings: server settings for the embedded server beyond the usual ones.
    :param services: what to keep up.
    :param linli: the operator's program.
    """

    data_dir: Path
    ports: Ports
    demo: bool = False
    env: Mapping[str, str] = field(default_factory=dict)
    inherit: bool = False
    quiet: bool = True
    say: Callable[[str], None] = lambda _line: None
    postgres_settings: Mapping[str, str] = field(default_factory=dict)
    services: Callable[[Ports, Path, Mapping[str, str]], list[Service]] = linli_services
    linli: tuple[str, ...] = LINLI
    postgres: EmbeddedPostgres | None = None
    _settings: dict[str, str] = field(default_factory=dict)
    _running: list[Service] = field(default_factory=list)
    _supervisor: Supervisor | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    @property
    def urls(self) -> Urls:
        """Where the stack answers."""
        return Urls(self.ports)

    @property
    def settings(self) -> Mapping[str, str]:
        """The whole environment of the children, ``DATABASE_URL`` in it, once started."""
        return self._settings

    @property
    def database_url(self) -> str:
        """The application's database; ``pids`` and ``kill`` know an embedded server as ``postgres``."""
        return self._settings["DATABASE_URL"]

    @property
    def pids(self) -> dict[str, int]:
        """Process ids of what is up now, by name."""
        pids = dict(self._supervisor.pids) if self._supervisor else {}
        if self.postgres is not None and (pid := self.postgres.pid) is not None:
            pids["postgres"] = pid
        return pids

    def start(self) -> None:
        """Bring everything up and return when all of it answers.

        :raises StackError: something cannot be had, in one sentence; nothing is left running.
        """
        try:
            self._start()
        except BaseException:
            self.stop()
            raise

    def stop(self, timeout_s: float = STOP_S) -> None:
        """Stop everything that runs; processes get ``timeout_s`` seconds to finish what they do."""
        supervisor, self._supervisor = self._supervisor, None
        if supervisor is not None:
            supervisor.stop(timeout_s)
        postgres, self.postgres = self.postgres, None
        if postgres is not None:
            postgres.release()

    def kill(self, name: str, signal_number: int = signal.SIGKILL) -> int:
        """Kill ``web``, ``worker``, ``live``, ``gateway`` or ``postgres`` and return the process id that it had.

        It comes back by itself; :meth:`wait_ready` waits for that.

        :raises KeyError: no such process.
        :raises ProcessLookupError: it is not up at this moment.
        """
        if name == "postgres" and self.postgres is not None:
            pid = self.postgres.pid
            if pid is None:
                raise ProcessLookupError(name)
            os.kill(pid, signal_number)
            return pid
        return self._live_supervisor().kill(name, signal_number)

    def wait_ready(self, timeout_s: float = READY_S) -> None:
        """Return when the embedded server and every process answer.

        :raises StackError: they do not within ``timeout_s`` seconds.
        """
        deadline = time.monotonic() + timeout_s
        while self.postgres is not None and not self.postgres.is_answering():
            if time.monotonic() > deadline:
                raise StackError(f"postgres does not answer within {timeout_s:g} s; see {self.postgres.log}.")
            time.sleep(0.05)
        for service in self._running:
            while not self._is_ready(service):
                if time.monotonic() > deadline:
                    raise StackError(f"{service.name} does not answer within {timeout_s:g} s; see {self._logs}.")
                time.sleep(0.05)

    def is_ready(self, name: str) -> bool:
        """Say whether a process answers now, or is alive where that is all it shows; ``postgres`` is one, too."""
        if name == "postgres" and self.postgres is not None:
            return self.postgres.is_answering()
        return any(self._is_ready(service) for service in self._running if service.name == name)

    def run_linli(self, *arguments: str, show: bool = False, timeout_s: float | None = None) -> str:
        """Run ``linli`` with the settings of this stack and return what it printed.

        :param show: let it write to the terminal instead, as for a progress bar.
        :raises StackError: it failed, with its last words; all of them are in ``logs/linli.log``.
        """
        done = subprocess.run(
            [*self.linli, *arguments],
            cwd=ROOT,
            env=dict(self._settings),
            stdin=subprocess.DEVNULL,
            capture_output=not show,
            text=True,
            errors="replace",
            check=False,
            timeout=timeout_s,
        )
        if done.returncode == 0:
            return done.stdout or ""
        output = done.stderr or done.stdout or ""
        if len(output.splitlines()) > 1:
            self._logs.mkdir(exist_ok=True)
            (self._logs / "linli.log").write_text(output)
        raise StackError(last_words(output) or f"linli {' '.join(arguments)} failed with code {done.returncode}.")

    @property
    def _logs(self) -> Path:
        return self.data_dir / "logs"

    def _start(self) -> None:
        allow_open_files(2 * CONNECTIONS)
        try:
            self.data_dir.mkdir(parents=True, exist_ok=True)
            self._settings = self._make_settings()
        except OSError as error:
            raise StackError(
                f"{self.data_dir} cannot hold the data: {error.strerror}. Choose another with DATA_DIR=…"
            ) from error
        services = self.services(self.ports, self.data_dir, self._settings)
        for service in services:
            if service.port is not None:
                refuse_taken_port(service.port, service.name)
        self._prepare_database()
        if self.demo:
            self.run_linli("demo", "load", show=not self.quiet)
        self._supervise(services)

    def _make_settings(self) -> dict[str, str]:
        env = {name: value for name, value in os.environ.items() if self.inherit or not _is_ours(name)}
        env |= {"PYTHONUNBUFFERED": "1", "PORT": str(self.ports.web), "DATA_DIR": str(self.data_dir)}
        env.setdefault("LINLI_ENV", "development")
        env |= self.env
        if env["LINLI_ENV"] == "production":  # nothing is made up: what is missing, the settings refuse
            return env
        ours = {
            "STRIPE_API_BASE": self.urls.gateway,
            "LINLI_PUBLIC_URL": self.urls.web,
            "LINLI_LIVE_URL": self.urls.live,
            "LINLI_BANK_DIR": str(self.data_dir / "bank"),
            "LINLI_FUND_DIR": str(self.data_dir / "fund"),
            "LINLI_SEAL_DIR": str(self.data_dir / "seals"),
        }
        kept = secrets_in(self.data_dir)
        ours |= {"LINLI_BILLER_URL": self.urls.billers, "LINLI_BILLER_KEY": _biller_key(kept)}
        settings = {**kept, **ours, **env}
        sandbox = {
            "SANDBOX_SECRET_KEY": settings["STRIPE_SECRET_KEY"],
            "SANDBOX_WEBHOOK_SECRET": settings["STRIPE_WEBHOOK_SECRETS"].partition(",")[0],
            "SANDBOX_WEBHOOK_URL": f"{self.urls.web}/gateway/v1/stripe/events",
            "SANDBOX_PUBLIC_URL": self.urls.gateway,
        }
        return {**sandbox, **settings}

    def _prepare_database(self) -> None:
        if self._settings.get("DATABASE_URL"):
            refuse_unusable_server(self._settings["DATABASE_URL"])
        elif self._settings["LINLI_ENV"] == "production":
            raise StackError("DATABASE_URL is not set; the embedded server is for development.")
        else:
            postgres = EmbeddedPostgres(self.data_dir / "postgres", self.postgres_settings)
            try:
                postgres.acquire()
            except PostgresUnavailable as error:
                raise StackError(str(error)) from error
            self.postgres = postgres
            self._settings["DATABASE_URL"] = postgres.url(APP_ROLE, DATABASE)
            self._settings["MIGRATION_DATABASE_URL"] = postgres.url(OWNER_ROLE, DATABASE)
            self.run_linli("db", "init", "--admin-url", postgres.url(), "--database", DATABASE)
        self.run_linli("db", "upgrade")

    def _supervise(self, services: list[Service]) -> None:
        supervisor = Supervisor(logs=self._logs, say=self.say, echo=None if self.quiet else self.say)
        for service in services:
            supervisor.add(Child(service.name, service.argv, self._settings, ROOT))
        if self.postgres is not None:
            supervisor.guard(self._bring_postgres_back)
        self._supervisor, self._running = supervisor, services
        supervisor.start()
        deadline = time.monotonic() + READY_S
        for service in services:
            while not self._is_ready(service):
                if supervisor.deaths(service.name):
                    words = last_words("\n".join(supervisor.last_lines(service.name)))
                    raise StackError(f"{service.name} stopped at its start: {words or 'it said nothing'}")
                if time.monotonic() > deadline:
                    raise StackError(f"{service.name} does not answer within {READY_S:g} s; see {self._logs}.")
                time.sleep(0.05)

    def _bring_postgres_back(self) -> None:
        if self.postgres is not None and self.postgres.ensure_running():
            self.say(f"postgres was gone and is up again with pid {self.postgres.pid}")

    def _is_ready(self, service: Service) -> bool:
        if service.name not in self._live_supervisor().pids:
            return False
        if service.port is None:
            return True
        if service.path is None:
            return _is_open(service.port)
        return _answers(f"http://{HOST}:{service.port}{service.path}")

    def _live_supervisor(self) -> Supervisor:
        if self._supervisor is None:
            raise StackError("The stack is not running.")
        return self._supervisor


def _biller_key(kept: Mapping[str, str]) -> str:
    """Return the key of the sandbox billers, made of another secret: older stacks have none of their own."""
    return hashlib.sha256(f"sandbox billers {kept['STRIPE_SECRET_KEY']}".encode()).hexdigest()


def last_words(text: str) -> str:
    """Return the line of ``text`` that says what went wrong: the error of its last traceback, else its last line."""
    _, traceback, frames = text.rpartition("Traceback (most recent call last):\n")
    lines = [line for line in frames.splitlines() if line.strip()]
    if traceback:
        lines = [line for line in lines if not line.startswith(" ")][:1] or lines
    return lines[-1].strip() if lines else ""


def _is_ours(name: str) -> bool:
    return name in OUR_VARIABLES or name.startswith(OUR_PREFIXES)


def _is_open(port: int) -> bool:
    try:
        socket.create_connection((HOST, port), timeout=PROBE_S).close()
    except OSError:
        return False
    return True


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=PROBE_S) as response:  # noqa: S310 - our own http address
            return bool(response.status == 200)  # noqa: PLR2004 - OK
    except (OSError, urllib.error.URLError):
        return False
