from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from app.core.orders.rules import Ending, shares_at_end
from app.kernel.money import FEN_MAX, rate_fen, split_fen

amounts = st.integers(0, FEN_MAX)
weights = st.lists(st.integers(0, FEN_MAX), min_size=1, max_size=50).filter(any)


@given(amounts, weights)
def test_the_parts_of_a_split_add_up_and_none_is_negative(amount_fen: int, shares: list[int]) -> None:
    parts = split_fen(amount_fen, shares)

    assert sum(parts) == amount_fen
    assert min(parts) >= 0
    assert all(part == 0 for part, share in zip(parts, shares, strict=True) if share == 0)


@given(amounts, weights)
def test_no_part_is_a_whole_fen_away_from_its_exact_share(amount_fen: int, shares: list[int]) -> None:
    whole = sum(shares)

    parts = split_fen(amount_fen, shares)

    assert all(abs(part * whole - amount_fen * share) < whole for part, share in zip(parts, shares, strict=True))


@given(amounts, weights)
def test_a_larger_weight_never_gets_less(amount_fen: int, shares: list[int]) -> None:
    parts = split_fen(amount_fen, shares)

    by_share = sorted(zip(shares, parts, strict=True))
    assert all(a[1] <= b[1] for a, b in pairwise(by_share) if a[0] < b[0])


@given(amounts, st.integers(0, 10_000))
def test_a_rate_is_within_half_a_fen_of_the_exact_one(base_fen: int, rate_bp: int) -> None:
    taken = rate_fen(base_fen, rate_bp)

    assert 0 <= taken <= base_fen
    assert abs(taken * 10_000 - base_fen * rate_bp) <= 5_000


@given(
    st.sampled_from(Ending),
    st.integers(0, FEN_MAX),
    st.integers(0, 10_000),
    st.integers(0, FEN_MAX),
    st.integers(0, 100_000),
)
def test_however_an_order_ends_its_escrow_and_the_platforms_loss_are_all_given_out(
    ending: Ending, goods_fen: int, rate_bp: int, delivery_fen: int, subsidy_fen: int
) -> None:
    commission_fen = rate_fen(goods_fen, rate_bp)

    shares = shares_at_end(
        ending,
        goods_fen=goods_fen,
        commission_fen=commission_fen,
        delivery_fen=delivery_fen,
        pay_fen=delivery_fen + subsidy_fen,
    )

    given_out = shares.refund_fen + shares.merchant_fen + shares.commission_fen + shares.courier_fen
    assert given_out == goods_fen + delivery_fen + shares.subsidy_fen + shares.platform_loss_fen
    assert shares.subsidy_fen == (subsidy_fen if shares.courier_fen else 0)
    assert min(shares.refund_fen, shares.merchant_fen, shares.commission_fen, shares.courier_fen) >= 0
    assert shares.platform_loss_fen >= 0
    assert shares.refund_fen <= goods_fen + delivery_fen
