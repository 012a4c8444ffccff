"""A price that moves in the instant in which an alert is set is told all the same: real threads, real commits."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any

from sqlalchemy import text

from app.kernel.transaction import transaction
from app.usecases.finding import price_alerts
from app.usecases.finding.price_alerts import look_at_moved_prices, set_price_alert
from tests.factories import a_merchant_with_shop, a_resident, an_address, an_offer
from tests.factories.products import a_product
from tests.factories.rows import look
from tests.support.sandbox_gateway import wait_until

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from uuid import UUID

    import pytest
    from flask import Flask

    from tests.factories import Offer, Person

WAIT_S = 60


@contextmanager
def under_way(app: Flask, act: Callable[[threading.Event], object], *, until: threading.Event) -> Iterator[None]:
    """Let ``act`` run in a thread up to where it sets ``until``; it may end when the block does, and has then ended.

    What ``act`` is given to wait for is set at the end of the block.
    """
    may_end = threading.Event()

    def run() -> None:
        with app.app_context():
            act(may_end)

    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(run)
        assert until.wait(WAIT_S)
        try:
            yield
        finally:
            may_end.set()
        running.result(WAIT_S)


@contextmanager
def price_under_way(app: Flask, offer: Offer, price_fen: int) -> Iterator[None]:
    """Move a price in a transaction that is committed at the end of the block."""
    is_moved = threading.Event()

    def move(may_end: threading.Event) -> None:
        with transaction() as tx:
            tx.execute(text("UPDATE skus SET price_fen = :p WHERE sku_id = :id"), {"p": price_fen, "id": offer.sku_id})
            is_moved.set()
            assert may_end.wait(WAIT_S)

    with under_way(app, move, until=is_moved):
        yield


def told(person: Person) -> list[Any]:
    """Return what the worker tells them now, and has told them before."""
    while look_at_moved_prices():
        pass
    rows = look("SELECT was_fen, price_fen FROM price_notices WHERE account_id = :id", id=person.account_id)
    return [tuple(row) for row in rows]


def told_at_last(person: Person) -> Any:
    """Return what they are told when transactions of the server's other databases have ended, too."""
    return wait_until(lambda: told(person))


def a_watcher_to_be() -> tuple[Offer, UUID, Person, UUID]:
    shop, product, person = a_merchant_with_shop(), a_product(), a_resident()
    offer = an_offer(shop, price_fen=900, sku={"standard_product_id": product})
    return offer, product, person, an_address(person, near=shop)


def test_a_fall_that_was_under_way_when_the_alert_was_set_is_told(app: Flask) -> None:
    offer, product, person, address = a_watcher_to_be()

    with price_under_way(app, offer, 700):
        alert = set_price_alert(person.actor, product_id=product, address_id=address, target_fen=None)
        too_early = told(person)

    assert (alert.last_fen, too_early) == (900, [])
    assert told_at_last(person) == [(900, 700)]


def test_a_fall_that_began_while_the_alert_was_being_set_and_ended_after_it_is_told(
    app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    offer, product, person, address = a_watcher_to_be()
    has_looked, lowest = threading.Event(), price_alerts._lowest

    def setting(may_end: threading.Event) -> None:
        def look_and_wait(*asked: Any) -> Any:
            found = lowest(*asked)
            has_looked.set()
            assert may_end.wait(WAIT_S)
            return found

        with monkeypatch.context() as patched:
            patched.setattr(price_alerts, "_lowest", look_and_wait)
            set_price_alert(person.actor, product_id=product, address_id=address, target_fen=None)

    with ExitStack() as being_set:
        being_set.enter_context(under_way(app, setting, until=has_looked))
        with price_under_way(app, offer, 700):
            being_set.close()
            too_early = told(person)

    assert too_early == []
    assert told_at_last(person) == [(900, 700)]
