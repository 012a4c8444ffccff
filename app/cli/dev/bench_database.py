"""A Linli of its own for benchmarks that ask the core, not the web: a database, and the application in its context."""

from __future__ import annotations

import os
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from app import create_app
from app.cli.dev.environment import free_ports, libpq_url
from app.cli.dev.stack import Stack
from app.kernel.db import db
from app.settings import read_settings

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextmanager
def bench_database() -> Iterator[str]:
    """Yield the owner's address, for libpq, of an empty database as durable as ``dev.py run`` has it; gone at the end.

    The block runs in the context of an application that works on it as the application's own role.
    """
    with (
        tempfile.TemporaryDirectory(prefix="linli-bench-") as folder,
        Stack(Path(folder), free_ports(), services=lambda *_: []) as stack,
    ):
        assert stack.postgres is not None, "a stack starts its own server when nothing is inherited"
        os.environ.update({**stack.settings, "LINLI_POOL_SIZE": "4"})
        with create_app(read_settings()).app_context():
            try:
                yield libpq_url(stack.postgres.url("postgres", "linli"))
            finally:
                db.engine.dispose()
