"""Standard products."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING, Any

from app.core.catalog.barcodes import check_digit
from app.core.catalog.records import StandardProductRow
from app.kernel.ids import new_id
from tests.factories.rows import write

if TYPE_CHECKING:
    from uuid import UUID


def a_barcode() -> str:
    """Return a barcode that nobody else has, of GS1's prefix for examples."""
    body = f"952{secrets.randbelow(10**9):09d}"
    return body + check_digit(body)


def a_product(**values: Any) -> UUID:
    """Return the id of a standard product with a barcode of its own; ``values`` are its columns."""
    product_id: UUID = values.pop("standard_product_id", None) or new_id()
    columns = {"name": "鲜牛奶", "match_key": "", "barcode": a_barcode(), **values}
    write(StandardProductRow, standard_product_id=product_id, **columns)
    return product_id
