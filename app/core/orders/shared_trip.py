"""Two shops of one cart on one trip (拼单配送): which go together, and what that saves. Pure; amounts in fen.

It is offered where both counters are near each other and both are ready at about the same time; the resident takes it
or not. One fee is paid, that of the dearer way, split by what each alone would cost: who is left when the other shop
rejects pays that share, and no more.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from uuid import UUID

from app.core.orders.quote import Quote, ShopQuote
from app.kernel.geo import distance_m
from app.kernel.money import split_fen

NEAR_M = 300
"""Two counters are near when they are no farther apart, in meters: as near as dispatch joins."""
READY_APART_S = 600
"""The earlier order waits for the later at most so long, in seconds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Counter:
    """Where a shop hands over, and how long after the payment, in seconds, what it measured or says."""

    lat: float
    lng: float
    ready_s: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SharedTrip:
    """Two shops that go together. A third counter would be a queue too many."""

    shop_ids: tuple[UUID, UUID]
    saving_fen: int


def shared_trips(quote: Quote, counters: Mapping[UUID, Counter]) -> list[SharedTrip]:
    """Return the pairs of shops that can share a trip, each shop once, those that save most first."""
    found = [
        SharedTrip(shop_ids=(a.shop_id, b.shop_id), saving_fen=min(a.delivery_fen, b.delivery_fen))
        for a, b in combinations(quote.shops, 2)
        if _goes_with(a, b, counters[a.shop_id], counters[b.shop_id])
    ]
    taken: set[UUID] = set()
    pairs = []
    for pair in sorted(found, key=lambda one: (-one.saving_fen, one.shop_ids)):
        if taken.isdisjoint(pair.shop_ids):
            taken |= set(pair.shop_ids)
            pairs.append(pair)
    return pairs


def _goes_with(a: ShopQuote, b: ShopQuote, at: Counter, bt: Counter) -> bool:
    return (
        min(a.delivery_fen, b.delivery_fen) > 0
        and a.slot_starts_at == b.slot_starts_at
        and (a.slot_starts_at is not None or abs(at.ready_s - bt.ready_s) <= READY_APART_S)
        and distance_m(at.lat, at.lng, bt.lat, bt.lng) <= NEAR_M
    )


def with_shared_trips(quote: Quote, pairs: Sequence[SharedTrip]) -> Quote:
    """Return the quote with one fee for each pair."""
    shops = {shop.shop_id: shop for shop in quote.shops}
    for pair in pairs:
        both = [shops[shop_id] for shop_id in pair.shop_ids]
        fees = [shop.delivery_fen for shop in both]
        for shop, other, share_fen in zip(both, reversed(both), split_fen(max(fees), fees), strict=True):
            saving_fen = shop.delivery_fen - share_fen
            shops[shop.shop_id] = replace(
                shop, delivery_fen=share_fen, trip_saving_fen=saving_fen, trip_with=other.shop_id
            )
    return Quote(shops=tuple(shops.values()))
