"""The ASGI application: ``GET /live`` opens a stream, ``GET /health`` tells whether events flow."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, MutableMapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs, urlsplit

import orjson
import structlog
from psycopg import Error as DatabaseError
from psycopg_pool import AsyncConnectionPool, PoolTimeout

from app.realtime.feed import Feed
from app.realtime.frames import HELLO, KEEP_ALIVE, ResyncReason
from app.realtime.hub import Hub, Listener
from app.realtime.problems import (
    DATABASE_UNAVAILABLE,
    METHOD_NOT_ALLOWED,
    ROUTE_NOT_FOUND,
    TICKET_REFUSED,
    TOO_MANY_STREAMS,
    Headers,
    Refusal,
    render,
)
from app.realtime.signals import on_stop_signal
from app.realtime.table import Connection, configure, connection_options, libpq_url, read_missed, redeem
from app.settings import Settings, SettingsError, read_settings

STREAMS_MAX = 1_000
"""Streams that one process holds: a little fewer than the 1,024 requests that Granian lets in at once by default, so
that one too many is answered instead of left waiting. More streams are more processes."""

AUDIENCE_MAX = 50
"""Streams that stand open for exactly the same topics, which is to say for one resident, courier or staff."""

POOL_SIZE = 4
POOL_WAIT_S = 3.0
KEEP_ALIVE_S = 15.0
"""A silent stream says this often that it lives, for the proxies on the way."""

STREAM_S_MAX = 3_600.0
"""A stream ends after an hour; the next ticket is issued by what the person may hear then."""

LINGER_S = 10.0
"""How long an ended stream may take to hand over its last frames."""

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

log = structlog.get_logger()


class _Refused(Exception):
    def __init__(self, refusal: Refusal) -> None:
        super().__init__(refusal.code)
        self.refusal = refusal


@dataclass(frozen=True, slots=True)
class _Request:
    path: str
    method: str
    query: dict[str, list[str]]
    headers: dict[bytes, bytes]

    @classmethod
    def of(cls, scope: Scope) -> "_Request":
        try:
            query = parse_qs(scope["query_string"].decode("latin-1"), max_num_fields=20, errors="replace")
        except ValueError:
            query = {}
        return cls(scope["path"], scope["method"], query, dict(scope["headers"]))

    def header(self, name: bytes) -> str:
        return self.headers.get(name, b"").decode("latin-1")

    def param(self, name: str) -> str:
        return self.query.get(name, [""])[0]

    @property
    def last_event_id(self) -> str:
        """Where the listener stopped, as it says; a browser's own header wins over the address it first asked for."""
        return self.header(b"last-event-id") or self.param("last_event_id")


class _Running:
    """What lives from start to stop: hub, feed and a small pool."""

    def __init__(self, settings: Settings) -> None:
        url = libpq_url(settings.database_url)
        origin = urlsplit(settings.public_url)
        self.public_url = settings.public_url
        self.origins = frozenset({f"{origin.scheme}://{origin.netloc}", *settings.cors_origins})
        self.hub = Hub()
        self.pool: AsyncConnectionPool[Connection] = AsyncConnectionPool(
            url,
            kwargs=connection_options(),
            min_size=1,
            max_size=POOL_SIZE,
            timeout=POOL_WAIT_S,
            configure=configure,
            check=AsyncConnectionPool.check_connection,
            open=False,
            name="live",
        )
        self.feed = Feed(url, self.hub, on_return=self.pool.check)
        self.opening = 0

    async def start(self) -> None:
        """Begin to follow the table; the database may come later."""
        await self.pool.open(wait=False)
        loop = asyncio.get_running_loop()
        on_stop_signal(lambda: loop.call_soon_threadsafe(self.hub.end))
        self._following = asyncio.create_task(self.feed.run(), name="live-feed")
        self._following.add_done_callback(self._on_feed_end)

    async def stop(self) -> None:
        """Let go of listeners and database."""
        self.hub.end()
        self._following.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self._following
        await self.pool.close(timeout=1)

    def _on_feed_end(self, task: asyncio.Task[None]) -> None:
        """Rather no stream than one that stays silent: the feed outlives the database, but not a mistake of ours."""
        if task.cancelled() or (error := task.exception()) is None:
            return
        log.critical("live feed died", exc_info=error)
        self.hub.end()
        self.hub.position = None


class LiveDoor:
    """The ASGI application. Reads the settings when the server starts it, not before."""

    def __init__(self) -> None:
        self._running: _Running | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection, or the life of the process."""
        if scope["type"] == "lifespan":
            await self._live(receive, send)
        elif scope["type"] == "http":
            await self._answer(_Request.of(scope), receive, send)
        else:
            raise NotImplementedError(scope["type"])

    async def _live(self, receive: Receive, send: Send) -> None:
        await receive()
        try:
            running = self._running = _Running(read_settings())
        except SettingsError as error:
            await send({"type": "lifespan.startup.failed", "message": error.message})
            return
        await running.start()
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await running.stop()
        await send({"type": "lifespan.shutdown.complete"})

    async def _answer(self, request: _Request, receive: Receive, send: Send) -> None:
        running = self._running
        if running is None:
            raise RuntimeError("the server has to speak the ASGI lifespan protocol")
        cors = _cors(running, request)
        try:
            if _route(request) == "/health":
                await _send_health(running, send)
                return
            listener, opening = await _open(running, request)
        except _Refused as refused:
            accept = request.header(b"accept-language")
            headers, body = render(refused.refusal, accept_language=accept, public_url=running.public_url)
            await _send_whole(send, refused.refusal.status, [*headers, *cors], body)
            return
        try:
            await _stream(listener, opening, cors, receive, send)
        finally:
            running.hub.leave(listener)


def _route(request: _Request) -> str:
    if request.path not in {"/live", "/health"}:
        raise _Refused(ROUTE_NOT_FOUND)
    if request.method != "GET":
        raise _Refused(METHOD_NOT_ALLOWED)
    return request.path


async def _open(running: _Running, request: _Request) -> tuple[Listener, bytes]:
    """Redeem the ticket and join; return the listener and the frames that come before what it will take."""
    if len(running.hub) + running.opening >= STREAMS_MAX:
        raise _Refused(TOO_MANY_STREAMS)
    if running.hub.position is None:
        raise _Refused(DATABASE_UNAVAILABLE)
    running.opening += 1
    try:
        async with running.pool.connection() as connection:
            topics = await redeem(connection, request.param("ticket"))
            if topics is None:
                raise _Refused(TICKET_REFUSED)
            if running.hub.audience(topics) >= AUDIENCE_MAX:
                raise _Refused(TOO_MANY_STREAMS)
            return await _join(running.hub, connection, topics, request.last_event_id)
    except (DatabaseError, PoolTimeout) as error:
        log.warning("live stream not opened", error=type(error).__name__)
        raise _Refused(DATABASE_UNAVAILABLE) from None
    finally:
        running.opening -= 1


async def _join(hub: Hub, connection: Connection, topics: list[str], last_event_id: str) -> tuple[Listener, bytes]:
    """Join first and read second: what is handed out meanwhile waits in the queue, nothing falls between the two."""
    position = hub.position or 0
    if not last_event_id:
        return hub.join(topics, position), HELLO
    after = int(last_event_id) if last_event_id.isdecimal() and len(last_event_id) < len(str(2**63)) else -1
    # Another process may have been ahead of this one: what the listener had from there is not told again.
    until = max(position, after)
    listener = hub.join(topics, until)
    try:
        missed = await read_missed(connection, topics, after=after, until=until)
    except BaseException:
        hub.leave(listener)
        raise
    if not missed.is_whole:
        listener.resync(hub.position or 0, ResyncReason.GONE)
    return listener, HELLO + b"".join(event.as_frame() for event in missed.events)


async def _stream(listener: Listener, opening: bytes, cors: Headers, receive: Receive, send: Send) -> None:
    """Send what the listener gets until it is over, the client goes away or the hour is up.

    A client that has stopped reading blocks the sending; once its listener is over, that is canceled after a while.
    """
    headers = [
        (b"content-type", b"text/event-stream; charset=utf-8"),
        (b"cache-control", b"no-store"),
        (b"x-accel-buffering", b"no"),
        *cors,
    ]
    loop = asyncio.get_running_loop()
    hour = loop.call_later(STREAM_S_MAX, listener.end)
    sending = asyncio.create_task(_send_frames(listener, opening, headers, send))
    going = asyncio.create_task(_until_gone(receive))
    listener.on_end = lambda: loop.call_later(LINGER_S, sending.cancel)
    try:
        await asyncio.wait({sending, going}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        hour.cancel()
        going.cancel()
        sending.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await sending


async def _send_frames(listener: Listener, opening: bytes, headers: Headers, send: Send) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": opening, "more_body": True})
    while True:
        try:
            async with asyncio.timeout(KEEP_ALIVE_S):
                frames = await listener.take()
        except TimeoutError:
            frames = KEEP_ALIVE
        if frames is None:
            break
        await send({"type": "http.response.body", "body": frames, "more_body": True})
    await send({"type": "http.response.body", "body": b"", "more_body": False})


async def _until_gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


async def _send_health(running: _Running, send: Send) -> None:
    is_well = running.feed.is_connected
    state = {
        "status": "ok" if is_well else "database_unavailable",
        "position": running.hub.position,
        "streams": len(running.hub),
    }
    body = orjson.dumps(state)
    await _send_whole(send, 200 if is_well else 503, [(b"content-type", b"application/json")], body)


async def _send_whole(send: Send, status: int, headers: Headers, body: bytes) -> None:
    headers = [*headers, (b"content-length", str(len(body)).encode()), (b"cache-control", b"no-store")]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body, "more_body": False})


def _cors(running: _Running, request: _Request) -> Headers:
    """Let the pages of the public address and of the origins in the settings, and no others, read the answer."""
    vary = [(b"vary", b"Origin")]
    origin = request.header(b"origin")
    if origin not in running.origins:
        return vary
    return [(b"access-control-allow-origin", origin.encode("latin-1")), *vary]
