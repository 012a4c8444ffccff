"""Billers come by a list: comma-separated values with a head, taken whole or not at all; known ones are changed."""

import csv
import re
from collections.abc import Iterable, Mapping
from typing import Any

from sqlalchemy import text

from app.core import ledger
from app.core.bills.errors import BillersRefused
from app.core.bills.numbers import DIGITS_MAX, CheckScheme
from app.core.bills.states import BillKind
from app.core.ledger import codes
from app.kernel.ids import new_id
from app.kernel.transaction import transaction

COLUMNS = (
    "code",
    "kind",
    "name_zh",
    "name_en",
    "region_code",
    "region_zh",
    "region_en",
    "digits_min",
    "digits_max",
    "check_scheme",
    "is_part_allowed",
    "is_prepaid",
    "minimum_fen",
    "maximum_fen",
)
LINES_MAX = 5_000
_CODE = re.compile(r"[a-z0-9][a-z0-9-]{1,39}")
_REGION = re.compile(r"[1-8][0-9]{5}")
_FLAGS = {"true": True, "false": False}

_PUT = text(
    f"""
    INSERT INTO billers (biller_id, {", ".join(COLUMNS)}) VALUES (:biller_id, {", ".join(f":{one}" for one in COLUMNS)})
    ON CONFLICT (code) DO UPDATE SET is_active = true, {", ".join(f"{one} = excluded.{one}" for one in COLUMNS)}
    """
)


def read_billers(lines: Iterable[str]) -> list[dict[str, Any]]:
    """Return the billers of a list.

    :raises BillersRefused: a line cannot be read; parameters ``line`` and ``reason``.
    """
    reader = csv.DictReader(lines)
    if tuple(reader.fieldnames or ()) != COLUMNS:
        raise BillersRefused(line=1, reason="head")
    found: dict[str, dict[str, Any]] = {}
    for place, row in enumerate(reader, 2):
        if place > LINES_MAX:
            raise BillersRefused(line=place, reason="too_many")
        biller = _biller(place, row)
        if biller["code"] in found:
            raise BillersRefused(line=place, reason="repeated")
        found[biller["code"]] = biller
    return list(found.values())


def _biller(place: int, row: Mapping[str, Any]) -> dict[str, Any]:
    try:
        biller: dict[str, Any] = {
            **{name: str(row[name]).strip() for name in COLUMNS},
            **{name: int(row[name]) for name in ("digits_min", "digits_max", "minimum_fen", "maximum_fen")},
            **{name: _FLAGS[row[name]] for name in ("is_part_allowed", "is_prepaid")},
            "kind": BillKind(row["kind"]).value,
            "check_scheme": CheckScheme(row["check_scheme"]).value,
        }
    except (ValueError, KeyError, TypeError):
        raise BillersRefused(line=place, reason="value") from None
    is_sound = (
        _CODE.fullmatch(biller["code"])
        and _REGION.fullmatch(biller["region_code"])
        and all(0 < len(biller[name]) <= 100 for name in ("name_zh", "name_en", "region_zh", "region_en"))  # noqa: PLR2004 - letters
        and 2 < biller["digits_min"] <= biller["digits_max"] <= DIGITS_MAX  # noqa: PLR2004 - digits
        and 0 <= biller["minimum_fen"] <= biller["maximum_fen"]
        and None not in row
    )
    if not is_sound:
        raise BillersRefused(line=place, reason="bounds")
    return biller


def put_billers(billers: Iterable[Mapping[str, Any]]) -> int:
    """Make billers known, or change those that are; return how many."""
    done = 0
    with transaction() as tx:
        for biller in billers:
            tx.execute(_PUT, {"biller_id": new_id(), **biller})
            ledger.open_account(tx, codes.biller_payable(biller["code"]))
            done += 1
    return done
