from __future__ import annotations

from datetime import UTC, date, datetime

from hypothesis import given
from hypothesis import strategies as st

from app.core.orders.quote import Terms, Wanted, price_cart, quote_cart
from app.core.orders.rules import Rate, promotion_left_fen
from app.kernel.ids import new_id

NOW = datetime(2026, 3, 2, 4, 0, tzinfo=UTC)
SHOPS = [new_id() for _ in range(3)]
prices = st.integers(1, 10_000_000)
small = st.integers(0, 100_000)
tiers = st.lists(st.fixed_dictionaries({"from_fen": small, "off_fen": st.integers(0, 10_000_000)}), max_size=4)


@st.composite
def carts(draw: st.DrawFn) -> tuple[list[Wanted], dict[object, Terms]]:
    lines = [
        Wanted(
            sku_id=new_id(),
            shop_id=draw(st.sampled_from(SHOPS)),
            name="鲜牛奶",
            option="",
            quantity=draw(st.integers(1, 999)),
            unit_price_fen=draw(prices),
            packing_fen=draw(small),
            quantity_max=999,
            left=draw(st.sampled_from([None, 999])),
            is_on_sale=True,
            is_deliverable=True,
        )
        for _ in range(draw(st.integers(1, 50)))
    ]
    terms: dict[object, Terms] = {
        shop_id: Terms(
            shop_id=shop_id,
            name="惠民小店",
            is_open=True,
            is_delivered=True,
            distance_m=1,
            radius_m=2,
            minimum_fen=0,
            packing_fen=draw(small),
            delivery_fen=draw(small),
            discount_tiers=draw(tiers),
            preparation_minutes=1,
            commission=Rate(rule="shop_rate", bp=draw(st.integers(0, 10_000))),
            license_expires_on=date(2099, 1, 1),
        )
        for shop_id in SHOPS
    }
    return lines, terms


@given(carts())
def test_every_quote_adds_up_line_by_line_and_shop_by_shop(cart: tuple[list[Wanted], dict[object, Terms]]) -> None:
    wanted, terms = cart

    quote = quote_cart(wanted, terms, NOW)  # type: ignore[arg-type]

    assert sum(len(shop.lines) for shop in quote.shops) == len(wanted)
    assert quote.total_fen == sum(shop.total_fen for shop in quote.shops)
    for shop in quote.shops:
        rule = terms[shop.shop_id]
        per_piece = sum(line.packing_fen * line.quantity for line in wanted if line.shop_id == shop.shop_id)
        assert shop.goods_fen == sum(line.goods_fen for line in shop.lines)
        assert shop.packing_fen == sum(line.packing_fen for line in shop.lines) == rule.packing_fen + per_piece
        assert shop.discount_fen == sum(line.discount_fen for line in shop.lines) < shop.goods_fen
        assert shop.total_fen == sum(line.paid_fen for line in shop.lines) + shop.delivery_fen > 0
        assert all(0 <= line.discount_fen <= line.goods_fen for line in shop.lines)


@given(carts())
def test_the_order_of_the_shops_terms_is_the_order_of_the_quote(
    cart: tuple[list[Wanted], dict[object, Terms]],
) -> None:
    wanted, terms = cart

    quote = quote_cart(wanted, terms, NOW)  # type: ignore[arg-type]

    with_lines = {line.shop_id for line in wanted}
    assert [shop.shop_id for shop in quote.shops] == [shop_id for shop_id in terms if shop_id in with_lines]


@given(carts(), st.data())
def test_what_the_resident_pays_and_the_platform_bears_is_what_the_shops_ask_for(
    cart: tuple[list[Wanted], dict[object, Terms]], data: st.DataObject
) -> None:
    wanted, terms = cart
    plain = price_cart(wanted, terms)  # type: ignore[arg-type]
    offs = {
        shop.shop_id: data.draw(st.integers(0, shop.goods_fen - shop.discount_fen - 1), label="off")
        for shop in plain.shops
    }

    quote = price_cart(wanted, terms, offs)  # type: ignore[arg-type]

    assert quote.total_fen + sum(offs.values()) == plain.total_fen
    for shop, before in zip(quote.shops, plain.shops, strict=True):
        assert shop.platform_off_fen == sum(line.platform_off_fen for line in shop.lines) == offs[shop.shop_id]
        assert shop.total_fen == sum(line.paid_fen for line in shop.lines) + shop.delivery_fen > 0
        assert [line.sold_fen for line in shop.lines] == [line.paid_fen for line in before.lines]
        assert all(line.paid_fen >= 0 for line in shop.lines)
        for line in shop.lines:
            left = data.draw(st.integers(0, line.paid_fen), label="left")
            kept = promotion_left_fen(line.platform_off_fen, left_fen=left, paid_fen=line.paid_fen)
            assert 0 <= kept <= line.platform_off_fen
