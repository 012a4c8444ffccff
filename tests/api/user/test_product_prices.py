"""What a standard product cost near an address, day by day."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from app.kernel.clock import SHANGHAI
from app.kernel.ids import new_id
from tests.factories import a_merchant_with_shop, a_resident, an_address, an_offer
from tests.factories.products import a_product
from tests.factories.rows import change
from tests.support.ladder import Case, Owned, assert_problem

if TYPE_CHECKING:
    from uuid import UUID

    from flask.testing import FlaskClient

    from tests.factories import Offer, Shop
    from tests.support.business_clock import BusinessClock

TODAY = datetime(2031, 5, 20, 15, tzinfo=SHANGHAI)


def path_of(product: UUID) -> str:
    return f"/user/v1/standard-products/{product}/prices"


def sold_at(shop: Shop, product: UUID, *prices: tuple[float, int]) -> Offer:
    """Return an offer of the product that had prices from so many days ago on."""
    offer = an_offer(shop, price_fen=prices[-1][1], sku={"standard_product_id": product})
    change("DELETE FROM price_changes WHERE sku_id = :id", id=offer.sku_id)
    for days, price_fen in prices:
        change(
            "INSERT INTO price_changes (sku_id, changed_at, price_fen) VALUES (:id, :at, :price_fen)",
            id=offer.sku_id,
            at=(TODAY - timedelta(days=days)).astimezone(UTC),
            price_fen=price_fen,
        )
    return offer


class TestListProductPrices(Owned):
    absent_code = "address_not_found"

    def case(self) -> Case:
        shop, resident, product = a_merchant_with_shop(), a_resident(), a_product()
        an_offer(shop, sku={"standard_product_id": product})
        return Case(resident, path_of(product), query={"address_id": str(an_address(resident, near=shop))})

    def test_each_day_has_the_lowest_and_the_middle_price_of_the_shops_that_deliver_here(
        self, client: FlaskClient, clock: BusinessClock
    ) -> None:
        clock.at(TODAY)
        product, resident, shop = a_product(), a_resident(), a_merchant_with_shop()
        far = a_merchant_with_shop(community=shop.community, lat=shop.lat + 0.05)
        sold_at(shop, product, (3, 1_000), (1, 800))
        sold_at(a_merchant_with_shop(community=shop.community), product, (3.2, 900))
        gone = sold_at(a_merchant_with_shop(community=shop.community), product, (5, 700))
        sold_at(far, product, (9, 1))
        change("UPDATE skus SET removed_at = :at WHERE sku_id = :id", id=gone.sku_id, at=TODAY - timedelta(days=4))

        answer = client.get(
            path_of(product),
            headers=resident.headers,
            query_string={"address_id": str(an_address(resident, near=shop)), "days": 5},
        )

        days: list[dict[str, Any]] = answer.get_json()["items"]
        assert answer.status_code == 200
        assert [(day["day"], day["lowest_fen"], day["median_fen"], day["shop_count"]) for day in days] == [
            ("2031-05-17", 900, 900, 2),
            ("2031-05-18", 900, 900, 2),
            ("2031-05-19", 800, 800, 2),
            ("2031-05-20", 800, 800, 2),
        ]

    def test_a_product_that_is_not_there_is_not_found(self, client: FlaskClient) -> None:
        resident, shop = a_resident(), a_merchant_with_shop()
        query = {"address_id": str(an_address(resident, near=shop))}

        answer = client.get(path_of(new_id()), headers=resident.headers, query_string=query)

        assert_problem(answer, 404, "product_not_found")
