"""Where a basket is cheapest: all of it in one shop, or split over several. Pure; amounts in fen.

A shop's part is priced by the rule of :mod:`app.core.orders.quote`. Few products over few shops are solved exactly, by
dynamic programming over sets of products; a larger basket by moves that each make it cheaper, until none does.
"""

from collections.abc import Iterator, Mapping, Sequence
from itertools import product
from math import prod
from typing import NamedTuple
from uuid import UUID

from app.core.orders.quote import Terms, Wanted, total_fen

EXACT_PRODUCTS_MAX = 8
EXACT_SHOPS_MAX = 12
COMBINATIONS_MAX = 64
MOVES_MAX = 100
STARTS = 3
NEAREST = 6
"""A product is moved to the shops where it is cheapest by the item, or to those that are used anyway."""

Shelf = Mapping[int, Sequence[Wanted]]
"""Number of a product → the SKUs that a shop can sell it as."""


class Part(NamedTuple):
    """What is bought in one shop. ``short_fen`` is what lacks to its minimum order."""

    short_fen: int
    cost_fen: int
    lines: tuple[Wanted, ...]


class Split(NamedTuple):
    """Shop → what is bought there, the cheapest that was found; ``is_exact`` when no other can be cheaper."""

    parts: Mapping[UUID, tuple[Wanted, ...]]
    is_exact: bool


def best_part(terms: Terms, shelf: Shelf, numbers: Sequence[int]) -> Part | None:
    """Return the cheapest way to buy the products ``numbers`` in one shop; None when it lacks one."""
    choices = [shelf.get(number, ()) for number in numbers]
    if not all(choices):
        return None
    if prod(len(choice) for choice in choices) > COMBINATIONS_MAX:
        choices = [[min(choice, key=_item_fen)] for choice in choices]
    return min((_part(terms, lines) for lines in product(*choices)), key=lambda part: part[:2])


def _item_fen(line: Wanted) -> int:
    return (line.unit_price_fen + line.packing_fen) * line.quantity


def _part(terms: Terms, lines: tuple[Wanted, ...]) -> Part:
    goods_fen = sum(line.unit_price_fen * line.quantity for line in lines)
    packing_fen = sum(line.packing_fen * line.quantity for line in lines)
    short_fen = max(0, terms.minimum_fen - goods_fen)
    return Part(short_fen, total_fen(terms, goods_fen=goods_fen, line_packing_fen=packing_fen), lines)


def best_split(terms: Mapping[UUID, Terms], shelves: Mapping[UUID, Shelf], count: int) -> Split | None:
    """Return the cheapest way found to buy products ``0 … count - 1``; None when some shops' minimums cannot be met.

    Each shop's packing, delivery fee, minimum and discount count once, as checkout counts them.
    """
    if any(not any(number in shelf for shelf in shelves.values()) for number in range(count)):
        return None
    if count <= EXACT_PRODUCTS_MAX and len(shelves) <= EXACT_SHOPS_MAX:
        parts = _exactly(terms, shelves, count)
        return None if parts is None else Split(parts, is_exact=True)
    parts = _by_moves(terms, shelves, count)
    return None if parts is None else Split(parts, is_exact=False)


def _exactly(
    terms: Mapping[UUID, Terms], shelves: Mapping[UUID, Shelf], count: int
) -> dict[UUID, tuple[Wanted, ...]] | None:
    everything = (1 << count) - 1
    best: dict[int, tuple[int, tuple[tuple[UUID, Part], ...]]] = {0: (0, ())}
    for shop_id, shelf in shelves.items():
        held = sum(1 << number for number in shelf)
        parts = {}
        subset = held
        while subset:
            part = best_part(terms[shop_id], shelf, [n for n in range(count) if subset >> n & 1])
            if part is not None and part.short_fen == 0:
                parts[subset] = part
            subset = (subset - 1) & held
        reached = dict(best)
        for taken, (cost_fen, bought) in best.items():
            for subset, part in parts.items():
                if subset & taken:
                    continue
                found = reached.get(taken | subset)
                if found is None or cost_fen + part.cost_fen < found[0]:
                    reached[taken | subset] = cost_fen + part.cost_fen, (*bought, (shop_id, part))
        best = reached
    found = best.get(everything)
    return None if found is None else {shop_id: part.lines for shop_id, part in found[1]}


def _by_moves(
    terms: Mapping[UUID, Terms], shelves: Mapping[UUID, Shelf], count: int
) -> dict[UUID, tuple[Wanted, ...]] | None:
    market = _Market(terms, shelves, count)
    singles = [[shop_id] * count for shop_id, shelf in shelves.items() if len(shelf) == count]
    by_item = [holders[0] for holders in market.holders]
    starts = sorted([*singles, by_item], key=market.value)[:STARTS]
    if by_item not in starts:
        starts.append(by_item)
    where = min((market.improve(start) for start in starts), key=market.value)
    if market.value(where)[0]:
        return None
    return {shop_id: market.part(shop_id, numbers).lines for shop_id, numbers in _by_shop(where).items()}


def _by_shop(where: Sequence[UUID]) -> dict[UUID, tuple[int, ...]]:
    found: dict[UUID, tuple[int, ...]] = {}
    for number, shop_id in enumerate(where):
        found[shop_id] = (*found.get(shop_id, ()), number)
    return found


class _Market:
    """Shops and what they sell, with every part that was priced once. ``where`` says which shop each product is of."""

    def __init__(self, terms: Mapping[UUID, Terms], shelves: Mapping[UUID, Shelf], count: int) -> None:
        self.terms, self.shelves = terms, shelves
        self.holders = [
            sorted(
                (shop_id for shop_id, shelf in shelves.items() if number in shelf),
                key=lambda shop_id: min(map(_item_fen, shelves[shop_id][number])),
            )
            for number in range(count)
        ]
        """Of each product, the shops that have it, the cheapest by the item first."""
        self._parts: dict[tuple[UUID, tuple[int, ...]], Part] = {}

    def part(self, shop_id: UUID, numbers: tuple[int, ...]) -> Part:
        """Return the cheapest part of a shop that has all of ``numbers``."""
        found = self._parts.get((shop_id, numbers))
        if found is None:
            found = best_part(self.terms[shop_id], self.shelves[shop_id], numbers)
            assert found is not None, "products are only moved to shops that have them"
            self._parts[shop_id, numbers] = found
        return found

    def value(self, where: Sequence[UUID]) -> tuple[int, int]:
        """Return what lacks to minimums, and what it costs; less is better, in this order."""
        parts = [self.part(shop_id, numbers) for shop_id, numbers in _by_shop(where).items()]
        return sum(part.short_fen for part in parts), sum(part.cost_fen for part in parts)

    def improve(self, where: list[UUID]) -> list[UUID]:
        """Return where no single move is better: of one product to another shop, or of one shop's into another's."""
        value = self.value(where)
        for _ in range(MOVES_MAX):
            better = min(self._moves(where), key=self.value, default=where)
            if self.value(better) >= value:
                break
            value, where = self.value(better), better
        return where

    def _moves(self, where: list[UUID]) -> Iterator[list[UUID]]:
        used = set(where)
        for number, holders in enumerate(self.holders):
            for shop_id in {*holders[:NEAREST], *(used & set(holders))}:
                yield [*where[:number], shop_id, *where[number + 1 :]]
        for source in used:
            for target in used - {source}:
                yield [
                    target if at == source and number in self.shelves[target] else at for number, at in enumerate(where)
                ]
