"""A product that is watched: what became cheaper near an address is told, once, and to whom it concerns."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from app.usecases.finding import price_alerts
from app.usecases.finding.price_alerts import look_at_moved_prices
from tests.factories import a_merchant_with_shop, a_resident, an_address, an_offer
from tests.factories.products import a_product
from tests.factories.rows import change, look_one
from tests.support.ladder import Case, Endpoint, Owned, assert_problem, row_counts
from tests.support.sandbox_gateway import wait_until

if TYPE_CHECKING:
    from uuid import UUID

    import pytest
    from flask.testing import FlaskClient
    from werkzeug.test import TestResponse

    from tests.factories import Offer, Person, Shop


def path_of(product: UUID) -> str:
    return f"/user/v1/standard-products/{product}/price-alert"


def watch(
    client: FlaskClient, person: Person, product: UUID, address_id: object, target_fen: int | None = None
) -> TestResponse:
    body = {"address_id": str(address_id), "target_fen": target_fen}
    return client.put(path_of(product), headers=person.headers, json=body)


def a_watcher(client: FlaskClient, shop: Shop, product: UUID, target_fen: int | None = None) -> Person:
    person = a_resident()
    assert watch(client, person, product, an_address(person, near=shop), target_fen).status_code == 200
    return person


def priced(offer: Offer, price_fen: int) -> None:
    change("UPDATE skus SET price_fen = :p WHERE sku_id = :id", p=price_fen, id=offer.sku_id)
    look_at_all()


def look_at_all() -> None:
    """Look until none is left: what was put up a moment ago waits for transactions of the server's other databases."""

    def is_done() -> bool:
        while look_at_moved_prices():
            pass
        return bool(look_one("SELECT count(*) FROM moved_prices") == 0)

    wait_until(is_done)


def told(client: FlaskClient, person: Person) -> list[tuple[int | None, int]]:
    items: list[dict[str, Any]] = client.get("/user/v1/price-notices", headers=person.headers).get_json()["items"]
    return [(item["was_fen"], item["price_fen"]) for item in reversed(items)]


class TestPutPriceAlert(Owned):
    method = "PUT"
    absent_code = "address_not_found"

    def case(self) -> Case:
        shop, resident, product = a_merchant_with_shop(), a_resident(), a_product()
        an_offer(shop, sku={"standard_product_id": product})
        return Case(resident, path_of(product), {"address_id": str(an_address(resident, near=shop))})

    def test_it_says_the_lowest_price_of_now_and_replaces_what_was_set(self, client: FlaskClient) -> None:
        shop, product, person = a_merchant_with_shop(), a_product(), a_resident()
        an_offer(shop, price_fen=900, sku={"standard_product_id": product})
        an_offer(shop, price_fen=800, sku={"standard_product_id": product})
        address = an_address(person, near=shop)

        first, second = (watch(client, person, product, address, target).get_json() for target in (None, 500))

        assert (first["last_fen"], first["target_fen"]) == (800, None)
        listed = client.get("/user/v1/price-alerts", headers=person.headers).get_json()["items"]
        assert listed == [{**second, "name": "鲜牛奶"}]
        assert listed[0]["target_fen"] == 500

    def test_a_product_that_is_not_there_a_bad_target_and_one_too_many_are_refused(
        self, client: FlaskClient, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        shop, product, other, person = a_merchant_with_shop(), a_product(), a_product(), a_resident()
        address = an_address(person, near=shop)
        watch(client, person, product, address)
        monkeypatch.setattr(price_alerts, "ALERTS_MAX", 1)
        before = row_counts()

        assert_problem(watch(client, person, person.account_id, address), 404, "product_not_found")
        assert_problem(watch(client, person, product, address, 0), 422, "input_invalid", pointer="/target_fen")
        assert_problem(watch(client, person, other, address), 409, "too_many_price_alerts")

        assert row_counts() == before
        assert watch(client, person, product, address, 700).status_code == 200


class TestDeletePriceAlert(Endpoint):
    method = "DELETE"
    status = 204

    def case(self) -> Case:
        shop, resident, product = a_merchant_with_shop(), a_resident(), a_product()
        address = an_address(resident, near=shop)
        change(
            "INSERT INTO price_alerts (account_id, standard_product_id, address_id, set_at, expires_at)"
            " VALUES (:a, :p, :d, now(), now() + interval '1 day')",
            a=resident.account_id,
            p=product,
            d=address,
        )
        return Case(resident, path_of(product))

    def test_who_ended_it_is_told_no_more_and_cannot_end_it_twice(self, client: FlaskClient) -> None:
        shop, product = a_merchant_with_shop(), a_product()
        offer = an_offer(shop, sku={"standard_product_id": product})
        person = a_watcher(client, shop, product)

        ended = [client.delete(path_of(product), headers=person.headers) for _ in range(2)]
        priced(offer, 1)

        assert ended[0].status_code == 204
        assert_problem(ended[1], 404, "price_alert_not_found")
        assert told(client, person) == []


class TestListPriceAlerts(Endpoint):
    def case(self) -> Case:
        return Case(a_resident(), "/user/v1/price-alerts")


class TestListPriceNotices(Endpoint):
    def case(self) -> Case:
        return Case(a_resident(), "/user/v1/price-notices")


def test_a_fall_is_told_once_to_each_who_can_have_it_and_wanted_to_know(client: FlaskClient) -> None:
    product, shop = a_product(), a_merchant_with_shop()
    far = a_merchant_with_shop(community=shop.community, lat=shop.lat + 0.05)
    offer = an_offer(shop, price_fen=1_000, sku={"standard_product_id": product})
    any_fall, patient = a_watcher(client, shop, product), a_watcher(client, shop, product, 800)
    elsewhere = a_watcher(client, far, product)

    for price_fen in (1_100, 950, 950, 790):
        priced(offer, price_fen)

    assert told(client, any_fall) == [(1_100, 950), (950, 790)]
    assert told(client, patient) == [(950, 790)]
    assert told(client, elsewhere) == []


def test_what_goes_off_and_on_sale_or_is_new_moves_the_price_too(client: FlaskClient) -> None:
    product, shop = a_product(), a_merchant_with_shop()
    cheap = an_offer(shop, price_fen=500, sku={"standard_product_id": product})
    an_offer(shop, price_fen=900, sku={"standard_product_id": product})
    person = a_watcher(client, shop, product)

    change("UPDATE offers SET state = 'paused' WHERE offer_id = :id", id=cheap.offer_id)
    look_at_all()
    an_offer(shop, price_fen=700, sku={"standard_product_id": product})
    look_at_all()
    change("UPDATE offers SET state = 'on_sale' WHERE offer_id = :id", id=cheap.offer_id)
    look_at_all()

    assert told(client, person) == [(900, 700), (700, 500)]


def test_more_watchers_than_a_round_looks_at_are_all_told(client: FlaskClient, monkeypatch: pytest.MonkeyPatch) -> None:
    product, shop = a_product(), a_merchant_with_shop()
    offer = an_offer(shop, price_fen=1_000, sku={"standard_product_id": product})
    people = [a_watcher(client, shop, product) for _ in range(5)]
    monkeypatch.setattr(price_alerts, "BATCH", 2)

    priced(offer, 900)

    assert [told(client, person) for person in people] == [[(1_000, 900)]] * 5


def test_an_alert_of_a_removed_address_or_past_its_time_tells_nothing(client: FlaskClient) -> None:
    product, shop = a_product(), a_merchant_with_shop()
    offer = an_offer(shop, price_fen=1_000, sku={"standard_product_id": product})
    moved, late = a_watcher(client, shop, product), a_watcher(client, shop, product)
    change("UPDATE addresses SET removed_at = now() WHERE account_id = :a", a=moved.account_id)
    change("UPDATE price_alerts SET expires_at = set_at WHERE account_id = :a", a=late.account_id)

    priced(offer, 900)

    assert (told(client, moved), told(client, late)) == ([], [])


def test_a_price_that_nobody_watches_leaves_no_work(client: FlaskClient) -> None:
    offer = an_offer(a_merchant_with_shop(), sku={"standard_product_id": a_product()})
    look_at_all()

    change("UPDATE skus SET price_fen = 1 WHERE sku_id = :id", id=offer.sku_id)

    assert look_one("SELECT count(*) FROM moved_prices") == 0
