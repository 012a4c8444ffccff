"""Batches: who comes meanwhile is in the next one; each gets its own answer, and nobody waits for a crowd."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import pytest

from app.kernel import batching, concurrency
from app.kernel.batching import ALONE, Batcher, Scattered
from app.kernel.concurrency import Places, set_aside
from app.kernel.errors import Busy

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

PATIENCE_S = 60.0


class Counter:
    """A batcher that doubles numbers, whose batches are looked at."""

    def __init__(
        self, batch: Callable[[Sequence[int]], Sequence[object]], *, most: int = 8, linger_s: float = 0.0
    ) -> None:
        self.batches: list[list[int]] = []
        self.alone: list[int] = []
        self.answers: dict[int, object] = {}
        self._batch = batch
        self._batcher: Batcher[int, int] = Batcher(self._do, alone=self._one, most=most, linger_s=linger_s)  # type: ignore[arg-type]

    def _do(self, asks: Sequence[int]) -> Sequence[object]:
        self.batches.append(list(asks))
        return self._batch(asks)

    def _one(self, ask: int) -> int:
        self.alone.append(ask)
        return 2 * ask

    def ask(self, number: int, *, key: object = None) -> None:
        """Ask, and note what came of it."""
        try:
            self.answers[number] = self._batcher.ask(number, key=key)
        except Exception as error:  # noqa: BLE001 - it is what is looked at
            self.answers[number] = error

    def begin_to_ask(self, numbers: Sequence[int]) -> list[threading.Thread]:
        """Have all of ``numbers`` wait for a batch; return their threads."""
        queue = self._batcher._waiting.setdefault(None, [])
        threads = []
        for number in numbers:
            threads.append(threading.Thread(target=self.ask, args=(number,)))
            threads[-1].start()
            while len(queue) < len(threads):
                pass
        return threads

    def ask_together(self, numbers: Sequence[int]) -> None:
        """Ask all of ``numbers`` while a batch before them is still being done."""
        threads = self.begin_to_ask(numbers)
        self._batcher._waiting[None].pop(0).bell.release()
        for thread in threads:
            thread.join(PATIENCE_S)
        assert not any(thread.is_alive() for thread in threads)
        assert self._batcher._waiting == {}


def doubled(asks: Sequence[int]) -> Sequence[object]:
    return [2 * ask for ask in asks]


def test_one_that_comes_by_itself_is_done_at_once_and_alone() -> None:
    counter = Counter(doubled)
    counter.ask(7)
    assert (counter.answers, counter.alone, counter.batches) == ({7: 14}, [7], [])


def test_those_who_come_meanwhile_are_done_together_at_most_so_many_in_their_order() -> None:
    counter = Counter(doubled, most=4)
    counter.ask_together(range(10))
    assert counter.batches == [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9]]
    assert counter.answers == {number: 2 * number for number in range(10)}
    assert counter.alone == []


def test_each_gets_its_own_answer_its_own_refusal_or_is_left_alone() -> None:
    refusal = ValueError("two")
    counter = Counter(lambda _asks: [2, refusal, ALONE])
    counter.ask_together([1, 2, 3])
    assert counter.answers == {1: 2, 2: refusal, 3: 6}
    assert counter.alone == [3]


def test_who_leads_lingers_while_others_have_been_met(monkeypatch: pytest.MonkeyPatch) -> None:
    counter = Counter(doubled, linger_s=0.01)
    lingered, threads = list[float](), list[threading.Thread]()

    def sleep(seconds: float) -> None:
        lingered.append(seconds)
        threads.extend(counter.begin_to_ask([7, 8]))

    counter.ask(1)
    counter.ask_together([2, 3, 4])
    monkeypatch.setattr("app.kernel.batching.time.sleep", sleep)
    counter.ask(6)
    for thread in threads:
        thread.join(PATIENCE_S)
    assert (counter.batches[-1], lingered) == ([6, 7, 8], [0.01])

    counter._batcher._met_at -= 1
    counter.ask(9)
    assert (counter.alone[-1], lingered) == (9, [0.01])


@pytest.mark.parametrize("error", [Scattered(), RuntimeError("the server is gone")])
def test_a_batch_that_fails_leaves_each_alone(error: Exception) -> None:
    def fail(_asks: Sequence[int]) -> Sequence[object]:
        raise error

    counter = Counter(fail)
    counter.ask_together([1, 2, 3])
    assert counter.answers == {1: 2, 2: 4, 3: 6}
    assert sorted(counter.alone) == [1, 2, 3]


def test_a_batch_that_answers_too_few_leaves_each_alone_and_keeps_nobody_waiting() -> None:
    counter = Counter(lambda asks: [2 * ask for ask in asks[1:]])
    counter.ask_together([1, 2, 3])
    assert counter.answers == {1: 2, 2: 4, 3: 6}


def test_who_waits_too_long_is_told_and_is_in_no_batch(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batching, "WAIT_S_MAX", 0.01)
    counter = Counter(doubled)
    queue = counter._batcher._waiting.setdefault(None, [])
    counter.ask(1)
    assert isinstance(counter.answers[1], Busy)
    assert queue == []


def test_keys_do_not_wait_for_each_other() -> None:
    counter = Counter(doubled)
    counter._batcher._waiting["busy"] = []
    counter.ask(5, key="free")
    assert counter.answers == {5: 10}


def test_who_waits_gives_its_place_up_and_gets_one_back() -> None:
    places = Places(1)
    order: list[str] = []
    may_end = threading.Event()

    def wait() -> None:
        places.take()
        order.append("begins to wait")
        with set_aside():
            assert may_end.wait(PATIENCE_S)
        order.append("goes on")
        places.give_back()

    waiting = threading.Thread(target=wait)
    waiting.start()
    while not order:
        pass
    places.take()
    order.append("is let in")
    may_end.set()
    order.append("ends")
    places.give_back()
    waiting.join(PATIENCE_S)
    assert order == ["begins to wait", "is let in", "ends", "goes on"]


def test_who_waits_for_a_place_in_vain_is_told_so() -> None:
    places = Places(1)
    assert places.take(wait_s=0.01)
    refused: list[bool] = []
    thread = threading.Thread(target=lambda: refused.append(not places.take(wait_s=0.01)))
    thread.start()
    thread.join(PATIENCE_S)
    assert refused == [True]


def test_who_gets_no_place_again_in_time_goes_on_without_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(concurrency, "WAIT_AGAIN_S_MAX", 0.01)
    places = Places(1)
    assert places.take()
    with set_aside():
        keeper = threading.Thread(target=places.take)
        keeper.start()
        keeper.join(PATIENCE_S)
    places.give_back()
    assert not places.take(wait_s=0.01), "a place came into being"
