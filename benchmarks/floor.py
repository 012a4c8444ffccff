"""What is held against: a request that only commits, one that reads one row by its key, and a search by LIKE.

Served by the same server with the same workers, over the same pool to the same database.
"""

import os

from flask import Flask, Response, request
from sqlalchemy import create_engine, text

from app.settings import sqlalchemy_url

_engine = create_engine(
    sqlalchemy_url(os.environ["DATABASE_URL"]), pool_size=8, max_overflow=0, pool_pre_ping=False, pool_timeout=5
)
_COMMIT = text("INSERT INTO bench.floor (at) VALUES (clock_timestamp())")
_READ = text("SELECT name FROM shops WHERE shop_id = (SELECT shop_id FROM bench.shop)")
LIKE = """
    SELECT f.offer_id FROM offers AS f JOIN shops AS s ON s.shop_id = f.shop_id
    JOIN skus AS k ON k.offer_id = f.offer_id LEFT JOIN stock AS n ON n.sku_id = k.sku_id
    WHERE f.name LIKE :pattern AND f.state = 'on_sale' AND s.state IN ('open', 'resting')
        AND meters_between(s.lat, s.lng, :lat, :lng) <= :radius_m AND (n.sku_id IS NULL OR n.on_hand > 0)
    GROUP BY f.offer_id, s.shop_id ORDER BY min(k.price_fen), f.offer_id LIMIT 20
    """
"""Offers by a word near a point over the tables as they are."""
_LIKE = text(LIKE)

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


@app.get("/like")
def like() -> Response:
    """Look for a word near a point by LIKE."""
    asked = {name: float(request.args[name]) for name in ("lat", "lng", "radius_m")}
    with _engine.connect() as connection:
        connection.execute(_LIKE, {**asked, "pattern": f"%{request.args['words']}%"}).fetchall()
    return Response(b"{}", mimetype="application/json")


@app.get("/health")
def health() -> Response:
    """Say that it runs."""
    return Response(b"{}", mimetype="application/json")
