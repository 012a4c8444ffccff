"""How migrations run: one transaction each, one runner at a time, never waiting long for a lock.

A version that must run outside a transaction (``CREATE INDEX CONCURRENTLY``) uses Alembic's ``autocommit_block``; the
advisory lock is held by the session, not by a transaction, so it covers those too.
"""

from alembic import context
from sqlalchemy import create_engine, pool, text

import app.models
from app.kernel.db import Base

_RUNNER_LOCK = 7_146_113

__all__ = ["app"]


def run() -> None:
    """Run the versions that the command asks for."""
    given = context.config.attributes.get("connection")
    if given is not None:
        _run_on(given)
        return
    engine = create_engine(context.config.get_main_option("sqlalchemy.url") or "", poolclass=pool.NullPool)
    with engine.connect() as connection:
        connection.execute(text("SET lock_timeout = '2s'"))
        connection.execute(text("SELECT pg_advisory_lock(:key)"), {"key": _RUNNER_LOCK})
        connection.commit()
        try:
            _run_on(connection)
        finally:
            connection.rollback()
            connection.execute(text("SELECT pg_advisory_unlock(:key)"), {"key": _RUNNER_LOCK})
            connection.commit()


def _run_on(connection: object) -> None:
    context.configure(
        connection=connection,
        target_metadata=Base.metadata,
        transaction_per_migration=True,
        compare_type=True,
        include_object=_is_ours,
    )
    with context.begin_transaction():
        context.run_migrations()


def _is_ours(_thing: object, name: str | None, kind: str, _reflected: object, _other: object) -> bool:
    """Leave alone what has no model: the job library's tables; the ledger has a schema of its own."""
    return not (kind == "table" and (name or "").startswith("procrastinate_"))


run()
