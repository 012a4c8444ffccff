"""Rows of lists of streets and of communities, as files hold them: pure."""

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from uuid import UUID, uuid5

from app.kernel.marks import clean

NAME_MAX = 60
LAT_MIN, LAT_MAX, LNG_MIN, LNG_MAX = 3.0, 54.0, 73.0, 136.0
"""A box around China, WGS-84 degrees."""
_STREET_CODE = re.compile(r"[0-9]{9}")
_IDS = UUID("6f1c3f3e-6a7b-5c1d-9d53-0f0a4d1e8a77")
"""Communities that are imported are known by street and name in here."""
COMMUNITY_COLUMNS = ("store_id", "street_code", "name", "lat", "lng")
STREET_FILES: Mapping[str, tuple[str, ...]] = {
    "provinces.csv": ("code", "name"),
    "cities.csv": ("code", "name"),
    "areas.csv": ("code", "name", "cityCode", "provinceCode"),
    "streets.csv": ("code", "name", "areaCode"),
}
"""The files of a folder of streets, and the columns that are read of each."""


class RowInvalid(Exception):
    """A row that cannot be taken; the message says why, for who keeps the list."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Street:
    """A street or township (街道, 乡镇) by its nine-digit code, with the names of what it lies in."""

    street_code: str
    name: str
    district_code: str
    district: str
    city: str
    province: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A community as a list has it; ``community_id`` is the same for the same street and name."""

    community_id: UUID
    store_id: UUID
    street_code: str
    name: str
    lat: float
    lng: float


def read_street(row: Mapping[str, str], areas: Mapping[str, tuple[str, str, str]]) -> Street:
    """Return the street of a row.

    :param areas: names of district, city and province by the code of the district.
    :raises RowInvalid: the code has not nine digits, the district is unknown, or the name is too long or missing.
    """
    code, name = row["code"].strip(), clean(row["name"])
    if not _STREET_CODE.fullmatch(code):
        raise RowInvalid(f"编码不是九位数字：{code[:20]}")
    _refuse_name(name)
    area_code = row["areaCode"].strip()
    if area_code not in areas:
        raise RowInvalid(f"没有这个区县：{area_code[:20]}")
    district, city, province = areas[area_code]
    return Street(street_code=code, name=name, district_code=area_code, district=district, city=city, province=province)


def read_place(row: Mapping[str, str]) -> Place:
    """Return the community of a row.

    :raises RowInvalid: a code, id or place that is none, a place outside China, a name that is too long or missing.
    """
    name, code = clean(row["name"]), row["street_code"].strip()
    _refuse_name(name)
    if not _STREET_CODE.fullmatch(code):
        raise RowInvalid(f"街道编码不是九位数字：{code[:20]}")
    try:
        store_id, lat, lng = UUID(row["store_id"].strip()), float(row["lat"]), float(row["lng"])
    except ValueError:
        raise RowInvalid("体验店编号或坐标无法识别") from None
    if not (math.isfinite(lat) and math.isfinite(lng) and LAT_MIN <= lat <= LAT_MAX and LNG_MIN <= lng <= LNG_MAX):
        raise RowInvalid("坐标不在中国范围内（WGS-84，先纬度后经度）")
    return Place(
        community_id=uuid5(_IDS, f"{code}/{name}"), store_id=store_id, street_code=code, name=name, lat=lat, lng=lng
    )


def _refuse_name(name: str) -> None:
    if not 1 <= len(name) <= NAME_MAX or not name.isprintable():
        raise RowInvalid(f"名称须为 1 至 {NAME_MAX} 个可见字符")
