"""What a coupon takes off, and what the platform owes for it in the end."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.orders.quote import price_cart
from app.core.orders.rules import Ending, Rate, commission_of, promotion_left_fen, shares_at_end
from app.core.promotions.errors import CampaignTermsInvalid, CouponNotApplicable, CouponNotUsable
from app.core.promotions.rules import (
    CampaignTerms,
    Coupon,
    Part,
    best_coupon,
    promotion_back_fen,
    refuse_unsound,
)
from app.kernel.ids import new_id
from tests.unit.test_quote import LINE
from tests.unit.test_quote import TERMS as SHOP_TERMS

NOW = datetime(2026, 3, 5, 4, tzinfo=UTC)
HOME = new_id()
COUPON = Coupon(
    coupon_id=new_id(),
    campaign_id=new_id(),
    state="held",
    expires_at=NOW + timedelta(days=1),
    campaign_state="live",
    starts_at=NOW - timedelta(days=1),
    ends_at=NOW + timedelta(days=2),
    benefit="off",
    minimum_fen=2_000,
    off_fen=500,
    percent_bp=None,
    verticals=(),
    community_id=None,
)
TERMS = CampaignTerms(
    name_zh="节", name_en="Fair", benefit="off", minimum_fen=2_000, off_fen=500, percent_bp=None, verticals=(),
    community_id=None, starts_at=NOW, ends_at=NOW + timedelta(days=7), budget_fen=10_000, issued_max=100,
    per_person_max=1, valid_days=7, has_code=False,
)  # fmt: skip


def part(payable_fen: int, vertical: str = "food") -> Part:
    return Part(shop_id=new_id(), vertical=vertical, payable_fen=payable_fen)


def test_it_is_split_over_its_shops_by_their_goods_to_the_fen() -> None:
    parts = [part(1_000), part(2_001)]

    offs = COUPON.offs(parts, community_id=HOME, now=NOW)

    assert [offs[one.shop_id] for one in parts] == [167, 333]


def test_it_leaves_shops_of_other_verticals_alone_and_counts_their_goods_for_nothing() -> None:
    food, goods = part(2_000), part(9_000, "supermarket")
    coupon = replace(COUPON, verticals=("food",))

    assert coupon.offs([food, goods], community_id=HOME, now=NOW) == {food.shop_id: 500}
    with pytest.raises(CouponNotApplicable) as refused:
        coupon.offs([part(1_999), goods], community_id=HOME, now=NOW)
    assert refused.value.params == {"minimum_fen": 2_000, "goods_fen": 1_999}


def test_a_share_stops_at_the_most_it_takes_off() -> None:
    coupon = replace(COUPON, benefit="percent", percent_bp=2_000)

    [small] = coupon.offs([part(2_001)], community_id=HOME, now=NOW).values()
    [large] = coupon.offs([part(100_000)], community_id=HOME, now=NOW).values()

    assert (small, large) == (400, 500)


def test_a_fen_of_every_part_is_left_to_pay() -> None:
    coupon = replace(COUPON, minimum_fen=0)

    assert list(coupon.offs([part(1), part(3)], community_id=HOME, now=NOW).values()) == [0, 2]


@pytest.mark.parametrize(
    "why, values",
    [
        ("used", {"state": "used"}),
        ("over", {"campaign_state": "stopped"}),
        ("over", {"ends_at": NOW}),
        ("not_begun", {"starts_at": NOW + timedelta(seconds=1)}),
        ("expired", {"expires_at": NOW}),
    ],
)
def test_one_that_is_not_good_now_says_why(why: str, values: dict[str, object]) -> None:
    with pytest.raises(CouponNotUsable) as refused:
        replace(COUPON, **values).offs([part(5_000)], community_id=HOME, now=NOW)  # type: ignore[arg-type]

    assert refused.value.params == {"why": why}


def test_one_of_another_community_does_not_fit() -> None:
    with pytest.raises(CouponNotApplicable):
        replace(COUPON, community_id=new_id()).offs([part(5_000)], community_id=HOME, now=NOW)


@pytest.mark.parametrize(
    "field, values",
    [
        ("percent_bp", {"percent_bp": 100}),
        ("percent_bp", {"benefit": "percent"}),
        ("minimum_fen", {"minimum_fen": 500}),
        ("starts_at", {"starts_at": NOW + timedelta(days=7)}),
        ("ends_at", {"starts_at": NOW - timedelta(days=9), "ends_at": NOW}),
        ("ends_at", {"ends_at": NOW + timedelta(days=93)}),
        ("budget_fen", {"budget_fen": 499}),
        ("per_person_max", {"per_person_max": 101}),
        ("verticals", {"verticals": ("food", "food")}),
    ],
)
def test_terms_that_a_slip_of_the_pen_makes_are_refused_by_field(field: str, values: dict[str, object]) -> None:
    refuse_unsound(TERMS, NOW)

    with pytest.raises(CampaignTermsInvalid) as refused:
        refuse_unsound(replace(TERMS, **values), NOW)  # type: ignore[arg-type]

    assert refused.value.pointer == f"/{field}"


@given(off=st.integers(0, 20_000), paid=st.integers(1, 10**7), steps=st.lists(st.integers(1, 10**6), max_size=8))
def test_refunds_in_any_steps_give_back_what_one_would_and_a_whole_one_all(
    off: int, paid: int, steps: list[int]
) -> None:
    refunded, back = 0, 0
    for step in [*steps, paid]:
        amount = min(step, paid - refunded)
        if amount:
            back += promotion_back_fen(promotion_fen=off, own_fen=paid, refunded_fen=refunded, amount_fen=amount)
            refunded += amount
            assert back == promotion_back_fen(promotion_fen=off, own_fen=paid, refunded_fen=0, amount_fen=refunded)

    assert (refunded, back) == (paid, off)


@given(
    ending=st.sampled_from(Ending),
    off=st.integers(0, 20_000),
    paid=st.integers(1, 10**7),
    share=st.integers(0, 100),
    bp=st.integers(0, 10_000),
)
def test_what_the_coupon_adds_goes_to_a_shop_that_is_paid_and_to_nobody_else(
    ending: Ending, off: int, paid: int, share: int, bp: int
) -> None:
    left = paid * share // 100
    commission = left * bp // 10_000
    promotion = promotion_left_fen(off, left_fen=left, paid_fen=paid)
    plain = shares_at_end(ending, goods_fen=left, commission_fen=commission, delivery_fen=300)

    shares = plain.promoted(promotion)

    assert promotion <= off
    assert promotion == (off if left == paid else promotion)
    assert shares.merchant_fen + shares.commission_fen == (
        plain.merchant_fen + plain.commission_fen + shares.promotion_fen
    )
    assert shares.commission_fen == plain.commission_fen
    assert shares.promotion_fen in {0, promotion}
    assert (shares.refund_fen, shares.courier_fen) == (plain.refund_fen, plain.courier_fen)


@pytest.mark.parametrize(
    "rate",
    [
        Rate(rule="plain", bp=500),
        Rate(rule="capped", bp=500, cap_fen=300),
        Rate(rule="least", bp=500, least_fen=500),
    ],
)
def test_a_shop_earns_by_an_order_with_a_coupon_what_it_earns_without(rate: Rate) -> None:
    terms = {SHOP_TERMS.shop_id: replace(SHOP_TERMS, commission=rate, packing_fen=0)}
    wanted = [replace(LINE, unit_price_fen=1_100, quantity=9, left=None)]
    [plain] = price_cart(wanted, terms).shops
    [priced] = price_cart(wanted, terms, {SHOP_TERMS.shop_id: 777}).shops

    def earned(left_fen: int, fee_fen: int, promotion_fen: int) -> tuple[int, int]:
        shares = shares_at_end(Ending.COMPLETED, goods_fen=left_fen, commission_fen=fee_fen, delivery_fen=0)
        ended = shares.promoted(promotion_fen)
        assert ended.merchant_fen + ended.commission_fen == left_fen + promotion_fen
        return ended.merchant_fen, ended.commission_fen

    with_it = earned(
        sum(line.paid_fen for line in priced.lines),
        commission_of([(line.sold_fen, rate) for line in priced.lines]),
        777,
    )
    without = earned(
        sum(line.paid_fen for line in plain.lines), commission_of([(line.paid_fen, rate) for line in plain.lines]), 0
    )

    assert with_it == without


def test_a_line_that_cost_the_resident_nothing_keeps_all_that_the_platform_adds() -> None:
    assert promotion_left_fen(5, left_fen=0, paid_fen=0) == 5
    assert promotion_left_fen(5, left_fen=0, paid_fen=9) == 0
    assert promotion_left_fen(5, left_fen=9, paid_fen=9) == 5


def test_the_best_coupon_takes_most_off_fits_its_budget_and_of_equals_ends_first() -> None:
    more = replace(COUPON, coupon_id=new_id(), off_fen=600)
    poor = replace(COUPON, coupon_id=new_id(), off_fen=900)
    unfit = replace(COUPON, coupon_id=new_id(), off_fen=900, minimum_fen=9_000)
    sooner = replace(more, coupon_id=new_id(), expires_at=NOW + timedelta(hours=1))
    held = [(COUPON, 10_000), (more, 600), (poor, 899), (unfit, 10_000), (sooner, 600)]

    best = best_coupon(held, [part(3_000)], community_id=HOME, now=NOW)

    assert best is not None
    assert (best.coupon_id, best.off_fen) == (sooner.coupon_id, 600)
    assert best_coupon([(unfit, 10_000)], [part(3_000)], community_id=HOME, now=NOW) is None
