from __future__ import annotations

import pytest

from app.kernel.money import rate_fen, split_fen


@pytest.mark.parametrize(
    "amount_fen, weights, parts",
    [
        (100, [1, 1, 1], [34, 33, 33]),
        (2, [1, 1, 1], [1, 1, 0]),
        (10, [0, 1, 0], [0, 10, 0]),
        (0, [3, 4], [0, 0]),
        (1, [1, 2], [0, 1]),
        (301, [1_998, 1_000], [201, 100]),
        (7, [5], [7]),
    ],
)
def test_a_split_gives_what_is_left_over_to_the_largest_remainders(
    amount_fen: int, weights: list[int], parts: list[int]
) -> None:
    assert split_fen(amount_fen, weights) == parts


@pytest.mark.parametrize("amount_fen, weights", [(-1, [1]), (1, []), (1, [0, 0]), (1, [2, -1])])
def test_a_split_of_nothing_sensible_is_our_mistake(amount_fen: int, weights: list[int]) -> None:
    with pytest.raises(AssertionError):
        split_fen(amount_fen, weights)


@pytest.mark.parametrize(
    "base_fen, rate_bp, expected_fen",
    [(10, 500, 1), (9, 500, 0), (30, 500, 2), (29, 500, 1), (1, 5_000, 1), (1, 4_999, 0), (0, 10_000, 0),
     (12_345, 10_000, 12_345), (12_345, 0, 0)],
)  # fmt: skip
def test_a_rate_rounds_half_up_once(base_fen: int, rate_bp: int, expected_fen: int) -> None:
    assert rate_fen(base_fen, rate_bp) == expected_fen


@pytest.mark.parametrize("base_fen, rate_bp", [(-1, 1), (1, -1), (1, 10_001)])
def test_a_rate_lies_between_nothing_and_the_whole(base_fen: int, rate_bp: int) -> None:
    with pytest.raises(AssertionError):
        rate_fen(base_fen, rate_bp)
