"""The promise: drawn from what is known, kept by four of five."""

from __future__ import annotations

from random import Random

import pytest

from app.core.dispatch.promise import PREPARATION_PRIOR_S, PromiseBook, kept, quantile


def test_where_nothing_is_known_the_prior_is_promised() -> None:
    promise = PromiseBook().promise("shop", 300, 240)

    assert promise.earliest_s < PREPARATION_PRIOR_S + 540 < promise.latest_s


def test_a_shop_is_drawn_to_all_the_more_the_less_is_known_of_it() -> None:
    book = PromiseBook()
    for _ in range(50):
        book.ready("quick", 300)
    book.ready("slow", 1800)

    once = book.usual_s("slow", 0, 0)
    for _ in range(20):
        book.ready("slow", 1800)

    assert book.usual_s("quick", 0, 0) < 400
    assert 300 < once < 700
    assert 1400 < book.usual_s("slow", 0, 0) < 1800


def test_the_latest_time_follows_what_orders_took_lately() -> None:
    book = PromiseBook()
    before = book.promise("shop", 0, 0)
    for _ in range(200):
        book.delivered(1000, 2200)

    after = book.promise("shop", 0, 0)

    assert after.latest_s == after.earliest_s == PREPARATION_PRIOR_S + 1200
    assert after.latest_s > before.latest_s


@pytest.mark.parametrize("seed", range(5))
def test_of_an_invented_day_four_of_five_are_kept(seed: int) -> None:
    random = Random(seed)
    orders = []
    for place in range(600):
        placed = 36_000 + 30 * place
        ready = placed + int(random.lognormvariate(6.6, 0.4))
        delivered = ready + 240 + 400 + int(random.expovariate(1 / 200))
        orders.append((place % 20, placed, ready, delivered, 400, 240))

    share = kept(orders)

    assert share is not None
    assert 0.75 <= share <= 0.85


def test_of_no_orders_none_is_kept() -> None:
    assert kept([]) is None


def test_a_quantile_lies_between_its_neighbors() -> None:
    assert quantile([1, 2, 4], 0.75) == 3
    assert quantile([5], 0.8) == 5
