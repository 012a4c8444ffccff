"""Where a basket is cheapest: all of it in one shop, or split over several. Pure; amounts in fen.

A shop's part is priced by the rule of :mod:`app.core.orders.quote`. Few products over few shops are solved exactly, by
dynamic programming over sets of products; a larger basket by moves that each make it cheaper, until none does.
Sets of products are bits of one number.
"""

from collections.abc import Iterator, Mapping, Sequence
from itertools import product
from math import prod
from typing import Generic, NamedTuple, Protocol, TypeVar
from uuid import UUID

from app.core.orders.quote import Charges, discount_fen, total_fen

EXACT_PRODUCTS_MAX = 8
EXACT_SHOPS_MAX = 12
COMBINATIONS_MAX = 64
MOVES_MAX = 100
STARTS = 3
NEAREST = 6
"""A product is moved to the shops where it is cheapest by the item, or to those that are used anyway."""


class Choice(Protocol):
    """A SKU that a product can be bought as, and how many pieces."""

    @property
    def sku_id(self) -> UUID:
        """Which it is."""

    @property
    def quantity(self) -> int:
        """Pieces."""

    @property
    def unit_price_fen(self) -> int:
        """Of one piece."""

    @property
    def packing_fen(self) -> int:
        """Of one piece, too."""


C = TypeVar("C", bound=Choice)
Shelf = Mapping[int, Sequence[C]]
"""Number of a product → the SKUs that a shop can sell it as."""


class Part(NamedTuple, Generic[C]):
    """What is bought in one shop. ``short_fen`` is what lacks to its minimum order."""

    short_fen: int
    cost_fen: int
    lines: tuple[C, ...]


class Split(NamedTuple, Generic[C]):
    """Shop → what is bought there, the cheapest that was found; ``is_exact`` when no other can be cheaper."""

    parts: Mapping[UUID, tuple[C, ...]]
    is_exact: bool


def best_part(terms: Charges, shelf: Shelf[C], numbers: Sequence[int]) -> Part[C] | None:
    """Return the cheapest way to buy the products ``numbers`` in one shop; None when it lacks one."""
    choices = [shelf.get(number, ()) for number in numbers]
    if not all(choices):
        return None
    cheapest = _part(terms, tuple([one[0] if len(one) == 1 else min(one, key=_item_fen) for one in choices]))
    if not _may_dearer_be_better(terms, cheapest, choices):
        return cheapest
    if prod(len(choice) for choice in choices) > COMBINATIONS_MAX:
        return cheapest
    return min((_part(terms, lines) for lines in product(*choices)), key=lambda part: part[:2])


def _may_dearer_be_better(terms: Charges, cheapest: Part[C], choices: Sequence[Sequence[C]]) -> bool:
    """Say whether more goods could reach the shop's minimum, or a discount that what is cheapest by the item misses."""
    goods_fen = _goods_fen(cheapest.lines)
    most_fen = sum(max(line.unit_price_fen * line.quantity for line in choice) for choice in choices)
    if most_fen == goods_fen:
        return False
    tiers = terms.discount_tiers
    return cheapest.short_fen > 0 or discount_fen(tiers, most_fen) > discount_fen(tiers, goods_fen)


def _item_fen(line: Choice) -> int:
    return (line.unit_price_fen + line.packing_fen) * line.quantity


def _goods_fen(lines: Sequence[Choice]) -> int:
    return sum([line.unit_price_fen * line.quantity for line in lines])


def _part(terms: Charges, lines: tuple[C, ...]) -> Part[C]:
    goods_fen = _goods_fen(lines)
    packing_fen = sum([line.packing_fen * line.quantity for line in lines])
    short_fen = max(0, terms.minimum_fen - goods_fen)
    return Part(short_fen, total_fen(terms, goods_fen=goods_fen, line_packing_fen=packing_fen), lines)


def best_split(terms: Mapping[UUID, Charges], shelves: Mapping[UUID, Shelf[C]], count: int) -> Split[C] | None:
    """Return the cheapest way found to buy products ``0 … count - 1``; None when some shops' minimums cannot be met.

    Each shop's packing, delivery fee, minimum and discount count once, as checkout counts them.
    """
    if any(not any(number in shelf for shelf in shelves.values()) for number in range(count)):
        return None
    market = _Market(terms, shelves, count)
    is_exact = count <= EXACT_PRODUCTS_MAX and len(shelves) <= EXACT_SHOPS_MAX
    bought = _exactly(market) if is_exact else _by_moves(market)
    if bought is None:
        return None
    return Split({market.shop_ids[shop]: market.part(shop, mask).lines for shop, mask in bought.items()}, is_exact)


class _Market(Generic[C]):
    """Shops by number and what they sell, with every part that was priced once."""

    def __init__(self, terms: Mapping[UUID, Charges], shelves: Mapping[UUID, Shelf[C]], count: int) -> None:
        self.shop_ids = list(shelves)
        self.count = count
        self.everything = (1 << count) - 1
        self.held = [sum(1 << number for number in shelf) for shelf in shelves.values()]
        """Of each shop, the products that it has."""
        self._terms = [terms[shop_id] for shop_id in self.shop_ids]
        self._shelves = list(shelves.values())
        self._parts: list[dict[int, Part[C]]] = [{0: Part(0, 0, ())} for _ in self.shop_ids]

    def part(self, shop: int, mask: int) -> Part[C]:
        """Return the cheapest part of a shop that has all products of ``mask``."""
        found = self._parts[shop].get(mask)
        if found is None:
            numbers = [number for number in range(self.count) if mask >> number & 1]
            found = best_part(self._terms[shop], self._shelves[shop], numbers)
            assert found is not None, "products are only bought in shops that have them"
            self._parts[shop][mask] = found
        return found

    def holders(self, number: int) -> list[int]:
        """Return the shops that have a product, the cheapest by the item first."""
        items = [
            (min(map(_item_fen, shelf[number])), shop) for shop, shelf in enumerate(self._shelves) if number in shelf
        ]
        return [shop for _, shop in sorted(items)]


def _exactly(market: _Market[C]) -> dict[int, int] | None:
    """Return shop → products, the cheapest of all ways."""
    best: dict[int, tuple[int, tuple[tuple[int, int], ...]]] = {0: (0, ())}
    for shop, held in enumerate(market.held):
        costs = {}
        for mask in _subsets(held):
            part = market.part(shop, mask)
            if part.short_fen == 0:
                costs[mask] = part.cost_fen
        reached = dict(best)
        for taken, (cost_fen, bought) in best.items():
            for mask in _subsets(held & ~taken):
                part_fen = costs.get(mask)
                if part_fen is None:
                    continue
                found = reached.get(taken | mask)
                if found is None or cost_fen + part_fen < found[0]:
                    reached[taken | mask] = cost_fen + part_fen, (*bought, (shop, mask))
        best = reached
    everything = best.get(market.everything)
    return None if everything is None else dict(everything[1])


def _subsets(mask: int) -> Iterator[int]:
    """Yield every set of products within ``mask`` but the empty one."""
    subset = mask
    while subset:
        yield subset
        subset = (subset - 1) & mask


def _by_moves(market: _Market[C]) -> dict[int, int] | None:
    """Return shop → products, so that no single move makes it cheaper; from several starts, the best."""
    holders = [market.holders(number) for number in range(market.count)]
    by_item: dict[int, int] = {}
    for number, shops in enumerate(holders):
        by_item[shops[0]] = by_item.get(shops[0], 0) | 1 << number
    singles = [{shop: held} for shop, held in enumerate(market.held) if held == market.everything]
    starts = sorted([*singles, by_item], key=lambda bought: _value(market, bought))[:STARTS]
    if by_item not in starts:
        starts.append(by_item)
    nearest = [shops[:NEAREST] for shops in holders]
    bought = min((_improved(market, nearest, start) for start in starts), key=lambda found: _value(market, found))
    return None if _value(market, bought)[0] else bought


def _value(market: _Market[C], bought: Mapping[int, int]) -> tuple[int, int]:
    """Return what lacks to minimums, and what it costs; less is better, in this order."""
    parts = [market.part(shop, mask) for shop, mask in bought.items()]
    return sum(part.short_fen for part in parts), sum(part.cost_fen for part in parts)


def _improved(market: _Market[C], nearest: Sequence[Sequence[int]], start: Mapping[int, int]) -> dict[int, int]:
    """Return where no single move is better: of one product to another shop, or of one shop's into another's."""
    bought = dict(start)
    for _ in range(MOVES_MAX):
        best, step = (0, 0), None
        for source, target, moved in _moves(market, nearest, bought):
            kept, grown = bought[source] & ~moved, bought.get(target, 0) | moved
            now, then = market.part(source, bought[source]), market.part(source, kept)
            there, more = market.part(target, bought.get(target, 0)), market.part(target, grown)
            change = (
                then.short_fen + more.short_fen - now.short_fen - there.short_fen,
                then.cost_fen + more.cost_fen - now.cost_fen - there.cost_fen,
            )
            if change < best:
                best, step = change, (source, kept, target, grown)
        if step is None:
            break
        source, kept, target, grown = step
        bought |= {source: kept, target: grown}
        if not kept:
            del bought[source]
    return bought


def _moves(
    market: _Market[C], nearest: Sequence[Sequence[int]], bought: Mapping[int, int]
) -> Iterator[tuple[int, int, int]]:
    """Yield ``(from, to, products)``."""
    for source, mask in bought.items():
        for number in range(market.count):
            bit = 1 << number
            if mask & bit:
                targets = {*nearest[number], *(shop for shop in bought if market.held[shop] & bit)}
                yield from ((source, target, bit) for target in sorted(targets) if target != source)
        for target in bought:
            moved = mask & market.held[target]
            if target != source and moved:
                yield source, target, moved
