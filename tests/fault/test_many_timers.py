from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from app.worker.timers import BACKLOG, run_due_timers, run_new_timers
from tests.drills.flood import NEW, OLD, write_timers
from tests.factories.rows import change
from tests.support.worker import run_worker

if TYPE_CHECKING:
    from collections.abc import Iterator
    from uuid import UUID

    from flask import Flask

    from app.kernel.transaction import Transaction


@pytest.fixture
def tried(app: Flask) -> Iterator[list[str]]:
    """The kinds of timers in the order in which they were tried."""
    run_worker(app)
    yield []
    change("DELETE FROM timers WHERE kind IN (:old, :new)", old=OLD, new=NEW)


def hand(tried: list[str], kind: str) -> object:
    def handle(_tx: Transaction, _subject_id: UUID) -> None:
        tried.append(kind)

    return handle


def test_what_is_due_now_does_not_stand_behind_very_many_that_were_due_before(tried: list[str]) -> None:
    handlers = {kind: hand(tried, kind) for kind in (OLD, NEW)}
    write_timers(OLD, BACKLOG, ago="1 hour")
    write_timers(NEW, 2)

    done = run_new_timers(handlers)  # type: ignore[arg-type]
    first = list(tried)
    run_due_timers(handlers)  # type: ignore[arg-type]

    assert (done, first) == (2, [NEW, NEW])
    assert set(tried[2:]) == {OLD}


def test_without_a_backlog_the_second_hand_leaves_everything_to_the_first(tried: list[str]) -> None:
    handlers = {kind: hand(tried, kind) for kind in (OLD, NEW)}
    write_timers(OLD, BACKLOG - 1, ago="1 hour")
    write_timers(NEW, 1)

    assert run_new_timers(handlers) == 0  # type: ignore[arg-type]
    assert tried == []
