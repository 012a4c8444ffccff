"""Durable state: one SQLite file, one writer thread, many readers.

Every change is a function given to :meth:`Store.write`. The writer runs the changes that wait one after the
other, each behind a savepoint, commits them **together** (WAL, ``synchronous=FULL``: one flush for many
requests) and only then lets their callers go on. So changes never overlap, what a caller was told is on the
disk, and a crash loses only what nobody was told.
"""

import queue
import sqlite3
import threading
from collections.abc import Callable
from concurrent.futures import Future
from pathlib import Path
from typing import Any, TypeVar

import orjson

T = TypeVar("T")
Json = dict[str, Any]

BATCH_MAX = 64
BUSY_TIMEOUT_S = 10.0

_SCHEMA = """
CREATE TABLE IF NOT EXISTS thing (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    kind TEXT NOT NULL,
    created INTEGER NOT NULL,
    parent TEXT,
    due_at REAL,
    body TEXT NOT NULL
) STRICT;
CREATE INDEX IF NOT EXISTS thing_by_kind ON thing (kind, seq);
CREATE INDEX IF NOT EXISTS thing_by_parent ON thing (parent, kind);
CREATE INDEX IF NOT EXISTS thing_due ON thing (due_at) WHERE due_at IS NOT NULL;
CREATE TABLE IF NOT EXISTS answer (
    key TEXT PRIMARY KEY,
    request_hash TEXT NOT NULL,
    status INTEGER NOT NULL,
    body TEXT NOT NULL,
    stored_at REAL NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS answer_by_age ON answer (stored_at);
CREATE TABLE IF NOT EXISTS delivery (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    event_id TEXT NOT NULL,
    first_at REAL NOT NULL,
    due_at REAL,
    attempts INTEGER NOT NULL DEFAULT 0,
    outcome TEXT
) STRICT;
CREATE INDEX IF NOT EXISTS delivery_due ON delivery (due_at) WHERE due_at IS NOT NULL;
CREATE TABLE IF NOT EXISTS counter (name TEXT PRIMARY KEY, value INTEGER NOT NULL) STRICT, WITHOUT ROWID;
"""


class Rows:
    """Stripe objects by id, over one connection: the writer's, or a reader's."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self.connection = connection

    def get(self, thing_id: str, kind: str) -> Json | None:
        """Return the object, or ``None`` if there is none of this id and kind."""
        row = self.connection.execute("SELECT body FROM thing WHERE id = ? AND kind = ?", (thing_id, kind)).fetchone()
        return None if row is None else orjson.loads(row[0])

    def children(self, parent: str, kind: str) -> list[Json]:
        """Return the objects of a kind that belong to another, oldest first."""
        found = self.connection.execute(
            "SELECT body FROM thing WHERE parent = ? AND kind = ? ORDER BY seq", (parent, kind)
        )
        return [orjson.loads(row[0]) for row in found.fetchall()]

    def add(self, body: Json, *, parent: str | None = None, due_at: float | None = None) -> None:
        """Insert an object. ``due_at``: when a timer looks at it, seconds since the epoch."""
        self.connection.execute(
            "INSERT INTO thing (id, kind, created, parent, due_at, body) VALUES (?, ?, ?, ?, ?, ?)",
            (body["id"], body["object"], body["created"], parent, due_at, orjson.dumps(body).decode()),
        )

    def put(self, body: Json, *, due_at: float | None = None) -> None:
        """Replace an object that exists."""
        self.connection.execute(
            "UPDATE thing SET body = ?, due_at = ? WHERE id = ?",
            (orjson.dumps(body).decode(), due_at, body["id"]),
        )


class Store:
    """The file, its writer, and readers by thread.

    :param folder: created when missing. One process at a time.
    """

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._path = folder / "gateway.sqlite3"
        self._changes: queue.SimpleQueue[tuple[Callable[[Rows], Any], Future[Any]] | None] = queue.SimpleQueue()
        self._readers = threading.local()
        connection = self._connect()
        connection.executescript(_SCHEMA)
        self._writer = threading.Thread(target=self._write_all, args=(connection,), name="store-writer", daemon=True)
        self._writer.start()

    def write(self, change: Callable[[Rows], T]) -> T:
        """Run ``change`` alone, and return its result once it is on the disk; if it raises, nothing of it stays."""
        future: Future[T] = Future()
        self._changes.put((change, future))
        return future.result()

    def read(self) -> Rows:
        """Return this thread's view of what is committed."""
        rows: Rows | None = getattr(self._readers, "rows", None)
        if rows is None:
            rows = self._readers.rows = Rows(self._connect())
            rows.connection.execute("PRAGMA query_only = ON")
        return rows

    def close(self) -> None:
        """Finish the changes that wait, then stop."""
        self._changes.put(None)
        self._writer.join()

    def _connect(self) -> sqlite3.Connection:
        connection = sqlite3.connect(self._path, timeout=BUSY_TIMEOUT_S, isolation_level=None, check_same_thread=False)
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        return connection

    def _write_all(self, connection: sqlite3.Connection) -> None:
        rows = Rows(connection)
        is_open = True
        while is_open:
            batch = [self._changes.get()]
            while len(batch) < BATCH_MAX and not self._changes.empty():
                batch.append(self._changes.get())
            is_open = None not in batch
            _commit(rows, [change for change in batch if change is not None])
        connection.close()


def _commit(rows: Rows, batch: list[tuple[Callable[[Rows], Any], Future[Any]]]) -> None:
    """Run the changes in one transaction; tell each caller only after the flush."""
    connection = rows.connection
    told: list[Callable[[], None]] = []
    try:
        connection.execute("BEGIN IMMEDIATE")
        for change, future in batch:
            connection.execute("SAVEPOINT change")
            try:
                result = change(rows)
            except Exception as error:  # noqa: BLE001 - it belongs to the caller, who gets it
                connection.execute("ROLLBACK TO change")
                told.append(lambda future=future, error=error: future.set_exception(error))  # type: ignore[misc]
            else:
                told.append(lambda future=future, result=result: future.set_result(result))  # type: ignore[misc]
            connection.execute("RELEASE change")
        connection.execute("COMMIT")
    except sqlite3.Error as error:  # the disk is full or gone: nobody was told anything
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        told = [lambda future=future, error=error: future.set_exception(error) for _, future in batch]  # type: ignore[misc]
    for tell in told:
        tell()
