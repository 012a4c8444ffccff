"""Notes, cutlery, invoices and gifts: said at the checkout, seen by who needs them, gone with the person."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import orjson
import pytest

from app.core.orders.states import OrderState
from app.core.privacy.register import REGISTER
from app.kernel.sealing import seal
from app.usecases.privacy.erasure import _statement
from tests.factories import a_merchant_with_shop, a_quote_of, a_resident, an_address, an_offer, an_order
from tests.factories.orders import _with_trip
from tests.factories.rows import change, look
from tests.support.ladder import assert_problem, row_counts

if TYPE_CHECKING:
    from flask import Flask
    from flask.testing import FlaskClient

INVOICE = {"kind": "company", "title": "惠民科技有限公司", "tax_number": "91330100799655058B"}
GIFT = {"message": "生日快乐", "sender_name": None}


class Buyer:
    """A resident with one noted line of each of two shops."""

    def __init__(self, client: FlaskClient) -> None:
        self.client, self.resident = client, a_resident()
        self.shop = a_merchant_with_shop()
        self.other = a_merchant_with_shop(community=self.shop.community)
        self.address_id = an_address(self.resident, near=self.shop)
        for shop, note in ((self.shop, "少冰"), (self.other, "")):
            body = {"quantity": 1, "note": note}
            path = f"/user/v1/cart/lines/{an_offer(shop).sku_id}"
            assert client.put(path, headers=self.resident.headers, json=body).status_code == 200

    def place(self, **wishes: Any) -> Any:
        version = a_quote_of(self.resident, self.address_id).version
        body = {"address_id": str(self.address_id), "quote_version": version, **wishes}
        return self.client.post("/user/v1/checkouts", headers=self.resident.once(), json=body)

    def orders(self, **wishes: Any) -> dict[str, dict[str, Any]]:
        placed = self.place(**wishes)
        assert placed.status_code == 201, placed.text
        items = self.client.get("/user/v1/orders", headers=self.resident.headers).get_json()["items"]
        return {item["shop_id"]: item for item in items}


def test_notes_go_to_the_line_to_the_shop_and_otherwise_to_all(app: Flask, client: FlaskClient) -> None:
    buyer = Buyer(client)
    own = [{"shop_id": str(buyer.other.shop_id), "note": "放门口"}]

    orders = buyer.orders(note="谢谢", notes=own, cutlery_count=2)

    here, there = orders[str(buyer.shop.shop_id)], orders[str(buyer.other.shop_id)]
    assert (here["note"], there["note"]) == ("谢谢", "放门口")
    assert [line["note"] for line in here["lines"] + there["lines"]] == ["少冰", ""]
    assert (here["cutlery_count"], there["cutlery_count"]) == (2, 2)


def test_a_line_keeps_its_note_while_only_its_number_changes(app: Flask, client: FlaskClient) -> None:
    buyer = Buyer(client)
    [noted] = [item for item in buyer.client.get("/user/v1/cart", headers=buyer.resident.headers).get_json()["items"]
               if item["note"]]  # fmt: skip
    path = f"/user/v1/cart/lines/{noted['sku_id']}"

    client.put(path, headers=buyer.resident.headers, json={"quantity": 3})
    kept = client.get("/user/v1/cart", headers=buyer.resident.headers).get_json()["items"]
    client.put(path, headers=buyer.resident.headers, json={"quantity": 3, "note": ""})
    wiped = client.get("/user/v1/cart", headers=buyer.resident.headers).get_json()["items"]

    assert {item["note"] for item in kept} == {"少冰", ""}
    assert {item["note"] for item in wiped} == {""}


def test_without_a_wish_nothing_is_wished(app: Flask, client: FlaskClient) -> None:
    for order in Buyer(client).orders().values():
        assert (order["cutlery_count"], order["invoice"], order["gift"], order["is_gift"]) == (None, None, None, False)


def test_an_invoice_and_a_gift_are_sealed_and_shown_to_buyer_and_shop(app: Flask, client: FlaskClient) -> None:
    buyer = Buyer(client)
    order = buyer.orders(invoice=INVOICE, gift=GIFT)[str(buyer.shop.shop_id)]
    change("UPDATE orders SET paid_at = business_now(), state = 'preparing' WHERE order_id = :id", id=order["order_id"])

    path = f"/merchant/v1/orders/{order['order_id']}"
    seen = client.get(path, headers=buyer.shop.owner.headers).get_json()

    for shown in (order, seen):
        assert (shown["invoice"], shown["gift"], shown["is_gift"]) == (INVOICE, GIFT, True)
    [row] = look("SELECT invoice_sealed, gift_sealed FROM orders WHERE order_id = :id", id=order["order_id"])
    assert "惠民" not in row.invoice_sealed
    assert "生日" not in row.gift_sealed


def test_a_hidden_sender_is_nowhere_told_to_shop_and_courier(app: Flask, client: FlaskClient) -> None:
    order = an_order(state=OrderState.PREPARING, with_courier=True)
    sealed = seal(orjson.dumps(GIFT).decode(), context="orders.gift")
    change("UPDATE orders SET gift_sealed = :sealed WHERE order_id = :id", sealed=sealed, id=order.order_id)
    trip = f"/courier/v1/trips/{_with_trip(order).trip_id}"

    [delivery] = client.get(trip, headers=order.carrier.headers).get_json()["deliveries"]

    assert delivery["is_gift"] is True
    assert "生日" not in orjson.dumps(delivery).decode()
    assert not {"gift", "sender_name", "account_id"} & delivery.keys()


@pytest.mark.parametrize(
    "wishes, pointer",
    [
        ({"cutlery_count": 100}, "/cutlery_count"),
        ({"cutlery_count": -1}, "/cutlery_count"),
        ({"invoice": {"kind": "company", "title": "惠民"}}, "/invoice/tax_number"),
        ({"invoice": {**INVOICE, "tax_number": "91330100799655058I"}}, "/invoice/tax_number"),
        ({"invoice": {"kind": "person", "title": ""}}, "/invoice/title"),
        ({"invoice": {**INVOICE, "hue": 1}}, "/invoice/hue"),
        ({"gift": {"message": "好" * 201}}, "/gift/message"),
        ({"gift": {"sender_name": ""}}, "/gift/sender_name"),
        ({"notes": [{"shop_id": "x", "note": ""}]}, "/notes/0/shop_id"),
    ],
)
def test_a_wish_outside_its_bounds_is_refused_by_field(
    app: Flask, client: FlaskClient, wishes: dict[str, Any], pointer: str
) -> None:
    buyer = Buyer(client)
    before = row_counts()

    assert_problem(buyer.place(**wishes), 422, "input_invalid", pointer=pointer)
    assert row_counts() == before


def test_a_note_to_a_shop_that_is_not_in_the_cart_or_is_named_twice_is_refused(app: Flask, client: FlaskClient) -> None:
    buyer = Buyer(client)
    one = {"shop_id": str(buyer.shop.shop_id), "note": "快"}
    before = row_counts()

    for notes in ([one, one], [{**one, "shop_id": str(a_merchant_with_shop().shop_id)}]):
        assert_problem(buyer.place(notes=notes), 422, "note_of_no_shop", pointer="/notes")
    assert {name: count for name, count in row_counts().items() if "order" in name} == {
        name: count for name, count in before.items() if "order" in name
    }


def test_erasure_takes_notes_invoice_and_gift_with_it(app: Flask, client: FlaskClient) -> None:
    buyer = Buyer(client)
    buyer.orders(note="谢谢", invoice=INVOICE, gift=GIFT)

    for holding in REGISTER:
        if holding.table in {"orders", "order_lines"}:
            change(str(_statement(holding)), account_id=buyer.resident.account_id)

    rows = look(
        "SELECT o.note, o.invoice_sealed, o.gift_sealed, l.note AS line_note FROM orders AS o JOIN order_lines AS l"
        " USING (order_id) WHERE o.account_id = :id",
        id=buyer.resident.account_id,
    )
    assert {tuple(row) for row in rows} == {("", None, None, "")}
