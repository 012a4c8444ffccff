"""Reviews at once, with real threads and real commits: each counts once."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from app.core.orders.states import OrderState
from app.usecases.reviewing.answer_review import fold_review, reply_to_review
from app.usecases.reviewing.review_order import OfferStars, review_order
from tests.factories import a_claim, a_merchant_with_shop, an_offer, an_operator
from tests.factories.orders import an_order
from tests.factories.reviews import a_completed_order, a_reviewed_order, complete, counted
from tests.support.races import at_once

if TYPE_CHECKING:
    from collections.abc import Callable

    from flask import Flask


def test_of_eight_reviews_of_one_order_one_is_written(app: Flask) -> None:
    order = a_completed_order()
    buyer = order.resident

    outcomes = at_once(
        app,
        [
            partial(
                review_order,
                buyer.actor,
                a_claim(buyer),
                order_id=order.order_id,
                stars=stars,
                words="",
                offers=[],
                pictures=[],
            )
            for stars in (1, 2, 3, 4, 5, 1, 2, 3)
        ],
    )

    assert sum(outcome.is_done for outcome in outcomes) == 1
    assert {outcome.refusal for outcome in outcomes if not outcome.is_done} == {"review_given"}
    assert counted(order.shop)[0] == 1


def test_reviews_and_foldings_at_once_come_to_what_the_reviews_say(app: Flask) -> None:
    shop, operator = a_merchant_with_shop(), an_operator()
    offers = [an_offer(shop) for _ in range(3)]
    orders = [
        an_order(shop=shop, state=OrderState.AWAITING_PAYMENT, lines=[(offer, 1) for offer in offers]) for _ in range(8)
    ]
    for order in orders:
        complete(order.order_id)
    folded = [a_reviewed_order(shop=shop, stars=1, offer_stars=1) for _ in range(4)]
    acts: list[Callable[[], Any]] = [
        partial(
            review_order,
            order.resident.actor,
            a_claim(order.resident),
            order_id=order.order_id,
            stars=1 + number % 5,
            words="",
            offers=[OfferStars(offer_id=one.offer_id, stars=3) for one in (offers if number % 2 else offers[::-1])],
            pictures=[],
        )
        for number, order in enumerate(orders)
    ]
    acts += [
        partial(fold_review, operator.actor, a_claim(operator), order_id=order.order_id, reason="广告")
        for order in folded
        for _ in range(2)
    ]

    outcomes = at_once(app, acts)

    assert all(outcome.is_done for outcome in outcomes[:8])
    assert sum(outcome.is_done for outcome in outcomes[8:]) == 4
    assert counted(shop)[0] == 8


def test_of_two_replies_at_once_one_stands(app: Flask) -> None:
    order = a_reviewed_order()
    owner = order.shop.owner

    outcomes = at_once(
        app,
        [
            partial(reply_to_review, owner.actor, a_claim(owner), order_id=order.order_id, words=words)
            for words in ("谢谢", "多谢")
        ],
    )

    assert sorted(outcome.refusal or "" for outcome in outcomes) == ["", "reply_given"]
