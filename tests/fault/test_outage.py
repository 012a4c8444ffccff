from __future__ import annotations

from typing import TYPE_CHECKING

from tests.drills.outage import WAYS, outage
from tests.factories.rows import change

if TYPE_CHECKING:
    from flask import Flask

    from tests.support.business_clock import BusinessClock


def test_a_worker_that_was_down_for_an_hour_catches_up_in_order_and_once(app: Flask, clock: BusinessClock) -> None:
    change("DELETE FROM timers")  # what other tests left half made
    ended = outage(app, clock, orders=2 * len(WAYS))

    assert set(ended.values()) == {2}
