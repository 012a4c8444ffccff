"""``python -m app.worker``: relay, reactions, timers, dispatch, sweeps and jobs, a thread each. Stops on a signal."""

import signal
import sys
import threading
import time
from collections.abc import Callable, Sequence
from functools import partial

import structlog
from flask import Flask

from app import create_app
from app.settings import SettingsError, read_settings
from app.usecases.attributing.refresh import refresh_figures
from app.usecases.dispatching.measure_promises import measure_promises
from app.usecases.dispatching.take_back import look_after_shifts
from app.usecases.dispatching.tick import dispatch_zones
from app.usecases.finding.price_alerts import look_at_moved_prices
from app.usecases.finding.read_names import read_names
from app.usecases.operating.flags import watch_acts
from app.usecases.operating.work import escalate_work
from app.usecases.proving.photos import remove_erased, remove_unnamed
from app.usecases.settling.settle import SETTLERS
from app.wiring import DISPATCH_POLICY, REACTIONS, TIMERS, gateway_of
from app.worker.bank import bank_work
from app.worker.bills import bill_work
from app.worker.fund import fund_work
from app.worker.jobs import make_jobs, run_jobs
from app.worker.money import watch_of
from app.worker.relay import react_batch, relay_batch
from app.worker.sweeps import ask_again, forget_old, save_due, seal_acts, settle_due
from app.worker.timers import run_due_timers, run_new_timers

RELAY_S = 0.1
TIMERS_S = 0.2
SWEEP_S = 2.0
SAVE_S = 30.0
SILENCE_S = 10.0
PROMISES_S = 120.0
BANK_S = 5.0
BILLS_S = 5.0
FIGURES_S = 60.0
FUND_S = 5.0
ESCALATE_S = 60.0
FLAGS_S = 60.0
WATCH_S = 60.0
ASK_S = 15.0
FORGET_S = 600.0
READ_NAMES_S = 0.5
MOVED_PRICES_S = 2.0
FAILURE_WAIT_S = 2.0
LEAVE_S = 8.0
"""How long all threads together have to finish what they are at; then it is rolled back, as after a crash."""

log = structlog.get_logger()


def leave(threads: Sequence[threading.Thread], within_s: float) -> None:
    """Wait for all threads at once, ``within_s`` seconds in all."""
    until = time.monotonic() + within_s
    for thread in threads:
        thread.join(timeout=max(0.0, until - time.monotonic()))


def _loop(app: Flask, stop: threading.Event, act: Callable[[], int | None], pause_s: float) -> None:
    """Do ``act`` until stopped; pause when it found nothing; survive a database that is away."""
    while not stop.is_set():
        try:
            with app.app_context():
                found = act()
        except Exception as error:  # noqa: BLE001 - the edge: the worker outlives any single failure
            log.warning("worker step failed", step=getattr(act, "__name__", "?"), error=type(error).__name__)
            stop.wait(FAILURE_WAIT_S)
            continue
        if not found:
            stop.wait(pause_s)


def _forget(app: Flask) -> None:
    forget_old()
    remove_unnamed(app.extensions["linli_pictures"])
    remove_erased(app.extensions["linli_pictures"])  # more than a batch is removed in the next rounds


def _dispatch() -> None:
    dispatch_zones(DISPATCH_POLICY)  # what it offered waits for an answer: it always pauses


def _dispatching(app: Flask, stop: threading.Event, every_s: int) -> list[threading.Thread]:
    """Return the thread that dispatches; none where another worker is to do it."""
    return [threading.Thread(target=_loop, args=(app, stop, _dispatch, every_s), name="dispatch")] if every_s else []


def _keep_running_jobs(app: Flask, stop: threading.Event, conninfo: str) -> None:
    while not stop.is_set():
        try:
            run_jobs(make_jobs(app, gateway_of(app), conninfo), stop)
        except Exception as error:  # noqa: BLE001 - the edge: the database may be away for a while
            log.warning("jobs interrupted", error=type(error).__name__)
            stop.wait(FAILURE_WAIT_S)


def main() -> int:
    """Run until a signal comes."""
    settings = read_settings()
    app = create_app(settings)
    stop = threading.Event()
    for name in (signal.SIGTERM, signal.SIGINT):
        signal.signal(name, lambda *_: stop.set())

    def relay() -> int:
        return relay_batch(REACTIONS) + react_batch(REACTIONS)

    def timers() -> int:
        return run_due_timers(TIMERS)

    def asking() -> None:
        ask_again()  # what it found is under way, not done: it always pauses

    def figures() -> None:
        refresh_figures()  # what it made anew is right until something happens: it always pauses

    def promises() -> None:
        measure_promises()  # what it measured does not run out at once: it always pauses

    conninfo = settings.database_url.replace("postgresql+psycopg://", "postgresql://")
    threads = [
        threading.Thread(target=_loop, args=(app, stop, relay, RELAY_S), name="relay"),
        threading.Thread(target=_loop, args=(app, stop, timers, TIMERS_S), name="timers"),
        threading.Thread(target=_loop, args=(app, stop, partial(run_new_timers, TIMERS), TIMERS_S), name="new timers"),
        *(
            threading.Thread(target=_loop, args=(app, stop, settle_due, SWEEP_S), name=f"settlement {number}")
            for number in range(SETTLERS)
        ),
        *_dispatching(app, stop, settings.dispatch_s),
        threading.Thread(target=_loop, args=(app, stop, save_due, SAVE_S), name="saving"),
        threading.Thread(target=_loop, args=(app, stop, look_after_shifts, SILENCE_S), name="silence"),
        threading.Thread(target=_loop, args=(app, stop, escalate_work, ESCALATE_S), name="escalation"),
        threading.Thread(target=_loop, args=(app, stop, watch_acts, FLAGS_S), name="audit flags"),
        threading.Thread(target=_loop, args=(app, stop, figures, FIGURES_S), name="figures"),
        threading.Thread(target=_loop, args=(app, stop, promises, PROMISES_S), name="promises"),
        threading.Thread(target=_loop, args=(app, stop, asking, ASK_S), name="asking"),
        threading.Thread(target=_loop, args=(app, stop, watch_of(app, settings), WATCH_S), name="watch"),
        threading.Thread(target=_loop, args=(app, stop, bank_work(settings), BANK_S), name="bank"),
        threading.Thread(target=_loop, args=(app, stop, bill_work(app), BILLS_S), name="bills"),
        threading.Thread(target=_loop, args=(app, stop, fund_work(settings), FUND_S), name="fund"),
        threading.Thread(target=_loop, args=(app, stop, seal_acts, SWEEP_S), name="audit"),
        threading.Thread(target=_loop, args=(app, stop, read_names, READ_NAMES_S), name="readings"),
        threading.Thread(target=_loop, args=(app, stop, look_at_moved_prices, MOVED_PRICES_S), name="price alerts"),
        threading.Thread(target=_loop, args=(app, stop, partial(_forget, app), FORGET_S), name="retention"),
        threading.Thread(target=_keep_running_jobs, args=(app, stop, conninfo), name="jobs"),
    ]
    for thread in threads:
        thread.daemon = True
        thread.start()
    log.info("worker runs")
    while not stop.is_set():
        time.sleep(0.2)
    leave(threads, LEAVE_S)
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except SettingsError as error:
        sys.exit(error.message)
