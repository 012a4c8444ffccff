"""Money is integer fen (分, 1/100 yuan). One of its three homes, with a domain's pure rules and the ledger."""

from collections.abc import Sequence

BASIS_POINTS = 10_000
"""One whole, in basis points: a rate of 500 bp is 5 %."""

FEN_MAX = 10_000_000_000
"""No single amount at the edge exceeds 100 million yuan; sums stay far inside 64 bits."""


def split_fen(amount_fen: int, weights: Sequence[int]) -> list[int]:
    """Split ``amount_fen`` by ``weights`` so that the parts add up to it exactly.

    The fen left over by rounding go to the largest remainders, the earlier part first.

    :param amount_fen: amount to split, fen, ``>= 0``.
    :param weights: one weight per part, each ``>= 0``, not all zero; shape ``(n,)``.
    :returns: fen per part, shape ``(n,)``, ``sum(parts) == amount_fen``; a part of weight 0 gets 0.
    """
    whole = sum(weights)
    assert amount_fen >= 0, "a split is of an amount, its sign is the caller's"
    assert whole > 0, "weights must not all be zero"
    assert min(weights) >= 0, "a weight cannot be negative"
    parts = [amount_fen * weight // whole for weight in weights]
    left_over = amount_fen - sum(parts)
    if not left_over:
        return parts
    by_remainder = sorted(range(len(weights)), key=lambda i: (-(amount_fen * weights[i] % whole), i))
    for i in by_remainder[:left_over]:
        parts[i] += 1
    return parts


def rate_fen(base_fen: int, rate_bp: int) -> int:
    """Return ``rate_bp`` basis points of ``base_fen``, half-up to the fen, rounded once.

    :param base_fen: amount that the rate is taken of, fen, ``>= 0``.
    :param rate_bp: rate, basis points, ``0..10000``.
    """
    assert base_fen >= 0, "a rate is taken of an amount"
    assert 0 <= rate_bp <= BASIS_POINTS, "a rate lies between nothing and the whole"
    return (base_fen * rate_bp + BASIS_POINTS // 2) // BASIS_POINTS


def yuan(amount_fen: int) -> str:
    """Write an amount as yuan: ``-1234.05``."""
    whole, fen = divmod(abs(amount_fen), 100)
    return f"{'-' if amount_fen < 0 else ''}{whole}.{fen:02d}"


def grouped_yuan(amount_fen: int) -> str:
    """Write an amount as yuan, thousands apart: ``-1,234.05``."""
    whole, fen = divmod(abs(amount_fen), 100)
    return f"{'-' if amount_fen < 0 else ''}{whole:,}.{fen:02d}"
