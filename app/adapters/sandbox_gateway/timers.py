"""What the gateway does by itself when time passes.

Codes expire, pending refunds end and some come back, disputes that nobody answered are lost, old keys are forgotten.
"""

import threading
import time

from app.adapters.sandbox_gateway.moves import Moves
from app.adapters.sandbox_gateway.store import Rows, Store
from app.core.payments.ports import KEY_LIFETIME_S

TICK_S = 0.2
BATCH = 50


class Timers:
    """A thread that looks, every ``TICK_S``, for objects that are due."""

    def __init__(self, store: Store, moves: Moves) -> None:
        self._store, self._moves = store, moves
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="timers", daemon=True)

    def start(self) -> None:
        """Begin to look."""
        self._thread.start()

    def stop(self) -> None:
        """Stop looking."""
        self._stopped.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._stopped.wait(TICK_S):
            due = self._store.read().connection.execute(
                "SELECT 1 FROM thing WHERE due_at <= ? UNION ALL SELECT 1 FROM answer WHERE stored_at < ? LIMIT 1",
                (time.time(), time.time() - KEY_LIFETIME_S),
            )
            if due.fetchone() is not None:
                self._store.write(self._turn)

    def _turn(self, rows: Rows) -> None:
        now = time.time()
        rows.connection.execute("DELETE FROM answer WHERE stored_at < ?", (now - KEY_LIFETIME_S,))
        due = rows.connection.execute(
            "SELECT id, kind FROM thing WHERE due_at <= ? ORDER BY due_at LIMIT ?", (now, BATCH)
        ).fetchall()
        for thing_id, kind in due:
            if kind == "payment_intent":
                self._moves.refuse(rows, thing_id, code="payment_intent_payment_attempt_expired")
            elif kind == "dispute":
                self._moves.let_lapse(rows, thing_id)
            else:
                self._moves.end_refund(rows, thing_id)
