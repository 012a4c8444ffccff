"""What a row of a list must be to become a listing, and when two are the same merchant. Pure."""

import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from app.kernel.marks import clean, is_one_line

SAME_M_MAX = 100
"""Two listings of one name closer than this are one merchant: maps differ by the width of a street or two."""
NAME_MAX, CATEGORY_MAX, ADDRESS_MAX, SOURCE_MAX = 100, 30, 200, 50
LAT_MIN, LAT_MAX, LNG_MIN, LNG_MAX = 3.0, 54.0, 73.0, 136.0

COLUMNS: Mapping[str, frozenset[str]] = {
    "name": frozenset({"name", "名称", "商户名称", "店名"}),
    "category": frozenset({"category", "类别", "分类"}),
    "lat": frozenset({"lat", "latitude", "纬度"}),
    "lng": frozenset({"lng", "lon", "longitude", "经度"}),
    "address": frozenset({"address", "地址"}),
    "source": frozenset({"source", "来源"}),
}
"""Column → what it may be called. The last two may be lacking."""
NEEDED = ("name", "category", "lat", "lng")
_UNREADABLE = "\ufffd"


@dataclass(frozen=True, slots=True)
class Listed:
    """A merchant as a list names it; WGS-84 degrees."""

    name: str
    category: str
    lat: float
    lng: float
    address: str
    source: str


class RowInvalid(ValueError):
    """A row is no listing; the message says why, in Chinese, for who made the list."""


def columns_of(header: Sequence[str]) -> dict[str, int]:
    """Return where each column stands.

    :raises RowInvalid: a needed one is lacking, or one is there twice.
    """
    found: dict[str, int] = {}
    for place, title in enumerate(header):
        column = next((name for name, titles in COLUMNS.items() if title.strip().lower() in titles), None)
        if column in found:
            raise RowInvalid(f"表头重复：{title.strip()}")
        if column is not None:
            found[column] = place
    lacking = [name for name in NEEDED if name not in found]
    if lacking:
        raise RowInvalid(f"缺少列：{'、'.join(lacking)}")
    return found


def read_row(row: Sequence[str], columns: Mapping[str, int], *, source: str) -> Listed:
    """Return the listing that a row names.

    :param source: where the row has none.
    :raises RowInvalid: something in it is wrong.
    """
    if len(row) <= max(columns.values()):
        raise RowInvalid(f"只有 {len(row)} 列")
    name = _text(row[columns["name"]], "名称", NAME_MAX)
    category = _text(row[columns["category"]], "类别", CATEGORY_MAX)
    lat, lng = _degrees(row[columns["lat"]], "纬度"), _degrees(row[columns["lng"]], "经度")
    if not (LAT_MIN <= lat <= LAT_MAX and LNG_MIN <= lng <= LNG_MAX):
        is_swapped = LAT_MIN <= lng <= LAT_MAX and LNG_MIN <= lat <= LNG_MAX
        raise RowInvalid("经度与纬度填反" if is_swapped else "坐标不在中国境内")
    address = _text(row[columns["address"]], "地址", ADDRESS_MAX, low=0) if "address" in columns else ""
    given = _text(row[columns["source"]], "来源", SOURCE_MAX, low=0) if "source" in columns else ""
    return Listed(name, category, lat, lng, address, given or source)


def _text(value: str, title: str, high: int, *, low: int = 1) -> str:
    cleaned = clean(value)
    if not low <= len(cleaned) <= high:
        raise RowInvalid(f"{title}应为 {low} 至 {high} 个字符")
    if not cleaned.isascii() and _UNREADABLE in cleaned:
        raise RowInvalid(f"{title}编码有误")
    if not is_one_line(cleaned):
        raise RowInvalid(f"{title}含有控制字符")
    return cleaned


def _degrees(value: str, title: str) -> float:
    try:
        return float(value)
    except ValueError:
        raise RowInvalid(f"{title}不是数字") from None


def name_key(name: str, normal: Callable[[str], str]) -> int:
    """Return the key of a name as merchants are compared by it: the beginning of its SHA-256, a signed integer.

    :param normal: the form in which names are compared; spaces do not count.
    """
    compared = normal(name).replace(" ", "").encode()
    return int.from_bytes(hashlib.sha256(compared).digest()[:8], "big", signed=True)


def firsts_of(twins: Iterable[tuple[int, int]]) -> dict[int, int]:
    """Return for each line that is merged the line that it is merged into.

    :param twins: pairs of lines that are one merchant, the later one first. What came first is kept, and what is the
        same as something kept is merged into the first such; what is the same only as something merged is kept.
    """
    earlier: dict[int, list[int]] = {}
    for line, before in twins:
        earlier.setdefault(line, []).append(before)
    merged: dict[int, int] = {}
    for line in sorted(earlier):
        kept = [before for before in earlier[line] if before not in merged]
        if kept:
            merged[line] = min(kept)
    return merged


def bands_of(counts: Sequence[tuple[int, int]], rows_max: int) -> list[tuple[int, int]]:
    """Return spans ``(from, to)`` of rows of the map, ``to`` excluded, that hold about ``rows_max`` listings each.

    :param counts: rows of the map that hold any, in order, with how many.
    """
    bands: list[tuple[int, int]] = []
    begin, held = None, 0
    for map_row, count in counts:
        begin = map_row if begin is None else begin
        held += count
        if held >= rows_max:
            bands.append((begin, map_row + 1))
            begin, held = None, 0
    if begin is not None:
        bands.append((begin, counts[-1][0] + 1))
    return bands
