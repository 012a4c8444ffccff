"""The live-event process, its two tables in a scratch database, a relay's part played, and a listener."""

from __future__ import annotations

import http.client
import os
import secrets
import socket
import subprocess
import sys
import time
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

import orjson
import psycopg
from psycopg import sql
from sqlalchemy import create_engine
from sqlalchemy.engine import make_url

from app.cli.dev.environment import HOST, ROOT, secrets_in
from app.core.notices.models import LiveTicketRow
from app.kernel.db import Base
from app.kernel.ids import new_id
from app.kernel.outbox import LiveEventRow
from tests.support.ledger_database import libpq_url, with_database

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from sqlalchemy import Table

START_S = 60
PATIENCE_S = 4.5
"""Long for a slow machine, and still less than the time after which the process looks without being told."""
PUBLIC_URL = "https://linli.example"
NAMED_ORIGIN = "https://app.linli.example"


@contextmanager
def live_database(admin: str) -> Iterator[str]:
    """Create a database with the tables of live events, yield its URL and drop it."""
    name = f"linli_live_{secrets.token_hex(6)}"
    identifier = sql.Identifier(name)
    with psycopg.connect(libpq_url(admin), autocommit=True) as connection:
        connection.execute(sql.SQL("CREATE DATABASE {} TEMPLATE template0").format(identifier))
    try:
        url = with_database(libpq_url(admin), name)
        create_tables(url, [table_of(LiveEventRow), table_of(LiveTicketRow)])
        yield url
    finally:
        with psycopg.connect(libpq_url(admin), autocommit=True) as connection:
            connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(identifier))


def table_of(model: type[Base]) -> Table:
    """Return the table of a model."""
    table: Table = Base.metadata.tables[model.__tablename__]
    return table


def create_tables(url: str, tables: Sequence[Table]) -> None:
    """Create ``tables`` as the models say."""
    engine = create_engine(make_url(url).set(drivername="postgresql+psycopg"))
    try:
        Base.metadata.create_all(engine, tables=list(tables))
    finally:
        engine.dispose()


class Relay:
    """Plays the relay's part: numbers events and notifies; also hands out tickets."""

    def __init__(self, url: str) -> None:
        self._connection = psycopg.connect(url, autocommit=True)
        self.position = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._connection.close()

    def publish(self, *topics: str, count: int = 1, body: Mapping[str, Any] | None = None) -> int:
        """Publish ``count`` events in one transaction and return the position of the last."""
        self.record(*topics, count=count, body=body)
        self._connection.execute("SELECT pg_notify('linli_live', %s)", [str(self.position)])
        return self.position

    def record(self, *topics: str, count: int = 1, body: Mapping[str, Any] | None = None) -> None:
        """Write events of which nobody is notified."""
        text = orjson.dumps(body or {"order_id": str(new_id()), "state": "paid"}).decode()
        rows = [
            (self.position + i, new_id(), "OrderPaid", orjson.dumps(topics).decode(), text) for i in range(1, count + 1)
        ]
        with self._connection.transaction(), self._connection.cursor() as cursor:
            cursor.executemany(
                "INSERT INTO live_events (position, event_id, kind, topics, body, recorded_at)"
                " VALUES (%s, %s, %s, %s, %s, clock_timestamp())",
                rows,
            )
        self.position += count

    def thin(self, below: int) -> None:
        """Delete the events before a position, as is done after a day."""
        self._connection.execute("DELETE FROM live_events WHERE position < %s", [below])

    def ticket(self, *topics: str, seconds: int = 60) -> str:
        """Hand out a ticket for ``topics``."""
        ticket = secrets.token_urlsafe(32)
        self._connection.execute(
            "INSERT INTO live_tickets (digest, topics, expires_at)"
            " VALUES (sha256(%s::bytea), %s, clock_timestamp() + %s * interval '1 second')",
            [ticket.encode(), orjson.dumps(topics).decode(), seconds],
        )
        return ticket

    def restart(self) -> None:
        """Begin the numbering anew on an empty table, as in a database restored from nothing."""
        self._connection.execute("DELETE FROM live_events")
        self.position = 0

    def cut(self) -> int:
        """Kill the connections of the live process; return how many there were."""
        rows = self._connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE application_name = 'linli-live' AND datname = current_database()"
        ).fetchall()
        return len(rows)


@dataclass(frozen=True)
class Told:
    """One event of a stream, as it was received."""

    id: int
    event: str
    data: dict[str, Any]
    at: float


class Stream:
    """A listener. Reads from a socket of its own, with a deadline for everything."""

    def __init__(self, port: int, ticket: str, *, after: int | str | None = None, path: str = "/live") -> None:
        self.connection = http.client.HTTPConnection(HOST, port, timeout=30)
        headers = {} if after is None else {"Last-Event-ID": str(after)}
        self.connection.request("GET", f"{path}?ticket={ticket}", headers=headers)
        self.response = self.connection.getresponse()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Go away."""
        self.response.close()
        self.connection.close()

    def next(self, timeout_s: float = PATIENCE_S) -> Told | None:
        """Return the next event, None at the end of the stream.

        :raises TimeoutError: nothing came.
        """
        fields: dict[str, str] = {}
        if self.connection.sock is not None:
            self.connection.sock.settimeout(timeout_s)
        while line := self.response.readline():
            text = line.decode().rstrip("\n")
            if text:
                name, _, value = text.partition(": ")
                fields[name] = value
            elif "data" in fields:
                data = orjson.loads(fields["data"])
                return Told(int(fields["id"]), fields["event"], data, time.monotonic())
            else:
                fields.clear()
        return None

    def take(self, count: int, timeout_s: float = PATIENCE_S) -> list[Told]:
        """Return the next ``count`` events."""
        taken = [self.next(timeout_s) for _ in range(count)]
        return [told for told in taken if told is not None]


@dataclass(frozen=True)
class LiveProcess:
    """A running live-event process."""

    port: int
    process: subprocess.Popen[bytes]

    def get(self, path: str, *, method: str = "GET", headers: Mapping[str, str] | None = None) -> tuple[int, Any, Any]:
        """Return status, headers and JSON of a plain answer."""
        connection = http.client.HTTPConnection(HOST, self.port, timeout=30)
        try:
            connection.request(method, path, headers=dict(headers or {}))
            response = connection.getresponse()
            return response.status, response.headers, orjson.loads(response.read())
        finally:
            connection.close()

    def wait(self, timeout_s: float = PATIENCE_S, **wanted: int) -> None:
        """Return when ``/health`` tells the wanted ``position`` or number of ``streams``."""
        deadline = time.monotonic() + timeout_s
        while not wanted.items() <= (found := self.get("/health")[2]).items():
            if time.monotonic() > deadline:
                raise TimeoutError(f"{found}, not {wanted}")
            time.sleep(0.02)


@contextmanager
def live_process(database_url: str, folder: Path, **overrides: str) -> Iterator[LiveProcess]:
    """Run the live-event process on a free port and stop it.

    :raises RuntimeError: it stopped by itself or does not answer, with what it said.
    """
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        port = int(probe.getsockname()[1])
    settings = {
        "LINLI_ENV": "test",
        "DATABASE_URL": database_url,
        "STRIPE_API_BASE": "http://127.0.0.1:9",
        "LINLI_PUBLIC_URL": PUBLIC_URL,
        "LINLI_CORS_ORIGINS": NAMED_ORIGIN,
        "LINLI_LIVE_URL": f"http://{HOST}:{port}",
        **secrets_in(folder),
        **overrides,
    }
    command = [sys.executable, "-m", "granian", "--host", HOST, "--port", str(port), "--log-level", "warning"]
    with (folder / "live.log").open("wb") as log:
        process = subprocess.Popen(
            [*command, "--interface", "asgi", "app.realtime:app"],
            cwd=ROOT,
            env={**os.environ, **settings},
            stdout=log,
            stderr=subprocess.STDOUT,
        )
    live = LiveProcess(port, process)
    try:
        _wait_healthy(live, folder / "live.log")
        yield live
    finally:
        process.terminate()
        try:
            process.wait(5)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _wait_healthy(live: LiveProcess, log: Path) -> None:
    deadline = time.monotonic() + START_S
    while True:
        try:
            if live.get("/health")[0] == http.client.OK:
                return
        except OSError:
            pass
        if live.process.poll() is not None or time.monotonic() > deadline:
            raise RuntimeError(f"the live-event process does not answer: {log.read_text()}")
        time.sleep(0.02)
