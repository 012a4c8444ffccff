"""Chance and identity from a seed: the same seed and the same topic give the same answer, whatever else is asked."""

import hashlib
import math
from collections.abc import Mapping
from random import Random
from uuid import UUID

_BORN_MS = 1_767_225_600_000
"""The millisecond that demo ids carry: 2026-01-01T00:00:00Z."""


def chance(seed: int, *topic: object) -> Random:
    """Return the random numbers of one topic; asking about another topic does not shift them."""
    return Random(_name(seed, topic))  # noqa: S311 - invented shops, not secrets


def demo_id(seed: int, *topic: object) -> UUID:
    """Return the id of one thing: shaped like every other id (UUIDv7), but always the same."""
    digest = int.from_bytes(hashlib.sha256(_name(seed, topic).encode()).digest())
    high, low = digest & 0xFFF, digest >> 12 & (1 << 62) - 1
    return UUID(int=_BORN_MS << 80 | 0x7 << 76 | high << 64 | 0b10 << 62 | low)


def pick_weighted(random: Random, weights: Mapping[str, float], count: int) -> list[str]:
    """Return ``count`` different keys of ``weights``, the heavier the likelier (all of them when there are fewer)."""
    drawn = {key: random.random() ** (1 / weight) for key, weight in weights.items()}
    return sorted(drawn, key=drawn.__getitem__, reverse=True)[:count]


def price_near(random: Random, median_fen: int, *, spread: float = 0.25) -> int:
    """Return a log-normal price around ``median_fen``, in whole jiao (10 fen), at least 1 yuan."""
    return max(100, round(median_fen * math.exp(random.gauss(0, spread)) / 10) * 10)


def _name(seed: int, topic: tuple[object, ...]) -> str:
    return "/".join(map(str, ("linli", seed, *topic)))
