"""What is not any side's: health, the OpenAPI document, readable docs, what each problem means; sandbox helps.

The pages need no script and no other host.
"""

import html
import re
from datetime import timedelta
from functools import cache
from typing import Any

from flask import Response, current_app
from marshmallow import fields
from sqlalchemy import text

from app.core.catalog.errors import PictureNotFound
from app.kernel.clock import business_now, set_virtual
from app.kernel.errors import NotFound
from app.kernel.transaction import transaction
from app.usecases.people.phones import normalize_phone
from app.web.door import Door
from app.web.fields import Body, Flag, Instant, Int, Many, Query, Text
from app.web.messages import catalog
from app.web.metrics import add_metrics
from app.web.openapi import VERSION, describe
from app.web.policy import Relation, policy
from app.web.replies import to_json

door = Door("pages", __name__, side=None, prefix="")
add_metrics(door)
development_door = Door("development", __name__, side=None, prefix="/dev/v1")

_PICTURE = re.compile(r"[0-9a-f]{64}(-thumbnail)?\.jpg")
_ALIVE = text("SELECT 1")


class ProblemNotExplained(NotFound):
    """No problem has this code."""

    code = "problem_not_found"
    title = "No such problem"


class HealthOut(Body):
    """It runs, and its database answers."""

    status = Text(high=20, required=True)
    version = Text(high=20, required=True)


@door.get("/health", answer=HealthOut)
@policy("health.read", Relation.ANYONE)
def health() -> dict[str, str]:
    """Say whether web and database are up."""
    with transaction() as tx:
        tx.execute(_ALIVE)
    return {"status": "ok", "version": VERSION}


@door.get("/openapi.json", pages=("application/json",))
@policy("docs.read", Relation.ANYONE)
def openapi_document() -> Response:
    """Return the OpenAPI 3.1 document of this application."""
    return Response(_document_bytes(), mimetype="application/json")


@door.get("/docs", pages=("text/html",))
@policy("docs.read", Relation.ANYONE)
def readable_docs() -> Response:
    """Return the OpenAPI document as a page for people."""
    return Response(_docs_page(), mimetype="text/html")


@door.get("/problems/<string:code>", pages=("text/html",))
@policy("docs.read", Relation.ANYONE)
def explain_problem(code: str) -> Response:
    """Say what a problem means, in Chinese and English."""
    zh, en = catalog("zh").get(code), catalog("en").get(code)
    if zh is None or en is None or "title" not in zh:
        raise ProblemNotExplained
    parts = [f"<h2>{html.escape(words['title'])}</h2><p>{html.escape(words['detail'])}</p>" for words in (zh, en)]
    return Response(_page(f"<code>{html.escape(code)}</code>", "".join(parts)), mimetype="text/html")


@door.get("/pictures/<string:picture>", pages=("image/jpeg",))
@policy("picture.show", Relation.ANYONE)
def show_picture(picture: str) -> Response:
    """Show a picture of an offer: ``{picture}.jpg``, or ``{picture}-thumbnail.jpg``. What has a name never changes."""
    found = current_app.extensions["linli_pictures"].get(picture) if _PICTURE.fullmatch(picture) else None
    if found is None:
        raise PictureNotFound
    response = Response(found, mimetype="image/jpeg")
    response.headers["Cache-Control"] = "public, max-age=31536000, immutable"
    return response


@cache
def _document() -> dict[str, Any]:
    return describe(current_app)


@cache
def _document_bytes() -> bytes:
    return to_json(_document())


@cache
def _docs_page() -> str:
    sections = []
    for path, operations in _document()["paths"].items():
        for method, operation in operations.items():
            parameters = "".join(
                f"<li><code>{html.escape(p['name'])}</code> ({p['in']}{', required' if p.get('required') else ''})</li>"
                for p in operation.get("parameters", [])
            )
            body = operation.get("requestBody", {}).get("content", {}).get("application/json", {}).get("schema", {})
            answers = "".join(
                f"<li>{status}{_schema_link(answer)}</li>" for status, answer in operation["responses"].items()
            )
            sections.append(
                f"<section id='{operation['operationId']}'><h3>{method.upper()} <code>{html.escape(path)}</code></h3>"
                f"<p>{html.escape(operation['summary'])}</p><p class=d>{html.escape(operation['description'])}</p>"
                f"<ul>{parameters}</ul>"
                + (f"<p>Body: {_ref_link(body)}</p>" if body else "")
                + f"<p>Answers:</p><ul>{answers}</ul></section>"
            )
    schemas = "".join(
        f"<section id='schema-{name}'><h3>{name}</h3><pre>{html.escape(_schema_text(schema))}</pre></section>"
        for name, schema in sorted(_document()["components"]["schemas"].items())
    )
    return _page("Linli 邻里 API", "".join(sections) + "<h2>Schemas</h2>" + schemas)


def _schema_link(answer: dict[str, Any]) -> str:
    schema = answer.get("content", {}).get("application/json", {}).get("schema", {})
    return f": {_ref_link(schema)}" if schema else " (problem)" if "$ref" in answer else ""


def _ref_link(schema: dict[str, Any]) -> str:
    name = schema.get("$ref", "").rpartition("/")[2]
    return f"<a href='#schema-{name}'>{name}</a>" if name else html.escape(str(schema))


def _schema_text(schema: dict[str, Any]) -> str:
    required = set(schema.get("required", ()))
    lines = [
        f"{name}{'' if name in required else '?'}: {re.sub('#/components/schemas/', '', str(rule))}"
        for name, rule in schema.get("properties", {}).items()
    ]
    return "\n".join(lines)


def _page(title: str, body: str) -> str:
    style = (
        "body{font:16px/1.5 sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem}"
        "section{border-top:1px solid #ccc}.d{color:#555}pre{overflow:auto}"
    )
    return (
        f"<!doctype html><html lang=zh-CN><meta charset=utf-8><meta name=viewport content='width=device-width'>"
        f"<title>{re.sub('<[^>]+>', '', title)}</title><style>{style}</style><h1>{title}</h1>{body}</html>"
    )


class PhoneQuery(Query):
    """Whose messages."""

    phone = Text(high=20, required=True)


class MessageOut(Body):
    """A sandbox text message."""

    code = Text(high=20, required=True)
    sent_at = Instant(required=True)


class MessagesOut(Body):
    """Latest first."""

    items = Many(fields.Nested(MessageOut), high=10, required=True)


class NoticeOut(Body):
    """A notice that the sandbox kept instead of sending."""

    kind = Text(high=40, required=True)
    sent_at = Instant(required=True)


class NoticesOut(Body):
    """Latest first."""

    items = Many(fields.Nested(NoticeOut), high=10, required=True)


class ClockIn(Body):
    """Business time: frozen at an instant, or running ahead of the wall clock."""

    fixed_at = Instant(load_default=None, allow_none=True)
    ahead_s = Int(low=0, high=400 * 24 * 3600, load_default=0)


class ClockOut(Body):
    """Business time as it is now."""

    now = Instant(required=True)
    is_virtual = Flag(required=True)


@development_door.get("/messages", query=PhoneQuery, answer=MessagesOut)
@policy("sandbox.read", Relation.ANYONE)
def read_messages(query: dict[str, Any]) -> dict[str, Any]:
    """Read the text messages that the sandbox kept for a phone. Not there in production."""
    return {"items": current_app.extensions["linli_messages"].read(normalize_phone(query["phone"]))}


@development_door.get("/notices", query=PhoneQuery, answer=NoticesOut)
@policy("sandbox.read", Relation.ANYONE)
def read_notices(query: dict[str, Any]) -> dict[str, Any]:
    """Read the notices that the sandbox kept for a phone. Not there in production."""
    return {"items": current_app.extensions["linli_messages"].read_notices(normalize_phone(query["phone"]))}


@development_door.put("/clock", body=ClockIn, answer=ClockOut)
@policy("sandbox.clock", Relation.ANYONE)
def move_clock(body: dict[str, Any]) -> dict[str, Any]:
    """Move business time. Not there in production."""
    with transaction() as tx:
        set_virtual(tx, fixed_at=body["fixed_at"], ahead=timedelta(seconds=body["ahead_s"]))
        now = business_now(tx)
    return {"now": now, "is_virtual": body["fixed_at"] is not None or body["ahead_s"] > 0}
