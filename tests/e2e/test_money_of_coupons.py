"""Where the money goes when the platform bears a part of the price."""

from __future__ import annotations

import random
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING

import pytest

from app.core.catalog.commission import CommissionRuleRow
from app.core.orders.states import OrderState
from app.kernel.ids import new_id
from app.kernel.transaction import transaction
from app.usecases.ordering.prepare_order import short_order
from app.usecases.promoting.coupons import give_back
from app.usecases.settling.refund_completed import refund_order
from tests.factories import a_claim, a_merchant_with_shop, a_resident, an_offer, an_operator, an_order
from tests.factories.promotions import a_campaign, a_coupon
from tests.factories.rows import look, look_one, write
from tests.support.races import a_seed

if TYPE_CHECKING:
    from uuid import UUID

    from flask import Flask

    from tests.factories import AnOrder

TEN_OFF = {"minimum_fen": 3_000, "off_fen": 1_000}


def moved(order_id: UUID, kind: str) -> int:
    """Return what all journals about an order moved on accounts of a kind, fen."""
    fen: int = look_one(
        "SELECT coalesce(sum(l.amount_fen), 0)::bigint FROM ledger.leg AS l"
        " WHERE l.ref = :ref AND split_part(l.code, ':', 1) = :kind",
        ref=str(order_id),
        kind=kind,
    )
    return fen


def money(order: AnOrder) -> dict[str, int]:
    """Return what the escrow still holds, and what others earned or bore, fen."""
    held = look_one(
        "SELECT coalesce(sum(b.posted_fen), 0)::bigint FROM ledger.balance AS b WHERE b.code = :code",
        code=f"escrow:{order.order_id}",
    )
    kinds = ("promotion_expense", "merchant_pending", "commission")
    return {"escrow": held} | {kind: moved(order.order_id, kind) for kind in kinds}


def test_a_shop_earns_the_same_with_a_coupon_and_the_platform_pays_for_it(app: Flask) -> None:
    shop = a_merchant_with_shop()
    lines = [(an_offer(shop, price_fen=1_733, on_hand=100), 3), (an_offer(shop, price_fen=599, on_hand=100), 2)]

    plain = an_order(shop=shop, lines=lines, state=OrderState.COMPLETED)
    with_it = an_order(
        shop=shop,
        lines=lines,
        state=OrderState.COMPLETED,
        resident=(buyer := a_resident(balance_fen=1_000_000)),
        coupon_id=a_coupon(buyer, None, **TEN_OFF),
    )

    assert with_it.total_fen == plain.total_fen - 1_000
    assert money(with_it) == money(plain) | {"promotion_expense": -1_000}
    assert money(with_it)["escrow"] == 0


def test_refunds_in_any_steps_give_the_platform_all_of_its_part_back(app: Flask) -> None:
    random_ = random.Random(a_seed())
    shop, operator = a_merchant_with_shop(), an_operator()
    order = an_order(
        shop=shop,
        lines=[(an_offer(shop, price_fen=1_733, on_hand=100), 3)],
        state=OrderState.COMPLETED,
        resident=(buyer := a_resident(balance_fen=1_000_000)),
        coupon_id=a_coupon(buyer, None, **TEN_OFF),
    )
    [row] = look("SELECT total_fen - delivery_fen AS goods FROM orders WHERE order_id = :id", id=order.order_id)
    left = row.goods
    while left:
        part = min(left, random_.randint(1, 1_500))
        refund_order(operator.actor, a_claim(operator), order_id=order.order_id, amount_fen=part, why="apology")
        left -= part

    assert money(order) == {"escrow": 0, "promotion_expense": 0, "merchant_pending": 0, "commission": 0}
    [row] = look(
        "SELECT total_fen - delivery_fen AS goods, refunded_fen FROM orders WHERE order_id = :id", id=order.order_id
    )
    assert row.refunded_fen == row.goods


def test_what_is_short_is_paid_by_nobody(app: Flask) -> None:
    shop = a_merchant_with_shop()
    lines = [(an_offer(shop, price_fen=1_733, on_hand=100), 3), (an_offer(shop, price_fen=599, on_hand=100), 2)]
    order = an_order(
        shop=shop,
        lines=lines,
        state=OrderState.PREPARING,
        resident=(buyer := a_resident(balance_fen=1_000_000)),
        coupon_id=a_coupon(buyer, None, **TEN_OFF),
    )
    frozen = look(
        "SELECT line, platform_off_fen FROM order_lines WHERE order_id = :id ORDER BY line", id=order.order_id
    )

    short_order(shop.owner.actor, a_claim(shop.owner), order_id=order.order_id, lines=frozenset({1}))

    assert sum(row.platform_off_fen for row in frozen) == 1_000
    assert (
        look_one("SELECT promotion_fen FROM orders WHERE order_id = :id", id=order.order_id)
        == frozen[1].platform_off_fen
    )


@pytest.mark.parametrize("state", [OrderState.CANCELED, OrderState.COMPLETED])
def test_a_coupon_comes_back_only_when_nothing_was_sold(app: Flask, state: OrderState) -> None:
    shop, campaign_id = a_merchant_with_shop(), a_campaign(**TEN_OFF)
    lines = [(an_offer(shop, price_fen=2_000, on_hand=100), 2)]
    order = an_order(
        shop=shop,
        lines=lines,
        state=state,
        resident=(buyer := a_resident(balance_fen=1_000_000)),
        coupon_id=a_coupon(buyer, campaign_id),
    )

    for _ in range(3):
        with transaction() as tx:
            give_back(tx, order.order_id)

    is_back = state is OrderState.CANCELED
    assert look_one("SELECT left_fen FROM campaigns WHERE campaign_id = :id", id=campaign_id) == (
        100_000 if is_back else 99_000
    )
    assert look_one("SELECT state FROM coupons WHERE campaign_id = :id", id=campaign_id) == (
        "held" if is_back else "used"
    )
    assert moved(order.order_id, "promotion_expense") == (0 if is_back else -1_000)


def test_a_commission_stops_at_its_most_with_a_coupon_too(app: Flask) -> None:
    shop = a_merchant_with_shop()
    write(
        CommissionRuleRow,
        rule_id=new_id(),
        scope="shop",
        shop_id=shop.shop_id,
        rate_bp=500,
        least_fen=0,
        cap_fen=200,
        starts_on=date(2020, 1, 1),
        announced_at=datetime(2019, 12, 1, tzinfo=UTC),
    )
    paid = []
    for campaign in (None, a_campaign(**TEN_OFF)):
        buyer = a_resident(balance_fen=1_000_000)
        coupon_id = None if campaign is None else a_coupon(buyer, campaign)
        order = an_order(
            shop=shop,
            resident=buyer,
            lines=[(an_offer(shop, price_fen=2_000, on_hand=100), 3)],
            state=OrderState.COMPLETED,
            coupon_id=coupon_id,
        )
        paid.append(money(order))

    assert [one["commission"] for one in paid] == [200, 200]
    assert paid[0]["merchant_pending"] == paid[1]["merchant_pending"]
