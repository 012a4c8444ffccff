"""Which SKU of a shelf a row of a sheet is about, and whether a row fits beside the others of its file. Pure."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from uuid import UUID

from app.core.catalog.sheets import RowError, SheetRow
from app.kernel.ids import new_id
from app.kernel.wire import Row

SKUS_MAX = 50
"""Of one offer."""


class Standing:
    """What stands on a shelf already: found by id, else by barcode, else by name, group, brand and option.

    However it was found, what the row says is what its offer says from then on; blank cells leave what is there. Rows
    below one that gives an offer another name, group or brand find it by that. A row without a brand is about the first
    offer of its name and group; one with a brand is about that of its brand, else about one that has none yet.

    :param shelf: SKUs in the order of the shelf.
    """

    def __init__(self, shelf: Sequence[Row]) -> None:
        rows = [row for row in shelf if row.sku_id is not None]
        self.by_id = {row.sku_id: row for row in rows}
        self.by_barcode = {row.barcode: row for row in rows if row.barcode is not None}
        self.by_option: dict[tuple[UUID, str], Row] = {}
        self.names: dict[UUID, tuple[str, str, str]] = {}
        self.offers: dict[tuple[str, str], dict[str, UUID]] = {}
        self.sku_counts = Counter(row.offer_id for row in rows)
        for row in rows:
            self.by_option.setdefault((row.offer_id, row.option), row)
            if row.offer_id not in self.names:
                self._name(row.offer_id, row.name, row.category, row.brand)

    def _name(self, offer_id: UUID, name: str, category: str, brand: str) -> None:
        self.names[offer_id] = (name, category, brand)
        self.offers.setdefault((name, category), {}).setdefault(brand, offer_id)

    def offer_of(self, row: SheetRow) -> UUID | None:
        """Return the offer that a row names, or None for a new one."""
        brands = self.offers.get((row.name, row.category), {})
        return brands.get(row.brand) or brands.get("") if row.brand else next(iter(brands.values()), None)

    def sku_of(self, row: SheetRow) -> Row | None:
        """Return the SKU that a row is about, or None for a new one."""
        if row.sku_id is not None:
            return self.by_id.get(row.sku_id)
        found = self.by_barcode.get(row.barcode) if row.barcode else None
        if found is not None:
            return found
        offer_id = self.offer_of(row)
        return None if offer_id is None else self.by_option.get((offer_id, row.option))

    def follow(self, row: SheetRow, offer_id: UUID) -> None:
        """From now on find an offer, which may be new, by what ``row`` calls it."""
        old = self.names.get(offer_id)
        brand = row.brand or (old[2] if old is not None else "")
        if old == (row.name, row.category, brand):
            return
        if old is not None and self.offers[old[:2]].get(old[2]) == offer_id:
            del self.offers[old[:2]][old[2]]
        self._name(offer_id, row.name, row.category, brand)

    def each(self, rows: Sequence[SheetRow]) -> Iterator[tuple[SheetRow, UUID, Row | None]]:
        """Return each row with its offer, which may be new, and the SKU that it is about, as it was judged."""
        for row in rows:
            sku = self.sku_of(row)
            offer_id = sku.offer_id if sku is not None else self.offer_of(row) or new_id()
            self.follow(row, offer_id)
            yield row, offer_id, sku


@dataclass(slots=True)
class Said:
    """What the rows of a file say of one offer, from ``row`` on; what none has said yet is blank."""

    row: int
    words: list[str | None] = field(default_factory=lambda: [None] * 5)

    def agrees(self, row: SheetRow) -> bool:
        """Say whether ``row`` says nothing else, and keep what it says: what is blank leaves the others their say."""
        words = [one or None for one in (row.name, row.category, row.category_code, row.brand, row.state)]
        if any(one and known and one != known for one, known in zip(words, self.words, strict=True)):
            return False
        self.words = [known or one for one, known in zip(words, self.words, strict=True)]
        return True


class Beside:
    """The rows of a file that were right so far, and what the shelf is by them."""

    def __init__(self, standing: Standing) -> None:
        self.standing = standing
        self.seen: dict[object, int] = {}
        self.said: dict[UUID, Said] = {}

    def flaw_of(self, row: SheetRow) -> RowError | None:
        """Return what is wrong with a row beside those before it; one that is right is among them from now on."""
        standing = self.standing
        if row.sku_id is not None and row.sku_id not in standing.by_id:
            return RowError(row.row, "规格编号", "本店没有这个规格")
        sku = standing.sku_of(row)
        offer_id = sku.offer_id if sku is not None else standing.offer_of(row) or new_id()
        key = (offer_id, row.option, row.barcode) if sku is None else sku.sku_id
        offer = self.said.setdefault(offer_id, Said(row.row))
        if not offer.agrees(row):
            detail = f"与第 {offer.row} 行是同一商品的规格，名称、分组、类目、品牌和状态须一致"
            return RowError(row.row, "名称", detail)
        if sku is None and standing.sku_counts[offer_id] >= SKUS_MAX:
            return RowError(row.row, "规格", f"一个商品最多 {SKUS_MAX} 个规格")
        if key in self.seen or (row.barcode and row.barcode in self.seen):
            first = self.seen.get(key) or self.seen[row.barcode]
            return RowError(row.row, "名称", f"与第 {first} 行是同一商品")
        self.seen[key] = row.row
        if row.barcode:
            self.seen[row.barcode] = row.row
        if sku is None:
            standing.sku_counts[offer_id] += 1
        standing.follow(row, offer_id)
        return None
