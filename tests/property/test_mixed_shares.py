"""What each source has of a mixed payment, and gets back of it."""

from __future__ import annotations

from itertools import accumulate, pairwise

from hypothesis import given
from hypothesis import strategies as st

from app.core.payments.mixed import outside_of_refund, outside_shares

_totals = st.lists(st.integers(1, 10**8), min_size=1, max_size=20)


@st.composite
def _payments(draw: st.DrawFn) -> tuple[list[int], int]:
    totals = draw(_totals.filter(lambda made: sum(made) > 1))
    return totals, draw(st.integers(1, sum(totals) - 1))


@st.composite
def _refunds(draw: st.DrawFn) -> tuple[int, int, list[int]]:
    total = draw(st.integers(1, 10**6))
    cuts = sorted(draw(st.sets(st.integers(1, total), max_size=12)) | {total})
    return total, draw(st.integers(0, total)), [after - before for before, after in pairwise([0, *cuts])]


@given(_payments())
def test_the_shares_of_the_orders_foot_by_order_and_by_source(payment: tuple[list[int], int]) -> None:
    totals, account_part_fen = payment

    outside = outside_shares(totals, account_part_fen)

    assert sum(outside) == sum(totals) - account_part_fen
    assert all(0 <= share <= total for share, total in zip(outside, totals, strict=True))


@given(_refunds())
def test_refunds_in_any_steps_give_each_source_its_share_and_in_the_end_all_of_it(
    order: tuple[int, int, list[int]],
) -> None:
    total, outside, steps = order

    given_back = [
        outside_of_refund(total_fen=total, outside_fen=outside, refunded_fen=before, amount_fen=step)
        for before, step in zip([0, *accumulate(steps)][:-1], steps, strict=True)
    ]

    assert all(0 <= part <= step for part, step in zip(given_back, steps, strict=True))
    assert sum(given_back) == outside
    for refunded, back in zip(accumulate(steps), accumulate(given_back), strict=True):
        assert back <= refunded * outside / total < back + 1
