"""A shared cart filled, locked and taken at once, with real threads and real commits."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from app.core.sharing.states import SharedCartAction
from app.usecases.sharing.fill import join_shared_cart, link_of, put_in_shared_cart
from app.usecases.sharing.own import move_shared_cart, open_shared_cart, take_shared_cart
from tests.factories import a_claim, a_merchant_with_shop, a_resident, an_offer
from tests.factories.rows import look_one
from tests.factories.sharing import a_shared_cart, locked
from tests.support.races import at_once

if TYPE_CHECKING:
    from collections.abc import Callable

    from flask import Flask


def test_what_is_in_when_the_lock_falls_is_what_is_taken(app: Flask) -> None:
    members = [a_resident() for _ in range(8)]
    shared_cart_id, owner = a_shared_cart(None, *members)
    offer = an_offer(a_merchant_with_shop())
    acts: list[Callable[[], Any]] = [
        partial(
            put_in_shared_cart,
            member.actor,
            shared_cart_id=shared_cart_id,
            sku_id=offer.sku_id,
            quantity=2,
            note=None,
        )
        for member in members
    ]
    lock = partial(
        move_shared_cart, owner.actor, a_claim(owner), shared_cart_id=shared_cart_id, action=SharedCartAction.LOCK
    )

    outcomes = at_once(app, [*acts[:4], lock, *acts[4:]])
    take_shared_cart(owner.actor, a_claim(owner), shared_cart_id=shared_cart_id)

    put_in = sum(outcome.is_done for place, outcome in enumerate(outcomes) if place != 4)
    held = "SELECT coalesce(sum(quantity), 0)::bigint FROM cart_lines WHERE account_id = :id"
    assert outcomes[4].is_done
    assert {outcome.refusal for outcome in outcomes if not outcome.is_done} <= {"shared_cart_locked"}
    assert look_one(held, id=owner.account_id) == 2 * put_in


def test_of_six_takings_at_once_one_fills_the_cart(app: Flask) -> None:
    shared_cart_id, owner = a_shared_cart()
    offer = an_offer(a_merchant_with_shop())
    put_in_shared_cart(owner.actor, shared_cart_id=shared_cart_id, sku_id=offer.sku_id, quantity=3, note=None)
    locked(shared_cart_id, owner)

    outcomes = at_once(
        app,
        [partial(take_shared_cart, owner.actor, a_claim(owner), shared_cart_id=shared_cart_id) for _ in range(6)],
    )

    assert sum(outcome.is_done for outcome in outcomes) == 1
    assert look_one("SELECT quantity FROM cart_lines WHERE account_id = :id", id=owner.account_id) == 3


def test_the_last_place_goes_to_one_and_a_resident_opens_one(app: Flask) -> None:
    shared_cart_id, _ = a_shared_cart(None, *[a_resident() for _ in range(18)])
    opener = a_resident()
    joins = [
        partial(join_shared_cart, a_resident().actor, shared_cart_id=shared_cart_id, link=link_of(shared_cart_id))
        for _ in range(6)
    ]

    joined = at_once(app, joins)
    opened = at_once(app, [partial(open_shared_cart, opener.actor, a_claim(opener)) for _ in range(6)])

    assert sum(outcome.is_done for outcome in joined) == 1
    assert sum(outcome.is_done for outcome in opened) == 1
    assert {outcome.refusal for outcome in opened if not outcome.is_done} == {"shared_cart_open"}
