"""What pricing a cart takes: CPU of the pure rule, of its version, and of saying what changed. No database."""

from __future__ import annotations

import time
from dataclasses import replace
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING

from app.core.orders.agreed import changes_between
from app.core.orders.quote import Terms, Wanted, quote_cart
from app.core.orders.rules import Rate
from app.core.orders.surcharges import Surcharges
from app.kernel.ids import new_id

if TYPE_CHECKING:
    from collections.abc import Callable

NOW = datetime(2026, 3, 2, 4, 0, tzinfo=UTC)
ROUNDS = 500
SHAPES = ((3, 10), (3, 50))
"""Shops and lines: the cart that is spoken of, and the largest."""


def _cart(shops: int, lines: int) -> tuple[list[Wanted], dict[object, Terms]]:
    ids = [new_id() for _ in range(shops)]
    terms: dict[object, Terms] = {
        shop_id: Terms(
            shop_id=shop_id,
            name="惠民小店",
            is_open=True,
            is_delivered=True,
            distance_m=800,
            radius_m=3_000,
            minimum_fen=0,
            packing_fen=100,
            delivery_fen=300,
            surcharges=Surcharges(night_fen=100, weather_fen=100, floors_fen=120),
            discount_tiers=[{"from_fen": 3_000, "off_fen": 200}, {"from_fen": 5_000, "off_fen": 500}],
            preparation_minutes=15,
            commission=Rate(rule="shop_rate", bp=500),
            license_expires_on=date(2099, 1, 1),
        )
        for shop_id in ids
    }
    wanted = [
        Wanted(
            sku_id=new_id(),
            shop_id=ids[i % shops],
            name="鲜牛奶",
            option="大",
            quantity=1 + i % 3,
            unit_price_fen=990 + i,
            packing_fen=10,
            quantity_max=99,
            left=99,
            is_on_sale=True,
            is_deliverable=True,
        )
        for i in range(lines)
    ]
    return wanted, terms


def _cpu_ms(act: Callable[[], object]) -> float:
    for _ in range(ROUNDS // 10):
        act()
    start = time.process_time()
    for _ in range(ROUNDS):
        act()
    return (time.process_time() - start) / ROUNDS * 1_000


def main() -> None:
    """Print CPU in milliseconds."""
    print("(f) the price of a cart, CPU of this process")
    for shops, lines in SHAPES:
        wanted, terms = _cart(shops, lines)
        quote = quote_cart(wanted, terms, NOW)  # type: ignore[arg-type]
        dearer = [replace(line, unit_price_fen=line.unit_price_fen + 1) for line in wanted]
        other = quote_cart(dearer, terms, NOW).agreed  # type: ignore[arg-type]
        priced = _cpu_ms(lambda: quote_cart(wanted, terms, NOW).version)  # type: ignore[arg-type]  # noqa: B023
        told = _cpu_ms(lambda: changes_between(quote.agreed, other))  # noqa: B023
        print(f"  {shops} shops, {lines} lines: quote with version {priced:.3f} ms (aim 1), what changed {told:.3f} ms")


if __name__ == "__main__":
    main()
