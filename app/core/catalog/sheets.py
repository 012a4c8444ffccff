"""A shelf as a sheet: its columns, and what is wrong with a row, said in Chinese to who filled it in. Pure."""

import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple
from uuid import UUID

from app.core.catalog.barcodes import is_sound
from app.core.catalog.content import Content, read_content
from app.core.catalog.errors import ColumnsLacking, ColumnsRepeated
from app.core.catalog.sheet_files import Cells
from app.kernel.marks import clean, is_one_line, without_marks

PRICE_FEN_MAX = 10_000_000
PACKING_FEN_MAX = 10_000
ON_HAND_MAX = 1_000_000
NAME_LENGTH_MAX = 100
SHORT_LENGTH_MAX = 50
PER_PERSON_MAX = 999
ERRORS_MAX = 1_000
"""Errors that are kept of one file."""

COLUMNS: Mapping[str, tuple[str, ...]] = {
    "sku_id": ("规格编号", "sku编号"),
    "barcode": ("条码", "商品条码", "国际条码", "ean"),
    "name": ("名称", "商品名称", "品名"),
    "category": ("货架分组", "分组", "分类"),
    "category_code": ("类目编码", "类目"),
    "brand": ("品牌",),
    "option": ("规格", "规格名称"),
    "content": ("净含量", "含量"),
    "price": ("售价", "价格", "单价"),
    "packing": ("打包费", "包装费"),
    "on_hand": ("库存", "库存数量"),
    "per_person": ("每人限购", "限购"),
    "state": ("状态",),
}
"""Column → its title in Chinese, and what else people write; the first is written."""

HEAD: Cells = ("规格编号", "条码", "名称", "货架分组", "类目编码", "品牌", "规格", "净含量", "售价（元）",
               "打包费（元）", "库存", "每人限购", "状态")  # fmt: skip
EXAMPLE: Cells = ("", "6901028075831", "示例 矿泉水", "饮料", "retail.drinks.water", "示例牌", "", "550 ml", "2.50",
                  "0", "100", "", "在售")  # fmt: skip
NEEDED = ("name", "category", "price")
STATES: Mapping[str, str | None] = {
    **dict.fromkeys(("在售", "上架"), "on_sale"),
    **dict.fromkeys(("暂停", "下架"), "paused"),
    **dict.fromkeys(("", "审核中", "未通过")),
}
"""What is written → where an offer is put; None leaves it, and a new one is on sale."""
_YUAN = re.compile(r"(?:¥|￥)?([0-9]{1,7})(?:\.([0-9]{1,2})0*)?元?")


class RowError(NamedTuple):
    """What is wrong in one cell; ``row`` is as a spreadsheet counts, the head is 1."""

    row: int
    column: str
    detail: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SheetRow:
    """A row that is right by itself. ``on_hand`` None is unlimited; ``state`` None leaves it as it is."""

    row: int
    sku_id: UUID | None
    barcode: str | None
    name: str
    category: str
    category_code: str | None
    brand: str
    option: str
    content: Content | None
    price_fen: int
    packing_fen: int
    on_hand: int | None
    per_person_max: int | None
    state: str | None


def read_head(cells: Sequence[str]) -> dict[str, int]:
    """Return where each known column stands; unknown columns are passed over.

    :raises ColumnsLacking: a needed one is not there; parameter ``columns``. :raises ColumnsRepeated: one is twice.
    """
    places: dict[str, int] = {}
    repeated: list[str] = []
    for place, title in enumerate(cells):
        plain = _plain(title)
        for key, names in COLUMNS.items():
            if plain == key or plain in names:
                repeated += [names[0]] if key in places else []
                places.setdefault(key, place)
    lacking = [COLUMNS[key][0] for key in NEEDED if key not in places]
    if lacking:
        raise ColumnsLacking(columns="、".join(lacking))
    if repeated:
        raise ColumnsRepeated(columns="、".join(dict.fromkeys(repeated)))
    return places


def _plain(title: str) -> str:
    return re.sub(r"[（(].*?[）)]|\s|\*", "", unicodedata.normalize("NFKC", without_marks(title))).lower()


def is_blank(cells: Sequence[str]) -> bool:
    """Say whether a row holds nothing."""
    return not any(map(clean, cells))


def read_row(  # noqa: C901 - one look at each column
    number: int, cells: Sequence[str], places: Mapping[str, int], categories: frozenset[str]
) -> SheetRow | list[RowError]:
    """Return a row, or all that is wrong with it.

    :param categories: codes that the shop's vertical has.
    """
    given = {key: clean(cells[place]) if place < len(cells) else "" for key, place in places.items()}
    errors: list[RowError] = []

    def wrong(key: str, detail: str) -> None:
        errors.append(RowError(number, COLUMNS[key][0], detail))

    def text(key: str, length_max: int, *, is_needed: bool = False) -> str:
        value = given.get(key, "")
        if is_needed and not value:
            wrong(key, "不能为空")
        elif len(value) > length_max:
            wrong(key, f"最多 {length_max} 个字")
        elif not is_one_line(value):
            wrong(key, "含有控制字符")
        return value

    def whole(key: str, low: int, high: int) -> int | None:
        value = given.get(key, "")
        if not value:
            return None
        if not re.fullmatch(r"[0-9]{1,9}", value) or not low <= int(value) <= high:
            wrong(key, f"应为 {low} 到 {high} 的整数")
            return None
        return int(value)

    def fen(key: str, low: int, high: int) -> int:
        found = _YUAN.fullmatch(unicodedata.normalize("NFKC", given.get(key, "")).replace(",", ""))
        amount = -1 if found is None else int(found[1]) * 100 + int((found[2] or "0").ljust(2, "0"))
        if not low <= amount <= high:
            wrong(key, f"应为 {low / 100:.2f} 到 {high / 100:.2f} 元，最多两位小数")
        return amount

    sku_id = None
    if given.get("sku_id"):
        try:
            sku_id = UUID(given["sku_id"])
        except ValueError:
            wrong("sku_id", "不是有效的编号；新商品请留空")
    barcode = given.get("barcode") or None
    if barcode is not None and not is_sound(barcode):
        wrong("barcode", "不是有效的 EAN-13 或 EAN-8 条码（校验码不符）")
    category_code = given.get("category_code") or None
    if category_code is not None and category_code not in categories:
        wrong("category_code", "本店所属行业没有这个类目")
    content = None
    if given.get("content"):
        content = read_content(given["content"])
        if content is None:
            wrong("content", "应写成“500 g”“6×330 ml”“2 小时”")
    said = given.get("state", "")
    if said not in STATES:
        wrong("state", "应为“在售”或“暂停”")
    row = {
        "name": text("name", NAME_LENGTH_MAX, is_needed=True),
        "category": text("category", SHORT_LENGTH_MAX, is_needed=True),
        "brand": text("brand", SHORT_LENGTH_MAX),
        "option": text("option", SHORT_LENGTH_MAX),
        "price_fen": fen("price", 1, PRICE_FEN_MAX),
        "packing_fen": fen("packing", 0, PACKING_FEN_MAX) if given.get("packing") else 0,
        "on_hand": whole("on_hand", 0, ON_HAND_MAX),
        "per_person_max": whole("per_person", 1, PER_PERSON_MAX),
    }
    if errors:
        return errors
    return SheetRow(
        row=number,
        sku_id=sku_id,
        barcode=barcode,
        category_code=category_code,
        content=content,
        state=STATES[said],
        **row,  # type: ignore[arg-type]
    )
