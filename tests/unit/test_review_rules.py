from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from app.core.reviews.ratings import rating_hundredths
from app.core.reviews.states import COUNTED_STATES, REVIEW_TRANSITIONS, ReviewState

stars = st.lists(st.integers(1, 5), max_size=40)


def test_before_anybody_says_anything_a_shop_has_four_stars() -> None:
    assert rating_hundredths(0, 0) == 400


def test_one_review_moves_little_and_a_thousand_move_all() -> None:
    assert rating_hundredths(1, 5) == 409
    assert rating_hundredths(1, 1) == 373
    assert rating_hundredths(1_000, 1_000) == 103


@given(stars, st.integers(1, 5))
def test_a_rating_stays_between_the_mean_and_four_stars_and_follows_each_review(given_: list[int], one: int) -> None:
    rating = rating_hundredths(len(given_), sum(given_))
    mean = 400 if not given_ else 100 * sum(given_) / len(given_)

    assert min(mean, 400) - 1 <= rating <= max(mean, 400) + 1
    after = rating_hundredths(len(given_) + 1, sum(given_) + one)
    assert min(rating, 100 * one) <= after <= max(rating, 100 * one)


def test_what_was_decided_about_an_appeal_is_the_end() -> None:
    sources = {state for state, _ in REVIEW_TRANSITIONS}

    assert not sources & {ReviewState.UPHELD, ReviewState.RESTORED}
    assert {ReviewState.SHOWN, ReviewState.RESTORED} == COUNTED_STATES
