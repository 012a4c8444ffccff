"""What Flask does for every request, without what ours never need; headers that every answer has."""

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from flask import Flask, request

from app.kernel.concurrency import Places
from app.kernel.errors import Busy

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

PLACE_WAIT_S = 15.0
"""Longest wait for a place; who gets none is told to come again."""
CROWDED = "linli.is_crowded"

_CSP = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; frame-ancestors 'none'; form-action 'none'"
_HSTS = "max-age=31536000; includeSubDomains"
_ALWAYS = (
    ("X-Content-Type-Options", "nosniff"),
    ("Referrer-Policy", "no-referrer"),
    ("X-Frame-Options", "DENY"),
    ("Content-Security-Policy", _CSP),
)


class Application(Flask):
    """Flask whose views and hooks are plain functions, which it need not find out with each request."""

    def ensure_sync(self, func: Callable[..., Any]) -> Callable[..., Any]:
        """Return the function as it is."""
        return func

    def dispatch_request(self) -> Any:
        """Answer as Flask does; refuse who has waited for a place in vain.

        :raises Busy: nothing was done.
        """
        if CROWDED in request.environ:
            raise Busy
        return super().dispatch_request()


class Placed:
    """Has each request worked on in one of the process's places, see :mod:`app.kernel.concurrency`."""

    def __init__(self, application: "WSGIApplication", places: Places) -> None:
        self._application, self._places = application, places

    def __call__(self, environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        """Answer as the application does, when there is a place."""
        if not self._places.take(wait_s=PLACE_WAIT_S):
            environ[CROWDED] = True
            return self._application(environ, start_response)
        try:
            return self._application(environ, start_response)
        finally:
            self._places.give_back()


class SecurityHeaders:
    """Says to browsers what they may do with an answer: nothing but show it.

    It adds the headers behind the framework: there each of them would be looked at anew with each answer.
    """

    def __init__(self, application: "WSGIApplication", *, is_https: bool) -> None:
        self._application = application
        self._headers = [*_ALWAYS, *([("Strict-Transport-Security", _HSTS)] if is_https else [])]

    def __call__(self, environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        """Answer as the application does, with the headers."""
        return self._application(
            environ, lambda status, headers, *error: start_response(status, [*headers, *self._headers], *error)
        )
