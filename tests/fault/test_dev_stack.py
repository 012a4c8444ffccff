"""A stack starts whole or not at all, keeps its data, and heals."""

from __future__ import annotations

import sys
import time
from dataclasses import replace
from typing import TYPE_CHECKING

import httpx
import psutil
import psycopg
import pytest

from app.cli.dev.environment import HOST, Ports, StackError, free_ports, refuse_taken_port
from app.cli.dev.postgres import SETTINGS_FOR_TESTS
from app.cli.dev.run import describe
from app.cli.dev.stack import Service, Stack, Urls, linli_services

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

WEB = """
import http.server, os, sys
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(os.environ["LINLI_INDEX_KEY"].encode())
http.server.HTTPServer(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
"""
OPERATOR = "import sys; print(' '.join(sys.argv[1:]))"
REFUSING_OPERATOR = "import sys; sys.exit('LINLI_TOKEN_KEYS is not set.')"


def stand_ins(ports: Ports, _data_dir: Path, _env: Mapping[str, str]) -> list[Service]:
    return [
        Service("web", (sys.executable, "-c", WEB, str(ports.web)), ports.web, "/health"),
        Service("worker", (sys.executable, "-c", "import time; time.sleep(60)")),
    ]


def a_stack(data_dir: Path, said: list[str]) -> Stack:
    """A stack with stand-ins for Linli's processes, over a real embedded PostgreSQL."""
    return Stack(
        data_dir,
        free_ports(),
        say=said.append,
        postgres_settings=SETTINGS_FOR_TESTS,
        services=stand_ins,
        linli=(sys.executable, "-c", OPERATOR),
    )


def read(stack: Stack) -> bytes:
    return httpx.get(f"{stack.urls.web}/health").content


def test_a_stack_heals_keeps_its_data_and_leaves_nothing_running(tmp_path: Path) -> None:
    said: list[str] = []
    with a_stack(tmp_path, said) as stack:
        assert stack.postgres is not None
        with psycopg.connect(stack.postgres.url()) as connection:
            connection.execute("CREATE TABLE kept AS SELECT 1 AS fact")
        key, before = read(stack), stack.pids
        assert set(before) == {"web", "worker", "postgres"}

        for name in before:
            assert stack.kill(name) == before[name]
        deadline = time.monotonic() + 60
        while len([line for line in said if "up again" in line]) < len(before):
            assert time.monotonic() < deadline
            time.sleep(0.05)
        stack.wait_ready()

        assert set(stack.pids) == set(before)
        assert set(stack.pids.values()).isdisjoint(before.values())
        assert read(stack) == key
        assert f"postgres was gone and is up again with pid {stack.pids['postgres']}" in said
        after = stack.pids
    assert not any(psutil.pid_exists(pid) and psutil.Process(pid).status() != "zombie" for pid in after.values())

    with (
        a_stack(tmp_path, said) as again,
        psycopg.connect(again.postgres.url() if again.postgres else "") as connection,
    ):
        assert connection.execute("SELECT fact FROM kept").fetchone() == (1,)
        assert read(again) == key


def test_a_port_in_use_stops_the_start_before_anything_is_made(tmp_path: Path) -> None:
    with a_stack(tmp_path / "first", []) as first:
        second = replace(a_stack(tmp_path / "second", []), ports=first.ports)

        with pytest.raises(StackError, match=f"Port {first.ports.web} for the web cannot be used"):
            second.start()

        assert not (tmp_path / "second" / "postgres").exists()


def test_a_refusal_of_linli_is_passed_on_and_nothing_is_left_running(tmp_path: Path) -> None:
    stack = replace(a_stack(tmp_path, []), linli=(sys.executable, "-c", REFUSING_OPERATOR))

    with pytest.raises(StackError, match=r"^LINLI_TOKEN_KEYS is not set\.$"):
        stack.start()

    assert stack.pids == {}
    assert not (tmp_path / "postgres" / "data" / "postmaster.pid").exists()


def test_a_process_that_stops_at_its_start_stops_the_start(tmp_path: Path) -> None:
    def failing(ports: Ports, data_dir: Path, env: Mapping[str, str]) -> list[Service]:
        broken = Service("live", (sys.executable, "-c", "import sys; sys.exit('no such module')"), ports.live)
        return [*stand_ins(ports, data_dir, env), broken]

    stack = replace(a_stack(tmp_path, []), services=failing)

    with pytest.raises(StackError, match="live stopped at its start: no such module"):
        stack.start()

    refuse_taken_port(stack.ports.web, "web")
    assert stack.pids == {}


def test_a_given_database_is_used_and_no_server_is_started(tmp_path: Path) -> None:
    nothing_there = f"postgresql://linli@{HOST}:{free_ports().web}/linli"
    stack = replace(a_stack(tmp_path, []), env={"DATABASE_URL": nothing_there})

    with pytest.raises(StackError, match="The database of DATABASE_URL cannot be reached"):
        stack.start()

    assert not (tmp_path / "postgres").exists()


def test_settings_around_a_stack_count_only_when_it_inherits_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LINLI_ENV", "production")
    monkeypatch.setenv("STRIPE_API_BASE", "https://api.stripe.com")
    stack = a_stack(tmp_path, [])

    alone, inheriting = stack._make_settings(), replace(stack, inherit=True)._make_settings()

    assert (alone["LINLI_ENV"], alone["STRIPE_API_BASE"]) == ("development", stack.urls.gateway)
    assert (inheriting["LINLI_ENV"], inheriting["STRIPE_API_BASE"]) == ("production", "https://api.stripe.com")
    assert "LINLI_TOKEN_KEYS" in alone
    assert "LINLI_TOKEN_KEYS" not in inheriting


def test_the_sandbox_gateway_runs_only_where_no_other_gateway_is_named(tmp_path: Path) -> None:
    ports = Ports(9000)

    ours = linli_services(ports, tmp_path, {"STRIPE_API_BASE": Urls(ports).gateway})
    theirs = linli_services(ports, tmp_path, {"STRIPE_API_BASE": "https://api.stripe.com"})

    assert [service.name for service in ours] == ["gateway", "web", "worker", "live"]
    assert [service.name for service in theirs] == ["web", "worker", "live"]


def test_a_person_is_told_where_everything_is(tmp_path: Path) -> None:
    stack = a_stack(tmp_path, [])
    stack._settings = stack._make_settings()

    told = describe(stack, "resident 13800000001")

    for fact in (
        stack.urls.web + "/health",
        stack.urls.web + "/docs",
        stack.urls.gateway,
        str(tmp_path),
        "13800000001",
    ):
        assert fact in told
