"""Very many timers are due at once; they are worked off, and what comes due meanwhile does not stand behind them."""

from __future__ import annotations

import threading
from collections import Counter
from functools import partial
from time import monotonic, sleep
from typing import TYPE_CHECKING

from app.kernel.ids import new_id
from app.usecases.ordering.cancel_order import lapse_order
from app.worker.timers import run_due_timers, run_new_timers
from tests.factories.rows import change, look_one

if TYPE_CHECKING:
    from collections.abc import Callable
    from uuid import UUID

    from flask import Flask

    from app.kernel.transaction import Transaction

OLD, NEW = "flood_old", "flood_new"
EVERY_S = 1.0
_WRITE = """
    INSERT INTO timers (kind, subject_id, due_at)
    SELECT :kind, CAST(substr(md5(CAST(:salt AS text) || n), 1, 32) AS uuid), business_now() - CAST(:ago AS interval)
    FROM generate_series(1, :count) AS n
"""


def write_timers(kind: str, count: int, *, ago: str = "0 s") -> None:
    """Write ``count`` timers of ``kind`` that were due ``ago``."""
    change(_WRITE, kind=kind, salt=str(new_id()), ago=ago, count=count)


def flood(app: Flask, *, timers: int, tick: Callable[[], None] = lambda: None) -> Counter[str]:
    """Work ``timers`` off while a new one comes due each second; return how long what took, in milliseconds."""
    write_timers(OLD, timers, ago="1 hour")
    waited: list[float] = []
    begun: dict[str, float] = {}

    def old(tx: Transaction, subject_id: UUID) -> None:
        lapse_order(tx, subject_id)
        tick()

    def new(tx: Transaction, subject_id: UUID) -> None:
        lapse_order(tx, subject_id)
        waited.append(monotonic() - begun.pop(NEW, monotonic()))

    handlers, stop = {OLD: old, NEW: new}, threading.Event()

    def work(run: Callable[[], int]) -> None:
        with app.app_context():
            while not stop.is_set():
                if not run():
                    sleep(0.2)

    hands = [threading.Thread(target=work, args=(partial(run, handlers),)) for run in (run_due_timers, run_new_timers)]
    start = monotonic()
    for hand in hands:
        hand.start()
    while look_one("SELECT count(*) FROM timers WHERE kind = :kind", kind=OLD):
        begun.setdefault(NEW, monotonic())
        write_timers(NEW, 1)
        sleep(EVERY_S)
    took = monotonic() - start
    stop.set()
    for hand in hands:
        hand.join()
    slowest = sorted(waited)
    return Counter(
        {
            "worked off, ms": round(took * 1_000),
            "new ones meanwhile": len(slowest),
            "new ones, median ms": round(slowest[len(slowest) // 2] * 1_000) if slowest else 0,
            "new ones, slowest ms": round(slowest[-1] * 1_000) if slowest else 0,
        }
    )
