from __future__ import annotations

import math

import pytest

from tests.support.ranks import chance_of_equal


def test_a_sample_and_itself_may_well_be_equal() -> None:
    assert chance_of_equal(range(40), range(40)) == pytest.approx(1.0)


def test_what_is_always_larger_cannot_be_equal() -> None:
    assert chance_of_equal(range(40), range(40, 80)) < 1e-9


def test_it_is_the_share_of_pairs_in_which_the_left_is_larger_measured_by_its_spread() -> None:
    left, right = range(0, 40, 2), range(19, 59, 2)
    larger = sum(one > other for one in left for other in right)
    deviation = (larger - 200) / (20 * 20 * 41 / 12) ** 0.5

    assert chance_of_equal(left, right) == pytest.approx(math.erfc(abs(deviation) / math.sqrt(2)))
    assert chance_of_equal(left, right) == pytest.approx(chance_of_equal(right, left))
