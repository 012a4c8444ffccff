"""The migrated databases of a test run: one template, made once, and one copy per process of the run."""

from __future__ import annotations

import fcntl
import os
import secrets
import shutil
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import psycopg
from psycopg import sql

from app.cli.db import upgrade_database
from app.settings import sqlalchemy_url
from tests.support.ledger_database import libpq_url, with_database

if TYPE_CHECKING:
    from collections.abc import Iterator

RUN = "LINLI_TEST_RUN"
"""Environment variable that names the run; the processes of one run inherit it."""


def begin_run() -> None:
    """Name the run, and make the folder by which its processes agree."""
    os.environ[RUN] = secrets.token_hex(6)
    _folder().mkdir()


def end_run(admin: str | None) -> None:
    """Remove what the run has left: its template, and databases of processes that died."""
    shutil.rmtree(_folder(), ignore_errors=True)
    if admin is not None:
        with psycopg.connect(libpq_url(admin), autocommit=True) as connection:
            left = connection.execute("SELECT datname FROM pg_database WHERE datname LIKE %s", [f"{_prefix()}%"])
            for (name,) in left.fetchall():
                connection.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))


@contextmanager
def own_database(admin: str) -> Iterator[str]:
    """Yield the URL of a migrated, empty database that no other process uses; drop it at the end."""
    template = _template(admin)
    name = f"{_prefix()}_{os.getpid()}_{secrets.token_hex(3)}"
    _create(admin, name, template=template)
    try:
        yield sqlalchemy_url(with_database(libpq_url(admin), name))
    finally:
        with psycopg.connect(libpq_url(admin), autocommit=True) as connection:
            connection.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))


def _prefix() -> str:
    return f"linli_test_{os.environ[RUN]}"


def _folder() -> Path:
    return Path(tempfile.gettempdir()) / _prefix()


def _template(admin: str) -> str:
    """Return the name of the run's migrated template; the first process to ask makes it, the others wait."""
    name = f"{_prefix()}_template"
    done = _folder() / "template"
    with (_folder() / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not done.exists():
            _create(admin, name, template="template0")
            upgrade_database(sqlalchemy_url(with_database(libpq_url(admin), name)))
            done.touch()
    return name


def _create(admin: str, name: str, *, template: str) -> None:
    with psycopg.connect(libpq_url(admin), autocommit=True) as connection:
        connection.execute(
            sql.SQL("CREATE DATABASE {} TEMPLATE {} ENCODING 'UTF8'").format(
                sql.Identifier(name), sql.Identifier(template)
            )
        )
