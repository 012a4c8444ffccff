"""What Flask does for every request, without what ours never need; headers that every answer has."""

import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from flask import Flask, request

from app.kernel.concurrency import Places
from app.kernel.errors import Busy

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

PLACE_WAIT_S = 15.0
"""Longest wait for a place; who gets none is told to come again."""
CROWDED = "linli.is_crowded"
GATHERED_MAX = 64
"""Threads of a process that may wait for others of their kind; who comes beyond them goes in at once."""

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


@dataclass(frozen=True, slots=True, kw_only=True)
class Gathering:
    """That a crowd waits for the next tick of a clock and comes in together, where an answer may be late.

    What comes at once is done with warm caches and in batches, as network cards gather packets before they interrupt.

    :param tick_s: seconds from tick to tick, so the longest wait. :param crowd: so many of a process within the last
        second are one; fewer are let in as they come.
    """

    tick_s: float
    crowd: int


class Gathered:
    """Lets those in together who ask a process for the same, where there is a :class:`Gathering` for it."""

    def __init__(self, application: "WSGIApplication", gatherings: Mapping[tuple[str, str], Gathering]) -> None:
        """Take gatherings by method and path."""
        self._application = application
        self._gatherings = {
            asked: (gathering, deque[float](maxlen=gathering.crowd)) for asked, gathering in gatherings.items()
        }
        self._room = threading.BoundedSemaphore(GATHERED_MAX)

    def __call__(self, environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        """Answer as the application does, at its time."""
        gathered = self._gatherings.get((environ["REQUEST_METHOD"], environ["PATH_INFO"]))
        if gathered is not None:
            self._wait(*gathered)
        return self._application(environ, start_response)

    def _wait(self, gathering: Gathering, came_at: deque[float]) -> None:
        now = time.monotonic()
        came_at.append(now)
        is_crowd = len(came_at) == gathering.crowd and now - came_at[0] <= 1
        if is_crowd and self._room.acquire(blocking=False):
            try:
                time.sleep(gathering.tick_s - now % gathering.tick_s)
            finally:
                self._room.release()


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
