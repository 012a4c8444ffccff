"""The embedded PostgreSQL is one, is durable, comes back, and goes with its last holder."""

from __future__ import annotations

import ctypes
import os
import pwd
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import psycopg
import pytest

from app.cli.dev import postgres as embedded
from app.cli.dev.environment import ROOT
from app.cli.dev.postgres import EmbeddedPostgres, Identity, PostgresUnavailable, socket_dir_for

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

PR_SET_CHILD_SUBREAPER = 36


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The folder of a cluster that the tests of this file share, each starting and stopping its server."""
    folder = tmp_path_factory.mktemp("cluster")
    yield folder
    shutil.rmtree(folder)


def until(is_so: Callable[[], bool]) -> None:
    """Wait until something is so."""
    deadline = time.monotonic() + 30
    while not is_so():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def kill_and_wait(server: EmbeddedPostgres) -> int:
    """Kill the postmaster and return the process id that it had, once it is no longer alive."""
    pid = server.pid
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    until(lambda: server.pid is None)
    return pid


def test_two_holders_share_one_server_and_the_last_one_out_stops_it(home: Path) -> None:
    first, second = EmbeddedPostgres(home), EmbeddedPostgres(home)

    with first:
        with second:
            assert first.pid == second.pid is not None
        assert first.is_answering()

    assert first.pid is None
    assert not first.is_answering()


def test_a_killed_server_is_brought_back_with_all_that_was_acknowledged(home: Path) -> None:
    with EmbeddedPostgres(home) as server:
        assert server.ensure_running() is False
        with psycopg.connect(server.url()) as connection:
            connection.execute("CREATE TABLE IF NOT EXISTS kept AS SELECT 1 AS fact")

        killed = kill_and_wait(server)

        assert server.ensure_running() is True
        assert server.pid not in {killed, None}
        with psycopg.connect(server.url()) as connection:
            assert connection.execute("SELECT count(*) FROM kept").fetchone() == (1,)


@pytest.mark.skipif(sys.platform != "linux", reason="the adoption of orphans is Linux's")
def test_a_killed_server_that_nobody_collects_does_not_block_its_successor(home: Path) -> None:
    # This process adopts the postmaster and, like process 1 of many containers, leaves it a zombie.
    libc = ctypes.CDLL(None)
    libc.prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    try:
        with EmbeddedPostgres(home) as server:
            killed = kill_and_wait(server)
            until(lambda: Path(f"/proc/{killed}/stat").read_text().split()[2] == "Z")

            assert server.ensure_running() is True
            assert server.is_answering()
    finally:
        libc.prctl(PR_SET_CHILD_SUBREAPER, 0, 0, 0, 0)
    while True:
        try:
            if os.waitpid(-1, os.WNOHANG) == (0, 0):
                break
        except ChildProcessError:
            break


def test_a_killed_holder_leaves_nothing_that_the_next_would_not_tidy_up(home: Path) -> None:
    program = f"""
import time
from pathlib import Path
from app.cli.dev.postgres import EmbeddedPostgres
server = EmbeddedPostgres(Path({str(home)!r}))
server.acquire()
print(server.pid, flush=True)
time.sleep(60)
"""
    with subprocess.Popen([sys.executable, "-c", program], cwd=ROOT, stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout is not None
        pid = int(holder.stdout.readline())
        holder.kill()

    with EmbeddedPostgres(home) as server:
        assert server.pid == pid

    assert server.pid is None


def test_chinese_text_is_compared_by_its_characters(home: Path) -> None:
    with EmbeddedPostgres(home) as server, psycopg.connect(server.url()) as connection:
        connection.execute("CREATE EXTENSION IF NOT EXISTS pg_trgm")

        row = connection.execute("SELECT similarity('麻辣烫', '麻辣') > 0.3, upper('é')").fetchone()

    assert row == (True, "É")


def test_the_server_listens_nowhere_but_on_a_private_socket(home: Path) -> None:
    with EmbeddedPostgres(home) as server, psycopg.connect(server.url()) as connection:
        names = ("listen_addresses", "fsync", "synchronous_commit", "unix_socket_permissions")
        said = [connection.execute("SELECT current_setting(%s)", [name]).fetchone() for name in names]

        assert said == [("",), ("on",), ("on",), ("0700",)]
        assert server.socket_dir.stat().st_mode & 0o077 == 0


def test_a_half_made_cluster_is_made_again(home: Path, tmp_path: Path) -> None:
    (tmp_path / "data.new").mkdir()
    (tmp_path / "data.new" / "PG_VERSION").write_text("18\n")

    with EmbeddedPostgres(tmp_path) as server:
        assert server.is_answering()
        assert not (tmp_path / "data.new").exists()


def test_a_cluster_of_another_version_is_refused_and_left_alone(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "PG_VERSION").write_text("9.6\n")

    with pytest.raises(PostgresUnavailable, match=r"made by PostgreSQL 9, the programs here are \d+"):
        EmbeddedPostgres(tmp_path).acquire()

    assert (tmp_path / "data" / "PG_VERSION").read_text() == "9.6\n"


def test_a_socket_folder_that_others_may_enter_is_refused(tmp_path: Path) -> None:
    (tmp_path / "socket").mkdir()
    (tmp_path / "socket").chmod(0o755)

    with pytest.raises(PostgresUnavailable, match="not a private folder"):
        EmbeddedPostgres(tmp_path).acquire()


def test_a_deep_folder_has_its_socket_in_a_short_one(tmp_path: Path) -> None:
    deep = tmp_path / ("d" * 100)

    assert socket_dir_for(tmp_path / "short").parent == tmp_path / "short"
    assert socket_dir_for(deep) == socket_dir_for(deep)
    assert len(os.fsencode(socket_dir_for(deep))) <= embedded.SOCKET_DIR_BYTES_MAX


@pytest.mark.parametrize("depth", ["private", "d" * 100])
@pytest.mark.skipif(os.geteuid() != 0, reason="only root becomes somebody else")
def test_root_without_user_namespaces_says_that_nobody_cannot_reach_a_private_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, depth: str
) -> None:
    nobody = pwd.getpwnam("nobody")
    monkeypatch.setattr(embedded, "identity", lambda: Identity(uid=nobody.pw_uid, gid=nobody.pw_gid))
    private = tmp_path / depth
    private.mkdir(mode=0o700)

    with pytest.raises(PostgresUnavailable, match="nobody cannot reach"):
        EmbeddedPostgres(private / "cluster").acquire()

    assert private.stat().st_mode & 0o777 == 0o700
