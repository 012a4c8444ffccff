from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import UUID

import pytest

from app.core.orders.quote import LINES_MAX
from app.core.orders.states import OrderState
from app.core.payments.ports import GatewayUnreachable
from app.usecases.paying.attempts import ask_gateway
from app.usecases.shopping import cart
from app.usecases.shopping.cart import put_in_cart
from app.wiring import gateway_of
from tests.factories import (
    AnOrder,
    Offer,
    Person,
    a_grant,
    a_merchant_with_shop,
    a_placed_checkout,
    a_quote_of,
    a_resident,
    an_address,
    an_offer,
    an_order,
)
from tests.factories.rows import look_one
from tests.support.ladder import Case, Endpoint, OnceOwned, OnceWithBody, Owned, assert_problem, row_counts
from tests.support.sandbox_gateway import wait_until
from tests.support.worker import run_jobs, run_worker

if TYPE_CHECKING:
    from flask import Flask
    from flask.testing import FlaskClient

    from tests.conftest import Gateway
    from tests.support.business_clock import BusinessClock


def with_cart(client: FlaskClient, person: Person, *lines: tuple[Offer, int]) -> None:
    for offer, quantity in lines:
        put = client.put(f"/user/v1/cart/lines/{offer.sku_id}", headers=person.headers, json={"quantity": quantity})
        assert put.status_code == 200, put.text


def on_hand(offer: Offer) -> int:
    return int(look_one("SELECT on_hand FROM stock WHERE sku_id = :sku_id", sku_id=offer.sku_id))


class TestReadCart(Endpoint):
    def case(self) -> Case:
        return Case(a_resident(), "/user/v1/cart")

    def test_the_cart_adds_up_over_shops(self, client: FlaskClient) -> None:
        resident = a_resident()
        lines = [(an_offer(a_merchant_with_shop(), price_fen=350), 2), (an_offer(a_merchant_with_shop()), 3)]
        with_cart(client, resident, *lines)

        cart = client.get("/user/v1/cart", headers=resident.headers).get_json()

        assert cart["goods_fen"] == 2 * 350 + 3 * 1_000
        assert {item["sku_id"] for item in cart["items"]} == {str(offer.sku_id) for offer, _ in lines}


class TestPutCartLine(Endpoint):
    method = "PUT"

    def case(self) -> Case:
        offer = an_offer(a_merchant_with_shop())
        return Case(a_resident(), f"/user/v1/cart/lines/{offer.sku_id}", {"quantity": 2})

    def test_the_second_put_replaces_the_first(self, client: FlaskClient) -> None:
        case = self.case()
        self.send(client, case)

        self.send(client, case, body={"quantity": 5})

        items = client.get("/user/v1/cart", headers=case.person.headers).get_json()["items"]
        assert [item["quantity"] for item in items] == [5]

    def test_what_is_not_on_sale_does_not_go_in(self, client: FlaskClient) -> None:
        paused = an_offer(a_merchant_with_shop(), state="paused")
        case = self.case()

        refused = self.send(client, case, path=f"/user/v1/cart/lines/{paused.sku_id}")
        absent = self.send(client, case, path=case.absent_path)

        assert_problem(refused, 404, "sku_not_found")
        assert refused.data == absent.data

    def test_a_line_too_many_is_refused(self, client: FlaskClient, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(cart, "LINES_MAX", 2)
        resident, shop = a_resident(), a_merchant_with_shop()
        with_cart(client, resident, *[(an_offer(shop), 1) for _ in range(2)])
        before = row_counts()["public.cart_lines"]

        response = client.put(
            f"/user/v1/cart/lines/{an_offer(shop).sku_id}", headers=resident.headers, json={"quantity": 1}
        )

        assert_problem(response, 409, "cart_too_large")
        assert row_counts()["public.cart_lines"] == before


class TestDeleteCartLine(Endpoint):
    method = "DELETE"
    status = 204

    def case(self) -> Case:
        return Case(a_resident(), f"/user/v1/cart/lines/{an_offer(a_merchant_with_shop()).sku_id}")

    def test_only_ones_own_line_goes(self, client: FlaskClient) -> None:
        mine, other = a_resident(), a_resident()
        offer = an_offer(a_merchant_with_shop())
        with_cart(client, mine, (offer, 1))
        with_cart(client, other, (offer, 1))

        client.delete(f"/user/v1/cart/lines/{offer.sku_id}", headers=mine.headers)

        assert client.get("/user/v1/cart", headers=mine.headers).get_json()["items"] == []
        assert len(client.get("/user/v1/cart", headers=other.headers).get_json()["items"]) == 1


class TestDeleteCart(Endpoint):
    method = "DELETE"
    status = 204

    def case(self) -> Case:
        return Case(a_resident(), "/user/v1/cart")

    def test_the_cart_is_empty_afterwards(self, client: FlaskClient) -> None:
        resident = a_resident()
        with_cart(client, resident, (an_offer(a_merchant_with_shop()), 1))

        client.delete("/user/v1/cart", headers=resident.headers)

        assert client.get("/user/v1/cart", headers=resident.headers).get_json() == {"items": [], "goods_fen": 0}


class TestQuote(Endpoint):
    method = "POST"

    def case(self) -> Case:
        resident, shop = a_resident(), a_merchant_with_shop()
        case = Case(resident, "/user/v1/checkout-quotes", {"address_id": str(an_address(resident, near=shop))})
        a_line_in_the_cart(resident, an_offer(shop))
        return case

    def test_every_part_of_the_price_is_shown_and_adds_up(self, client: FlaskClient) -> None:
        resident = a_resident()
        shop = a_merchant_with_shop(packing_fen=101, discount_tiers=[{"from_fen": 2_000, "off_fen": 301}])
        with_cart(client, resident, (an_offer(shop, price_fen=999, packing_fen=50), 2), (an_offer(shop), 1))
        body = {"address_id": str(an_address(resident, near=shop))}

        quote = client.post("/user/v1/checkout-quotes", headers=resident.headers, json=body).get_json()

        [part] = quote["shops"]
        assert part["goods_fen"] == 2 * 999 + 1_000
        assert part["packing_fen"] == 101 + 2 * 50
        assert part["discount_fen"] == 301
        assert part["delivery_fen"] == 300
        assert part["total_fen"] == quote["total_fen"] == 2_998 + 201 + 300 - 301
        for name in ("goods_fen", "packing_fen", "discount_fen"):
            assert sum(line[name] for line in part["lines"]) == part[name]

    def test_pick_up_at_the_store_costs_no_delivery(self, client: FlaskClient) -> None:
        case = self.case()

        quote = self.send(client, case, body={**(case.body or {}), "fulfillment": "store_pickup"}).get_json()

        assert quote["shops"][0]["delivery_fen"] == 0

    def test_an_empty_cart_has_no_price(self, client: FlaskClient) -> None:
        resident = a_resident()

        response = client.post(
            "/user/v1/checkout-quotes", headers=resident.headers, json={"address_id": str(an_address(resident))}
        )

        assert_problem(response, 409, "cart_empty")

    def test_anothers_address_in_the_body_looks_absent(self, client: FlaskClient) -> None:
        case = self.case()
        anothers = str(an_address(a_resident()))

        response = self.send(client, case, body={"address_id": anothers})

        assert_problem(response, 404, "address_not_found", pointer="/address_id")


def a_line_in_the_cart(resident: Person, offer: Offer, quantity: int = 1) -> None:
    put_in_cart(resident.actor, sku_id=offer.sku_id, quantity=quantity)


def a_body(resident: Person, address_id: UUID) -> dict[str, object]:
    return {"address_id": str(address_id), "quote_version": a_quote_of(resident, address_id).version}


class TestPlaceCheckout(OnceWithBody):
    status = 201
    other_body = {"note": "别按门铃"}

    def case(self) -> Case:
        resident, shop = a_resident(), a_merchant_with_shop()
        a_line_in_the_cart(resident, an_offer(shop, on_hand=10), 2)
        return Case(resident, "/user/v1/checkouts", a_body(resident, an_address(resident, near=shop)))

    def test_two_shops_give_two_orders_and_an_empty_cart(self, client: FlaskClient) -> None:
        resident, shop = a_resident(), a_merchant_with_shop()
        other = a_merchant_with_shop(community=shop.community)
        offer = an_offer(shop, on_hand=10)
        with_cart(client, resident, (offer, 3), (an_offer(other), 1))
        body = a_body(resident, an_address(resident, near=shop))

        placed = client.post("/user/v1/checkouts", headers=resident.once(), json=body).get_json()

        assert placed["state"] == "placed"
        assert {order["shop_id"] for order in placed["orders"]} == {str(shop.shop_id), str(other.shop_id)}
        assert placed["total_fen"] == sum(order["total_fen"] for order in placed["orders"]) == 4_000 + 2 * 300
        assert on_hand(offer) == 7
        assert client.get("/user/v1/cart", headers=resident.headers).get_json()["items"] == []

    def test_a_checkout_that_nobody_pays_expires_and_gives_its_stock_back(
        self, app: Flask, client: FlaskClient, clock: BusinessClock
    ) -> None:
        order = an_order(state=OrderState.AWAITING_PAYMENT)
        clock.ahead(minutes=16)

        run_worker(app)

        shown = client.get(f"/user/v1/checkouts/{order.checkout_id}", headers=order.resident.headers).get_json()
        assert shown["state"] == "expired"
        assert order.state is OrderState.CANCELED
        assert on_hand(order.offers[0]) == 100


class TestReadCheckout(Owned):
    absent_code = "checkout_not_found"

    def case(self) -> Case:
        order = an_order(state=OrderState.AWAITING_PAYMENT)
        return Case(order.resident, f"/user/v1/checkouts/{order.checkout_id}")


class TestCancelUnpaid(OnceOwned):
    absent_code = "checkout_not_found"

    def case(self) -> Case:
        order = an_order(state=OrderState.AWAITING_PAYMENT)
        return Case(order.resident, f"/user/v1/checkouts/{order.checkout_id}/cancellation")

    def test_its_stock_is_back_on_the_shelf(self, client: FlaskClient) -> None:
        order = an_order(state=OrderState.AWAITING_PAYMENT)
        assert on_hand(order.offers[0]) == 98

        client.post(f"/user/v1/checkouts/{order.checkout_id}/cancellation", headers=order.resident.once())

        assert on_hand(order.offers[0]) == 100
        assert order.state is OrderState.CANCELED

    def test_a_paid_checkout_cannot_be_canceled(self, client: FlaskClient) -> None:
        order = an_order(state=OrderState.AWAITING_ACCEPT)
        before = row_counts()

        response = client.post(f"/user/v1/checkouts/{order.checkout_id}/cancellation", headers=order.resident.once())

        assert_problem(response, 409, "illegal_transition")
        assert row_counts() == before


def payments_of(order: AnOrder) -> str:
    return f"/user/v1/checkouts/{order.checkout_id}/payments"


def confirmed(order: AnOrder) -> dict[str, str]:
    return {"method": "e_account", "step_up_grant": str(a_grant(order.resident, order.checkout_id))}


class TestPay(OnceWithBody, OnceOwned):
    status = 201
    absent_code = "checkout_not_found"
    other_body = {"method": "wechat_pay"}

    def case(self) -> Case:
        order = an_order(state=OrderState.AWAITING_PAYMENT)
        return Case(order.resident, payments_of(order), confirmed(order))

    def test_from_the_e_account_it_is_paid_at_once_and_to_the_fen(self, client: FlaskClient) -> None:
        order = an_order(state=OrderState.AWAITING_PAYMENT)

        paid = client.post(payments_of(order), headers=order.resident.once(), json=confirmed(order)).get_json()

        account = client.get("/user/v1/account", headers=order.resident.headers).get_json()
        assert paid["state"] == "paid"
        assert order.state is OrderState.AWAITING_ACCEPT
        assert account["balance_fen"] == 1_000_000 - order.total_fen

    def test_money_that_is_not_there_pays_nothing(self, client: FlaskClient) -> None:
        order = an_order(state=OrderState.AWAITING_PAYMENT, resident=a_resident(balance_fen=2_299))
        body = confirmed(order)
        before = row_counts()

        response = client.post(payments_of(order), headers=order.resident.once(), json=body)

        assert_problem(response, 409, "insufficient_funds")
        assert row_counts() == before
        assert order.state is OrderState.AWAITING_PAYMENT

    def test_a_second_payment_is_refused(self, client: FlaskClient) -> None:
        order = an_order(state=OrderState.AWAITING_ACCEPT)

        response = client.post(payments_of(order), headers=order.resident.once(), json=confirmed(order))

        assert_problem(response, 409, "already_paid")

    def test_a_canceled_checkout_cannot_be_paid(self, client: FlaskClient) -> None:
        order = an_order(state=OrderState.AWAITING_PAYMENT)
        client.post(f"/user/v1/checkouts/{order.checkout_id}/cancellation", headers=order.resident.once())

        response = client.post(payments_of(order), headers=order.resident.once(), json=confirmed(order))

        assert_problem(response, 409, "checkout_closed")

    def test_a_step_up_grant_that_nobody_gave_is_refused(self, client: FlaskClient) -> None:
        case = self.case()
        body = {"method": "e_account", "step_up_grant": str(case.person.account_id)}

        response = self.send(client, case, body=body)

        assert_problem(response, 409, "step_up_refused", pointer="/step_up_grant")

    def test_after_signing_out_a_token_that_still_lives_pays_nothing(self, client: FlaskClient) -> None:
        case = self.case()
        client.delete("/user/v1/sessions/current", headers=case.person.headers)

        response = self.send(client, case)

        assert_problem(response, 401, "session_ended")

    def test_by_wechat_pay_there_is_a_code_to_scan_and_then_it_is_paid(
        self, app: Flask, client: FlaskClient, gateway: Gateway
    ) -> None:
        order = an_order(state=OrderState.AWAITING_PAYMENT)
        body = {"method": "wechat_pay"}
        started = client.post(payments_of(order), headers=order.resident.once(), json=body).get_json()
        intent_id = look_one("SELECT intent_id FROM payment_attempts WHERE attempt_id = :id", id=started["attempt_id"])

        gateway.pay(intent_id)
        ask_gateway(gateway_of(app), UUID(started["attempt_id"]))

        shown = client.get(f"/user/v1/payments/{started['payment_id']}", headers=order.resident.headers).get_json()
        assert started["state"] == "pending"
        assert started["qr_text"]
        assert (shown["state"], shown["attempt_state"]) == ("paid", "succeeded")
        assert order.state is OrderState.AWAITING_ACCEPT

    def test_a_gateway_that_cannot_be_reached_leaves_the_payment_pending(
        self, client: FlaskClient, monkeypatch: pytest.MonkeyPatch, app: Flask
    ) -> None:
        def cannot(*_: object, **__: object) -> None:
            raise GatewayUnreachable("refused")

        monkeypatch.setattr(gateway_of(app), "create_intent", cannot)
        order = an_order(state=OrderState.AWAITING_PAYMENT)

        response = client.post(payments_of(order), headers=order.resident.once(), json={"method": "wechat_pay"})

        shown = client.get(f"/user/v1/payments/{order.payment_id}", headers=order.resident.headers).get_json()
        assert response.status_code == 201, response.text
        assert (shown["state"], shown["attempt_state"], shown["qr_text"]) == ("pending", "unknown", None)


class TestReadPayment(Owned):
    absent_code = "payment_not_found"

    def case(self) -> Case:
        order = an_order(state=OrderState.AWAITING_PAYMENT)
        return Case(order.resident, f"/user/v1/payments/{order.payment_id}")


class TestPlacedCheckoutOfManyLines:
    def test_a_full_cart_of_two_hundred_lines_is_one_checkout(self, client: FlaskClient) -> None:
        resident, shop = a_resident(balance_fen=1_000_000), a_merchant_with_shop()
        lines = [(an_offer(shop, on_hand=5), 1) for _ in range(LINES_MAX)]

        placed = a_placed_checkout(resident, an_address(resident, near=shop), lines)

        assert placed.total_fen == 200 * 1_000 + 300
        assert [on_hand(offer) for offer, _ in lines] == [4] * 200


class TestTopUp(OnceWithBody):
    status = 201
    other_body = {"amount_fen": 2}

    @pytest.fixture(autouse=True)
    def _with_gateway(self, gateway: Gateway) -> None:
        """Top-ups go through the gateway."""

    def case(self) -> Case:
        return Case(a_resident(), "/user/v1/account/top-ups", {"amount_fen": 12_345})

    def test_what_was_scanned_and_paid_is_on_the_account_once(
        self, app: Flask, client: FlaskClient, gateway: Gateway
    ) -> None:
        case = self.case()
        started = self.send(client, case).get_json()
        intent_id = look_one("SELECT intent_id FROM payment_attempts WHERE attempt_id = :id", id=started["attempt_id"])
        gateway.pay(intent_id)
        wait_until(lambda: gateway.listener.notices)
        payload, signature = gateway.listener.notices[0]
        headers = {"Stripe-Signature": signature}

        for _ in range(3):
            client.post("/gateway/v1/stripe/events", data=payload, headers=headers)
        run_worker(app)
        run_jobs(app)

        account = client.get("/user/v1/account", headers=case.person.headers).get_json()
        assert account["balance_fen"] == account["available_fen"] == 12_345


class TestAccount(Endpoint):
    def case(self) -> Case:
        return Case(a_resident(balance_fen=5), "/user/v1/account")


class TestStatement(Endpoint):
    def case(self) -> Case:
        return Case(a_resident(balance_fen=5), "/user/v1/account/statement")

    def test_each_entry_shows_the_balance_after_it(self, client: FlaskClient) -> None:
        order = an_order(state=OrderState.CANCELED)
        query = {"limit": 2}

        page = client.get("/user/v1/account/statement", headers=order.resident.headers, query_string=query).get_json()

        assert [(item["kind"], item["amount_fen"], item["balance_fen"]) for item in page["items"]] == [
            ("refund", order.total_fen, 1_000_000),
            ("payment", -order.total_fen, 1_000_000 - order.total_fen),
        ]
        assert page["next_cursor"] is not None
