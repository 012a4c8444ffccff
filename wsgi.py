"""The web application for any WSGI server: ``granian --interface wsgi wsgi:app``, ``gunicorn wsgi:app``.

What is alive once the application stands lives as long as the process: the collector need not look at it again, and it
looks less often, for a request leaves few cycles behind. It warms up before it serves.
"""

import gc
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from app import create_app
from app.web.warming import warm_up


@contextmanager
def _signals_end_it() -> Iterator[None]:
    """Let signals end the process at once meanwhile: granian's worker has its parent's handlers until it serves."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.signal(number, signal.SIG_DFL) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


with _signals_end_it():
    gc.disable()
    app = create_app()
    warm_up(app)
    gc.collect()
    gc.freeze()
    gc.set_threshold(10_000, 20, 50)
    gc.enable()
