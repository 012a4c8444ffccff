from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any

import pytest

from app.core.orders.errors import (
    BelowMinimum,
    LicenseExpired,
    OfferGone,
    OfferNotDeliverable,
    OutsideArea,
    QuantityOverCap,
    ShopClosed,
    SoldOut,
)
from app.core.orders.quote import Quote, Terms, Wanted, quote_cart
from app.core.orders.rules import Rate
from app.kernel.ids import new_id

if TYPE_CHECKING:
    from app.kernel.errors import LinliError

NOW = datetime(2026, 3, 2, 4, 0, tzinfo=UTC)
SHOP = new_id()
TERMS = Terms(
    shop_id=SHOP,
    name="惠民小店",
    is_open=True,
    is_delivered=True,
    distance_m=800,
    radius_m=3_000,
    minimum_fen=2_000,
    packing_fen=100,
    delivery_fen=300,
    discount_tiers=[{"from_fen": 3_000, "off_fen": 200}, {"from_fen": 5_000, "off_fen": 500}],
    preparation_minutes=15,
    commission=Rate(rule="shop_rate", bp=500),
    license_expires_on=date(2026, 3, 2),
)
LINE = Wanted(
    sku_id=new_id(),
    shop_id=SHOP,
    name="鲜牛奶",
    option="",
    quantity=3,
    unit_price_fen=1_000,
    packing_fen=10,
    quantity_max=5,
    left=3,
    is_on_sale=True,
    is_deliverable=True,
)


def quoted(terms: Terms = TERMS, *lines: Wanted) -> Quote:
    return quote_cart(lines or [LINE], {terms.shop_id: terms}, NOW)


def test_goods_packing_delivery_and_discount_make_the_total() -> None:
    [shop] = quoted().shops

    assert (shop.goods_fen, shop.packing_fen, shop.delivery_fen, shop.discount_fen) == (3_000, 130, 300, 200)
    assert shop.total_fen == 3_000 + 130 + 300 - 200


@pytest.mark.parametrize(
    "terms, line, refusal",
    [
        ({"is_open": False}, {}, ShopClosed),
        ({"license_expires_on": date(2026, 3, 1)}, {}, LicenseExpired),
        ({"distance_m": 3_001}, {}, OutsideArea),
        ({"minimum_fen": 3_001}, {}, BelowMinimum),
        ({}, {"is_on_sale": False}, OfferGone),
        ({}, {"is_deliverable": False}, OfferNotDeliverable),
        ({}, {"quantity": 6, "left": None}, QuantityOverCap),
        ({}, {"quantity": 4}, SoldOut),
    ],
)
def test_what_cannot_be_served_is_refused(
    terms: dict[str, Any], line: dict[str, Any], refusal: type[LinliError]
) -> None:
    with pytest.raises(refusal):
        quoted(replace(TERMS, **terms), replace(LINE, **line))


def test_at_the_very_edge_everything_is_still_served() -> None:
    terms = replace(TERMS, distance_m=3_000, minimum_fen=3_000)

    assert quoted(terms).total_fen == 3_230


def test_pick_up_has_no_distance_to_be_too_far() -> None:
    terms = replace(TERMS, is_delivered=False, distance_m=99_999)

    assert quoted(terms).shops[0].goods_fen == 3_000


def test_the_best_tier_that_the_goods_reach_counts() -> None:
    lines = replace(LINE, quantity=5, left=None)

    assert quoted(TERMS, lines).shops[0].discount_fen == 500


def test_a_discount_leaves_a_fen_to_pay() -> None:
    terms = replace(TERMS, discount_tiers=[{"from_fen": 0, "off_fen": 10_000}], packing_fen=0, delivery_fen=0)

    assert quoted(terms, replace(LINE, packing_fen=0)).total_fen == 1


@pytest.mark.parametrize(
    "change", [{"unit_price_fen": 1_001}, {"quantity": 2}, {"packing_fen": 11}, {"name": "纯牛奶"}, {"option": "大"}]
)
def test_another_line_has_another_version(change: dict[str, Any]) -> None:
    assert quoted(TERMS, replace(LINE, **change)).version != quoted().version


@pytest.mark.parametrize("change", [{"delivery_fen": 301}, {"packing_fen": 101}, {"discount_tiers": []}])
def test_other_terms_have_another_version(change: dict[str, Any]) -> None:
    assert quoted(replace(TERMS, **change)).version != quoted().version


def test_the_same_cart_has_the_same_version() -> None:
    assert quoted().version == quoted().version


def test_the_license_runs_out_at_midnight_in_shanghai() -> None:
    evening_utc = datetime(2026, 3, 2, 16, 30, tzinfo=UTC)

    with pytest.raises(LicenseExpired):
        quote_cart([LINE], {SHOP: TERMS}, evening_utc)
