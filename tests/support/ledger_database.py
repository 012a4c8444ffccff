"""A scratch database that holds the books and nothing else, made from the URL of an administrator's database."""

from __future__ import annotations

import os
import secrets
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, cast

import psycopg
from psycopg import sql
from sqlalchemy import NullPool, create_engine
from sqlalchemy.engine import make_url

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy import Connection, Engine

    from app.kernel.transaction import Transaction

SQL_FOLDER = Path(__file__).parents[2] / "migrations" / "sql"
LEDGER_FILES = ("ledger.sql", "ledger_posting.sql", "ledger_proof.sql")
CLOCK = """
CREATE TABLE public.business_clock (fixed_at timestamptz, ahead interval NOT NULL DEFAULT interval '0');
INSERT INTO public.business_clock DEFAULT VALUES;
CREATE FUNCTION public.business_now() RETURNS timestamptz LANGUAGE sql STABLE PARALLEL SAFE
AS $$ SELECT coalesce(fixed_at, now() + ahead) FROM public.business_clock $$;
"""


def admin_url() -> str | None:
    """Return the URL of a database whose user may create databases, or None when the environment names none."""
    return os.environ.get("TEST_DATABASE_URL")


def ledger_source() -> str:
    """Return the SQL that makes the books, whole."""
    return "".join((SQL_FOLDER / name).read_text(encoding="utf-8") for name in LEDGER_FILES)


def libpq_url(url: str) -> str:
    """Return ``url`` without the name of a Python driver, as libpq wants it."""
    return make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)


def with_database(url: str, name: str) -> str:
    """Return ``url`` pointing at database ``name`` of the same server."""
    return make_url(url).set(database=name).render_as_string(hide_password=False)


@contextmanager
def ledger_database(admin: str, *, source: str | None = None) -> Iterator[str]:
    """Create a database, run the ledger's SQL in it, yield its URL and drop it.

    :param source: text to run in place of the shipped file.
    """
    name = f"linli_ledger_{secrets.token_hex(6)}"
    identifier = sql.Identifier(name)
    with psycopg.connect(libpq_url(admin), autocommit=True) as connection:
        connection.execute(sql.SQL("CREATE DATABASE {} TEMPLATE template0").format(identifier))
        connection.execute(sql.SQL("ALTER DATABASE {} SET jit = off").format(identifier))  # as our sessions have it
    url = with_database(libpq_url(admin), name)
    try:
        with psycopg.connect(url) as connection:
            connection.execute(CLOCK)
            connection.execute((source or ledger_source()).encode())
        yield url
    finally:
        with psycopg.connect(libpq_url(admin), autocommit=True) as connection:
            connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(identifier))


def ledger_engine(url: str) -> Engine:
    """Return an engine without a pool: every connection is new and really closed."""
    return create_engine(make_url(url).set(drivername="postgresql+psycopg"), poolclass=NullPool)


@contextmanager
def committing(engine: Engine) -> Iterator[Transaction]:
    """Yield a transaction that commits at the end, or rolls back on an error."""
    with engine.begin() as connection:
        yield as_transaction(connection)


def as_transaction(connection: Connection) -> Transaction:
    """Return ``connection`` as the ledger's calls type it: they need nothing but ``execute``."""
    return cast("Transaction", connection)
