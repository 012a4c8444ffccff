"""Which SKU of a shelf a row of a sheet is about, and whether a row fits beside the others of its file. Pure."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from uuid import UUID

from app.core.catalog.sheets import RowError, SheetRow
from app.kernel.wire import Row

SKUS_MAX = 50
"""Of one offer."""


class Standing:
    """What stands on a shelf already: found by id, else by barcode, else by name, group and option.

    However it was found, what the row says is what its offer says from then on; blank cells leave what is there. Rows
    below one that gives an offer another name or group find it by that.
    """

    def __init__(self, shelf: Sequence[Row]) -> None:
        rows = [row for row in shelf if row.sku_id is not None]
        self.by_id = {row.sku_id: row for row in rows}
        self.by_barcode = {row.barcode: row for row in rows if row.barcode is not None}
        self.by_name = {(row.name, row.category, row.option): row for row in rows}
        self.offers = {(row.name, row.category): row.offer_id for row in rows}
        self.sku_counts = Counter((row.name, row.category) for row in rows)
        self.names = {row.offer_id: (row.name, row.category) for row in rows}
        self.keys: dict[UUID, list[tuple[str, str, str]]] = {}
        for key, row in self.by_name.items():
            self.keys.setdefault(row.offer_id, []).append(key)

    def sku_of(self, row: SheetRow) -> Row | None:
        """Return the SKU that a row is about, or None for a new one."""
        if row.sku_id is not None:
            return self.by_id.get(row.sku_id)
        found = self.by_barcode.get(row.barcode) if row.barcode else None
        return found or self.by_name.get((row.name, row.category, row.option))

    def follow(self, row: SheetRow, offer_id: UUID) -> None:
        """From now on find an offer by what ``row`` calls it."""
        old, new = self.names[offer_id], (row.name, row.category)
        if old == new:
            return
        self.names[offer_id] = new
        if self.offers.get(old) == offer_id:
            del self.offers[old]
        self.offers.setdefault(new, offer_id)
        keys = self.keys.pop(offer_id, [])
        self.keys[offer_id] = [(*new, option) for _, _, option in keys]
        for key in keys:
            sku = self.by_name[key]
            if sku.offer_id == offer_id:
                del self.by_name[key]
                self.by_name.setdefault((*new, key[2]), sku)
                self.sku_counts[old] -= 1
                self.sku_counts[new] += 1

    def each(self, rows: Sequence[SheetRow]) -> Iterator[tuple[SheetRow, Row | None]]:
        """Return each row with the SKU that it is about, as it was judged."""
        for row in rows:
            sku = self.sku_of(row)
            if sku is not None:
                self.follow(row, sku.offer_id)
            yield row, sku


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
        self.said: dict[object, Said] = {}

    def flaw_of(self, row: SheetRow) -> RowError | None:
        """Return what is wrong with a row beside those before it; one that is right is among them from now on."""
        standing, name = self.standing, (row.name, row.category)
        if row.sku_id is not None and row.sku_id not in standing.by_id:
            return RowError(row.row, "规格编号", "本店没有这个规格")
        sku = standing.sku_of(row)
        key = (*name, row.option, row.barcode) if sku is None else sku.sku_id
        offer = self.said.setdefault(standing.offers.get(name, name) if sku is None else sku.offer_id, Said(row.row))
        if not offer.agrees(row):
            detail = f"与第 {offer.row} 行是同一商品的规格，名称、分组、类目、品牌和状态须一致"
            return RowError(row.row, "名称", detail)
        if sku is None and standing.sku_counts[name] >= SKUS_MAX:
            return RowError(row.row, "规格", f"一个商品最多 {SKUS_MAX} 个规格")
        if key in self.seen or (row.barcode and row.barcode in self.seen):
            first = self.seen.get(key) or self.seen[row.barcode]
            return RowError(row.row, "名称", f"与第 {first} 行是同一商品")
        self.seen[key] = row.row
        if row.barcode:
            self.seen[row.barcode] = row.row
        if sku is None:
            standing.sku_counts[name] += 1
        else:
            standing.follow(row, sku.offer_id)
        return None
