from __future__ import annotations

from typing import TYPE_CHECKING

from app.kernel import wire
from app.usecases.shopping.cart import put_in_cart
from tests.factories import a_community, a_merchant_with_shop, a_resident, an_address, an_offer

if TYPE_CHECKING:
    from flask.testing import FlaskClient

ROUND_TRIPS_MAX = 8


def test_placing_ten_lines_of_three_shops_takes_at_most_eight_round_trips(client: FlaskClient) -> None:
    community, resident = a_community(), a_resident()
    shops = [a_merchant_with_shop(community=community) for _ in range(3)]
    for number in range(10):
        put_in_cart(resident.actor, sku_id=an_offer(shops[number % 3], on_hand=9).sku_id, quantity=1)
    body = {"address_id": str(an_address(resident, near=community))}
    quote = client.post("/user/v1/checkout-quotes", json=body, headers=resident.headers).get_json()
    seen: list[str] = []
    wire.observers.append(seen.append)
    try:
        placed = client.post(
            "/user/v1/checkouts", json={**body, "quote_version": quote["quote_version"]}, headers=resident.once()
        )
    finally:
        wire.observers.remove(seen.append)

    assert placed.status_code == 201, placed.text
    assert len(placed.get_json()["orders"]) == 3
    assert 0 < len(seen) <= ROUND_TRIPS_MAX
