"""The process: one server, a thread per connection, HTTP/1.1 kept alive; everything in it dies with one ``kill -9``."""

import io
import re
import signal
import socketserver
import sys
import threading
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler
from typing import Any
from urllib.parse import unquote_to_bytes

from flask import Flask

from app.adapters.sandbox_gateway import api, pages
from app.adapters.sandbox_gateway.faults import Dice
from app.adapters.sandbox_gateway.moves import Moves
from app.adapters.sandbox_gateway.options import Options
from app.adapters.sandbox_gateway.store import Rows, Store
from app.adapters.sandbox_gateway.timers import Timers
from app.adapters.sandbox_gateway.webhooks import Notifier

BODY_BYTES_MAX = 256 * 1024
IDLE_S = 60.0
SWITCH_S = 0.001


class Gateway:
    """The sandbox, put together: store, hands, notices, timers and doors."""

    def __init__(self, options: Options) -> None:
        self.store = Store(options.data)
        life = self.store.write(_count_life)
        dice = Dice(options.faults, f"{options.seed}:{life}")
        moves = Moves(options=options, dice=dice, clock=time.time)
        self.notifier = Notifier(self.store, options)
        self.timers = Timers(self.store, moves)
        self.app = Flask(__name__)
        self.app.config["MAX_CONTENT_LENGTH"] = self.app.config["MAX_FORM_MEMORY_SIZE"] = BODY_BYTES_MAX
        self.app.register_blueprint(api.Door(self.store, moves, dice, options.secret_key).blueprint())
        self.app.register_blueprint(pages.blueprint(self.store, moves, dice))

    def start(self) -> None:
        """Begin what happens by itself."""
        self.notifier.start()
        self.timers.start()

    def stop(self) -> None:
        """End in order; what is owed stays in the store."""
        self.timers.stop()
        self.notifier.stop()
        self.store.close()


class Server(socketserver.ThreadingTCPServer):
    """Listens, one thread per connection; the threads die with the process."""

    allow_reuse_address = True
    daemon_threads = True
    request_queue_size = 256

    def __init__(self, address: tuple[str, int], app: Flask) -> None:
        self.app = app
        super().__init__(address, Handler)

    def handle_error(self, request: object, client_address: object) -> None:
        """Stay silent about clients that went away; show everything else."""
        if not isinstance(sys.exception(), ConnectionError | TimeoutError):
            super().handle_error(request, client_address)  # type: ignore[arg-type]


class Handler(BaseHTTPRequestHandler):
    """HTTP/1.1 over WSGI: keeps connections, as Werkzeug's server does not, and can lose a reply, as none can.

    Bodies come with a length, of at most ``BODY_BYTES_MAX``; there is nothing else among this gateway's callers.
    """

    protocol_version = "HTTP/1.1"
    timeout = IDLE_S
    disable_nagle_algorithm = True
    wbufsize = -1
    server: Server

    def answer(self) -> None:
        """Read the request whole, ask the application, and write its answer, or close the connection instead."""
        length = self.headers.get("Content-Length", "0")
        if "Transfer-Encoding" in self.headers or not re.fullmatch(r"[0-9]{1,9}", length, re.ASCII):
            self.send_error(411)
            self.close_connection = True
            return
        if int(length) > BODY_BYTES_MAX:
            self.send_error(413)
            self.close_connection = True
            return
        environ = self._environ(self.rfile.read(int(length)))
        head: list[Any] = []

        def start_response(status: str, headers: list[tuple[str, str]], _: object = None) -> Callable[[bytes], object]:
            head[:] = status, headers
            return self.wfile.write

        chunks = self.server.app(environ, start_response)
        body = b"".join(chunks)
        if environ.get(api.LOST):
            self.close_connection = True
            return
        status, headers = head
        self.send_response(int(status[:3]), status[4:])
        for name, value in headers:
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    do_DELETE = do_GET = do_HEAD = do_POST = do_PUT = answer  # noqa: N815 - the names that http.server looks for

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """Stay silent: the recent page shows what happened."""

    def version_string(self) -> str:
        """Name the server without its versions."""
        return "linli-sandbox"

    def _environ(self, body: bytes) -> dict[str, Any]:
        """Return the request as PEP 3333 wants it."""
        path, _, query = self.path.partition("?")
        host, port = self.server.server_address[:2]
        environ: dict[str, Any] = {
            "REQUEST_METHOD": self.command,
            "SCRIPT_NAME": "",
            "PATH_INFO": unquote_to_bytes(path).decode("latin-1"),
            "QUERY_STRING": query,
            "SERVER_NAME": str(host),
            "SERVER_PORT": str(port),
            "SERVER_PROTOCOL": self.request_version,
            "REMOTE_ADDR": self.client_address[0],
            "CONTENT_TYPE": self.headers.get("Content-Type", ""),
            "CONTENT_LENGTH": str(len(body)),
            "wsgi.version": (1, 0),
            "wsgi.url_scheme": "http",
            "wsgi.input": io.BytesIO(body),
            "wsgi.errors": sys.stderr,
            "wsgi.multithread": True,
            "wsgi.multiprocess": False,
            "wsgi.run_once": False,
        }
        for name, value in self.headers.items():
            variable = "HTTP_" + name.upper().replace("-", "_")
            if "_" not in name and variable not in ("HTTP_CONTENT_TYPE", "HTTP_CONTENT_LENGTH"):
                environ[variable] = value
        return environ


def serve(options: Options) -> None:
    """Run until SIGTERM or SIGINT.

    :raises OSError: the port is in use.
    """
    # Many short turns between the connections and the writer: do not let one thread hold the interpreter for long.
    sys.setswitchinterval(SWITCH_S)
    gateway = Gateway(options)
    server = Server((options.host, options.port), gateway.app)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: threading.Thread(target=server.shutdown).start())
    gateway.start()
    try:
        server.serve_forever(poll_interval=0.1)
    finally:
        server.server_close()
        gateway.stop()


def _count_life(rows: Rows) -> int:
    """Count the starts of this store, so that every life throws its own dice."""
    found: int = rows.connection.execute(
        "INSERT INTO counter (name, value) VALUES ('life', 1)"
        " ON CONFLICT (name) DO UPDATE SET value = value + 1 RETURNING value"
    ).fetchone()[0]
    return found
