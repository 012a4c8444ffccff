from __future__ import annotations

from datetime import UTC, date, datetime
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from app.core.orders.quote import Quote, Terms, Wanted, price_cart
from app.core.orders.rules import Rate
from app.core.orders.shared_trip import Counter, shared_trips, with_shared_trips

SOON = datetime(2031, 3, 3, 14, tzinfo=UTC)


def a_cart(*fees: int, slots: dict[int, datetime] | None = None) -> Quote:
    """Return the quote of one piece at 10 yuan from each of so many shops, delivered for ``fees``."""
    terms = {
        UUID(int=number): Terms(
            shop_id=UUID(int=number),
            name=f"店{number}",
            is_open=True,
            is_delivered=True,
            distance_m=500,
            radius_m=3_000,
            minimum_fen=0,
            packing_fen=0,
            delivery_fen=fee,
            discount_tiers=(),
            preparation_minutes=15,
            commission=Rate(bp=500, rule="shop"),
            license_expires_on=date(2099, 12, 31),
            slot_starts_at=(slots or {}).get(number),
        )
        for number, fee in enumerate(fees)
    }
    wanted = [
        Wanted(
            sku_id=UUID(int=100 + number),
            shop_id=UUID(int=number),
            name="米",
            option="",
            quantity=1,
            unit_price_fen=1_000,
            packing_fen=0,
            quantity_max=99,
            left=None,
            is_on_sale=True,
            is_deliverable=True,
        )
        for number in range(len(fees))
    ]
    return price_cart(wanted, terms)


def counters(*places: tuple[float, int]) -> dict[UUID, Counter]:
    """Return counters by their degrees of latitude north of the first and the seconds until they are ready."""
    return {
        UUID(int=number): Counter(lat=30.0 + north, lng=120.0, ready_s=ready_s)
        for number, (north, ready_s) in enumerate(places)
    }


def test_two_near_shops_that_are_ready_together_are_on_offer_for_the_lower_fee() -> None:
    quote = a_cart(300, 500)

    [pair] = shared_trips(quote, counters((0, 900), (0.002, 1_500)))

    assert (pair.shop_ids, pair.saving_fen) == ((UUID(int=0), UUID(int=1)), 300)


def test_what_is_far_or_late_or_free_or_for_another_slot_is_not() -> None:
    near = counters((0, 900), (0.002, 900))

    assert shared_trips(a_cart(300, 500), counters((0, 900), (0.004, 900))) == []
    assert shared_trips(a_cart(300, 500), counters((0, 900), (0.002, 1_501))) == []
    assert shared_trips(a_cart(0, 500), near) == []
    assert shared_trips(a_cart(300, 500, slots={0: SOON}), near) == []
    assert len(shared_trips(a_cart(300, 500, slots={0: SOON, 1: SOON}), counters((0, 900), (0.002, 9_000)))) == 1


def test_of_three_the_pair_that_saves_most_goes_together() -> None:
    pairs = shared_trips(a_cart(300, 500, 400), counters((0, 900), (0.001, 900), (0.002, 900)))

    assert [(pair.shop_ids, pair.saving_fen) for pair in pairs] == [((UUID(int=1), UUID(int=2)), 400)]


@given(st.lists(st.integers(min_value=0, max_value=2_000), min_size=1, max_size=7))
def test_one_fee_is_paid_for_two_and_each_pays_at_most_its_own(fees: list[int]) -> None:
    quote = a_cart(*fees)
    pairs = shared_trips(quote, counters(*[(0.0001 * number, 900) for number in range(len(fees))]))

    shared = with_shared_trips(quote, pairs)

    assert quote.total_fen - shared.total_fen == sum(pair.saving_fen for pair in pairs)
    for before, after in zip(quote.shops, shared.shops, strict=True):
        assert 0 <= after.delivery_fen <= before.delivery_fen
        assert after.delivery_parts["distance_fen"] == before.delivery_parts["distance_fen"]
        assert before.total_fen - after.total_fen == after.trip_saving_fen
    for pair in pairs:
        both = [shop for shop in shared.shops if shop.shop_id in pair.shop_ids]
        assert sum(shop.delivery_fen for shop in both) == max(fees[shop.shop_id.int] for shop in both)
    assert (shared.version == quote.version) == (not pairs)
