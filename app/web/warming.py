"""Warming up (预热): what a web process does before it serves, so that its first requests are as fast as the rest.

An interpreter has yet to learn which types go where, and a connection to read the catalogs of what it is asked for. So
the process answers some requests of nobody, each of which comes to its refusal by the way that all go, and has each of
its connections plan what crowds begin with. Nothing is written.
"""

import io
import os
import sys
from contextlib import suppress
from typing import Any

from flask import Flask
from sqlalchemy.exc import DBAPIError

from app.kernel.actor import Side
from app.kernel.db import db
from app.kernel.ids import new_id
from app.kernel.transaction import plan_ahead
from app.usecases.people.sign_in import SignedIn
from app.web.sign_in import access_token

REQUESTS = 100
ADDRESS = "192.0.2.1"
"""Of nobody (RFC 5737), so that no asker's capacity is taken."""


def warm_up(app: Flask) -> None:
    """Answer some requests of nobody, and plan ahead; a process whose database does not answer begins cold."""
    os.register_at_fork(after_in_child=lambda: _forget_connections(app))
    with suppress(DBAPIError), app.app_context():
        plan_ahead(db.engine)
        nobody = [SignedIn(account_id=new_id(), session_id=new_id(), refresh_token="") for _ in range(REQUESTS // 10)]
        tokens = [access_token(one, Side.COURIER) for one in nobody]
        for number in range(REQUESTS):
            _ask(app, tokens[number % len(tokens)])


def _forget_connections(app: Flask) -> None:
    with app.app_context():
        db.engine.dispose(close=False)


def _ask(app: Flask, token: str) -> None:
    environ: dict[str, Any] = {
        "REQUEST_METHOD": "POST",
        "SCRIPT_NAME": "",
        "PATH_INFO": f"/courier/v1/trips/{new_id()}/claim",
        "QUERY_STRING": "",
        "SERVER_NAME": "localhost",
        "SERVER_PORT": "80",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "REMOTE_ADDR": ADDRESS,
        "CONTENT_LENGTH": "0",
        "HTTP_AUTHORIZATION": f"Bearer {token}",
        "HTTP_IDEMPOTENCY_KEY": str(new_id()),
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": "http",
        "wsgi.input": io.BytesIO(),
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": True,
        "wsgi.multiprocess": True,
        "wsgi.run_once": False,
    }
    b"".join(app(environ, lambda _status, _headers, _error=None: lambda _body: None))
