"""A worker that is told to stop leaves in time, however many of its threads are busy."""

import threading
import time

from app.worker.__main__ import leave


def test_many_busy_threads_are_waited_for_together_and_not_one_after_the_other() -> None:
    free = threading.Event()
    busy = [threading.Thread(target=free.wait, daemon=True) for _ in range(10)]
    for thread in busy:
        thread.start()
    began = time.monotonic()

    leave(busy, within_s=0.2)

    took_s = time.monotonic() - began
    free.set()
    assert 0.2 <= took_s < 1.5


def test_a_thread_that_finishes_meanwhile_is_waited_for() -> None:
    finishing = threading.Thread(target=time.sleep, args=(0.1,), daemon=True)
    finishing.start()

    leave([finishing], within_s=5.0)

    assert not finishing.is_alive()
