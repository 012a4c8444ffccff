"""Refusals as RFC 9457 problem documents, in Chinese or English. The one table from error family to HTTP status."""

import secrets
from collections.abc import Iterator, Mapping
from typing import Any

import structlog
from flask import Flask, Response, current_app, request
from marshmallow import ValidationError
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from werkzeug.exceptions import HTTPException

from app.kernel.errors import (
    Busy,
    Conflict,
    Forbidden,
    Invalid,
    LinliError,
    NotFound,
    Throttled,
    Unauthenticated,
    Unavailable,
)
from app.web.messages import choose_language, say, say_field
from app.web.replies import to_json

STATUS: Mapping[type[LinliError], int] = {
    Unauthenticated: 401,
    Forbidden: 403,
    NotFound: 404,
    Conflict: 409,
    Invalid: 422,
    Throttled: 429,
    Unavailable: 503,
}

_HTTP_CODES = {
    400: "request_malformed",
    404: "route_not_found",
    405: "method_not_allowed",
    406: "not_acceptable",
    408: "request_too_slow",
    411: "length_required",
    413: "body_too_large",
    414: "url_too_long",
    415: "not_json",
    429: "throttled",
}

log = structlog.get_logger()


class DatabaseUnavailable(Unavailable):
    """The database did not answer; whether anything was changed is unknown. Send the same request with the same key."""

    code = "database_unavailable"
    title = "The database does not answer"


class NotJson(Invalid):
    """The body is not JSON, or not a JSON object."""

    code = "not_json"
    title = "The body is not JSON"


class FileLacking(Invalid):
    """The body is empty, or a form with a file in it, in place of the file."""

    code = "file_lacking"
    title = "There is no file"


class InputInvalid(Invalid):
    """One or more fields are wrong; ``errors`` names each by JSON pointer."""

    code = "input_invalid"
    title = "Invalid input"

    def __init__(self, errors: list[tuple[str, str]]) -> None:
        super().__init__()
        self.errors = errors

    @classmethod
    def of(cls, error: ValidationError) -> "InputInvalid":
        """Flatten marshmallow's messages to ``(pointer, key)`` pairs."""
        return cls(list(_flatten(error.messages, "")))


def _flatten(messages: object, pointer: str) -> Iterator[tuple[str, str]]:
    if isinstance(messages, Mapping):
        for name, below in messages.items():
            step = "" if name == "_schema" else "/" + str(name).replace("~", "~0").replace("/", "~1")
            yield from _flatten(below, pointer + step)
    elif isinstance(messages, list):
        for below in messages:
            yield from _flatten(below, pointer)
    else:
        yield pointer, str(messages)


def status_of(error: LinliError) -> int:
    """Return the HTTP status of an error by its family."""
    return next(STATUS[family] for family in type(error).__mro__ if family in STATUS)


def problem(
    code: str, status: int, params: Mapping[str, object], errors: list[tuple[str, str]] | None = None
) -> Response:
    """Return a problem document for ``code`` in the asker's language."""
    language = choose_language(request.headers.get("Accept-Language", ""))
    document: dict[str, Any] = {
        "type": f"{current_app.config['LINLI'].public_url}/problems/{code}",
        "title": say(code, "title", language, params),
        "status": status,
        "detail": say(code, "detail", language, params),
        "code": code,
        **{name: value for name, value in params.items() if value is not None},
    }
    if errors:
        document["errors"] = [{"pointer": pointer, "detail": say_field(key, language)} for pointer, key in errors]
    response = Response(to_json(document), status=status, mimetype="application/problem+json")
    response.headers["Cache-Control"] = "no-store"
    response.headers["Content-Language"] = "zh-CN" if language == "zh" else "en"
    return response


def _on_refusal(error: LinliError) -> Response:
    errors = error.errors if isinstance(error, InputInvalid) else None
    if errors is None and error.pointer is not None:
        errors = [(error.pointer, error.code)]
    response = problem(error.code, status_of(error), error.params, errors)
    if isinstance(error, Unauthenticated):
        response.headers["WWW-Authenticate"] = 'Bearer realm="linli"'
    if isinstance(error, Throttled):
        response.headers["Retry-After"] = str(error.params.get("retry_after_s", 60))
    if isinstance(error, Unavailable):
        response.headers["Retry-After"] = "1"
    return response


def _on_http_exception(error: HTTPException) -> Response:
    status = error.code or 500
    response = problem(_HTTP_CODES.get(status, "request_malformed"), status, {})
    for name, value in error.get_headers():
        if name in {"Allow", "Retry-After"}:
            response.headers[name] = value
    if status == 429:  # noqa: PLR2004 - an address has had its share of this minute
        response.headers.setdefault("Retry-After", "60")
    return response


def _on_database_error(error: DBAPIError) -> Response:
    state = getattr(error.orig, "sqlstate", None)
    if state in {"55P03", "40P01", "40001", "57014"}:
        return _on_refusal(Busy())
    if isinstance(error, OperationalError | InterfaceError):
        log.warning("database does not answer", sqlstate=state)
        return _on_refusal(DatabaseUnavailable())
    return _on_bug(error)


def _on_bug(error: Exception) -> Response:
    trace_id = secrets.token_hex(8)
    log.error("unexpected error", trace_id=trace_id, exc_info=error)
    return problem("internal_error", 500, {"trace_id": trace_id})


def install(app: Flask) -> None:
    """Let every refusal of ``app`` leave as a problem document."""
    app.register_error_handler(LinliError, _on_refusal)
    app.register_error_handler(HTTPException, _on_http_exception)
    app.register_error_handler(DBAPIError, _on_database_error)
    app.register_error_handler(PoolTimeout, lambda _error: _on_refusal(Busy()))
    app.register_error_handler(Exception, _on_bug)
