"""Two quotes have one version exactly where nothing that was agreed to has changed."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, cast

from hypothesis import given
from hypothesis import strategies as st

from app.core.orders.agreed import changes_between
from app.core.orders.quote import Quote, Terms, Wanted, price_cart
from app.core.orders.surcharges import Surcharges
from app.kernel.ids import new_id
from tests.unit.test_quote import LINE, TERMS

SHOPS = [new_id() for _ in range(2)]
SKUS = [(new_id(), shop_id) for shop_id in SHOPS for _ in range(2)]
few = st.integers(1, 2)
line_fields = st.fixed_dictionaries(
    {
        "unit_price_fen": few,
        "quantity": few,
        "packing_fen": few,
        "name": st.sampled_from("甲乙"),
        "left": st.sampled_from([None, 9]),
        "is_return_excluded": st.booleans(),
    }
)
term_fields = st.fixed_dictionaries(
    {
        "delivery_fen": few,
        "packing_fen": few,
        "distance_m": few,
        "preparation_minutes": few,
        "surcharges": st.builds(Surcharges, night_fen=few, weather_fen=few, floors_fen=few),
        "discount_tiers": st.sampled_from([[], [{"from_fen": 1, "off_fen": 1}]]),
    }
)


@st.composite
def quotes(draw: st.DrawFn) -> Quote:
    chosen = draw(st.sets(st.sampled_from(SKUS), min_size=1))
    wanted: list[Wanted] = [
        replace(LINE, sku_id=sku_id, shop_id=shop_id, **cast("dict[str, Any]", draw(line_fields)))
        for sku_id, shop_id in sorted(chosen)
    ]
    terms: dict[Any, Terms] = {
        shop_id: replace(TERMS, shop_id=shop_id, **cast("dict[str, Any]", draw(term_fields)))
        for shop_id in SHOPS
        if any(line.shop_id == shop_id for line in wanted)
    }
    return price_cart(wanted, terms)


@given(quotes(), quotes())
def test_a_version_differs_exactly_where_a_change_is_told(one: Quote, other: Quote) -> None:
    changes = changes_between(one.agreed, other.agreed)

    assert (one.version == other.version) is (changes == [])
    if not changes:
        assert one.total_fen == other.total_fen


@given(quotes(), quotes())
def test_every_change_was_there_and_is_there_now(one: Quote, other: Quote) -> None:
    for change in changes_between(one.agreed, other.agreed):
        assert change.was != change.now
        for value, quote in ((change.was, one), (change.now, other)):
            shop = quote.agreed.get(change.shop_id, {"lines": {}})
            held = shop if change.sku_id is None else shop["lines"].get(change.sku_id, {"quantity": 0})
            assert held[change.field] == value
