"""The floors that orders are held against: a request that only commits, and one that reads one row by its key.

Served by the same server with the same workers, over the same pool to the same database.
"""

import os

from flask import Flask, Response
from sqlalchemy import create_engine, text

from app.settings import sqlalchemy_url

_engine = create_engine(
    sqlalchemy_url(os.environ["DATABASE_URL"]), pool_size=8, max_overflow=0, pool_pre_ping=False, pool_timeout=5
)
_COMMIT = text("INSERT INTO bench_floor (at) VALUES (clock_timestamp())")
_READ = text("SELECT name FROM shops WHERE shop_id = (SELECT shop_id FROM bench_shop)")

app = Flask(__name__)


@app.post("/commit")
def commit() -> Response:
    """Make one durable commit."""
    with _engine.begin() as connection:
        connection.execute(_COMMIT)
    return Response(b"{}", mimetype="application/json")


@app.get("/read")
def read() -> Response:
    """Read one row by its primary key."""
    with _engine.connect() as connection:
        connection.execute(_READ).scalar_one()
    return Response(b"{}", mimetype="application/json")


@app.get("/health")
def health() -> Response:
    """Say that it runs."""
    return Response(b"{}", mimetype="application/json")
