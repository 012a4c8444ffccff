"""An open stream never ends by itself, and a server told to stop waits for what is open: so both are to be told."""

import signal
import threading
from collections.abc import Callable
from types import FrameType


def on_stop_signal(act: Callable[[], object]) -> None:
    """Do ``act`` when the process is told to stop, before what the server does about it, which stays as it is.

    An event loop hears of signals by its wake-up descriptor, so a handler set here does not take the signal from it;
    a handler that was set by :func:`signal.signal` is called. Outside the main thread nothing can be, and is, set.
    """
    if threading.current_thread() is not threading.main_thread():
        return
    for number in (signal.SIGTERM, signal.SIGINT):
        _add(number, act)


def _add(number: signal.Signals, act: Callable[[], object]) -> None:
    before = signal.getsignal(number)

    def handle(received: int, frame: FrameType | None) -> None:
        act()
        if callable(before):
            before(received, frame)

    signal.signal(number, handle)
