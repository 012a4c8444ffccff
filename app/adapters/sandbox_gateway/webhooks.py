"""Notices: signed, sent at least once, tried again with back-off until a 2xx or the horizon.

What is owed lies in the store, so a crash between sending and noting it sends the same event again; that is
what "at least once" means.
"""

import json
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import requests

from app.adapters.sandbox_gateway.options import Options
from app.adapters.sandbox_gateway.store import Rows, Store
from app.adapters.stripe.signature import sign

SENDERS = 8
TIMEOUT_S = (3.0, 10.0)
POLL_S = 0.05
BACKOFF_FIRST_S = 0.5
BACKOFF_MAX_S = 30.0


def backoff_s(attempts: int) -> float:
    """Return how long to wait after ``attempts`` failures: 0.5, 1, 2 … 30 seconds."""
    return min(BACKOFF_FIRST_S * 2.0 ** min(attempts - 1, 10), BACKOFF_MAX_S)


class Notifier:
    """Sends what is due. Runs from :meth:`start` to :meth:`stop`."""

    def __init__(self, store: Store, options: Options) -> None:
        self._store, self._options = store, options
        self._in_flight: set[int] = set()
        self._lock = threading.Lock()
        self._stopped = threading.Event()
        self._session = requests.Session()
        self._session.trust_env = False
        self._session.mount("http://", requests.adapters.HTTPAdapter(pool_maxsize=SENDERS))
        self._pool = ThreadPoolExecutor(SENDERS, thread_name_prefix="notice")
        self._thread = threading.Thread(target=self._run, name="notifier", daemon=True)

    def start(self) -> None:
        """Begin to send, first what an earlier life still owed."""
        if self._options.webhook_url is not None:
            self._thread.start()

    def stop(self) -> None:
        """Take nothing new, and let what is under way end."""
        self._stopped.set()
        if self._thread.is_alive():
            self._thread.join()
        self._pool.shutdown(cancel_futures=True)
        self._session.close()

    def _run(self) -> None:
        while not self._stopped.wait(POLL_S):
            with self._lock:
                free = 2 * SENDERS - len(self._in_flight)
            due = self._store.read().connection.execute(
                "SELECT id, event_id, first_at, attempts FROM delivery WHERE due_at <= ? ORDER BY due_at LIMIT ?",
                (time.time(), 4 * SENDERS),
            )
            for delivery_id, event_id, first_at, attempts in due.fetchall():
                with self._lock:
                    if free <= 0 or delivery_id in self._in_flight:
                        continue
                    self._in_flight.add(delivery_id)
                free -= 1
                self._pool.submit(self._deliver, delivery_id, event_id, first_at, attempts + 1)

    def _deliver(self, delivery_id: int, event_id: str, first_at: float, attempts: int) -> None:
        try:
            outcome, is_done = self._send(event_id)
            now = time.time()
            is_over = is_done or now - first_at > self._options.retry_horizon_s
            due_at = None if is_over else now + backoff_s(attempts)
            self._store.write(lambda rows: _note(rows, delivery_id, event_id, attempts, due_at, outcome))
        finally:
            with self._lock:
                self._in_flight.discard(delivery_id)

    def _send(self, event_id: str) -> tuple[str, bool]:
        """Post the event as it was recorded; return what came of it, and whether it arrived."""
        event = self._store.read().get(event_id, "event")
        assert event is not None
        assert self._options.webhook_url is not None
        payload = json.dumps(event, ensure_ascii=False, indent=2).encode()
        headers = {
            "Content-Type": "application/json; charset=utf-8",
            "Accept": "*/*; q=0.5, application/xml",
            "Cache-Control": "no-cache",
            "User-Agent": "Stripe/1.0 (+https://stripe.com/docs/webhooks)",
            "Stripe-Signature": sign(payload, secret=self._options.webhook_secret, at_s=int(time.time())),
        }
        try:
            with self._session.post(
                self._options.webhook_url,
                data=payload,
                headers=headers,
                timeout=TIMEOUT_S,
                allow_redirects=False,
                stream=True,
            ) as response:
                # Whatever the body says, the status is the receipt; a short one is read so that the connection
                # can be kept.
                next(response.iter_content(4096), b"")
        except requests.RequestException as error:
            return type(error).__name__, False
        return str(response.status_code), response.ok and not response.is_redirect


def _note(  # noqa: PLR0917 - the columns of the row
    rows: Rows, delivery_id: int, event_id: str, attempts: int, due_at: float | None, outcome: str
) -> None:
    rows.connection.execute(
        "UPDATE delivery SET attempts = ?, due_at = ?, outcome = ? WHERE id = ?",
        (attempts, due_at, outcome, delivery_id),
    )
    owed = rows.connection.execute(
        "SELECT 1 FROM delivery WHERE event_id = ? AND due_at IS NOT NULL LIMIT 1", (event_id,)
    ).fetchone()
    event = rows.get(event_id, "event")
    if owed is None and event is not None:
        event["pending_webhooks"] = 0
        rows.put(event)
