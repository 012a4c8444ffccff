from __future__ import annotations

from typing import TYPE_CHECKING

from app.core.orders.models import Fulfillment
from app.core.orders.states import OrderState
from app.core.orders.ticket import COLUMNS, Ticket, TicketLine, body_of, escpos_of, width_of, wrapped
from app.kernel.clock import wall_now
from app.usecases.ordering.accept_order import accept_order
from app.usecases.ordering.finish_order import collect_code
from app.usecases.ordering.prepare_order import ready_order
from tests.factories import a_claim, a_courier, a_merchant_with_shop, an_offer, an_operator, an_order
from tests.support.ladder import Case, OnceOwned, OnceWithBody, Owned, assert_problem

if TYPE_CHECKING:
    from flask.testing import FlaskClient

    from tests.factories import AnOrder


def at_the_shop() -> AnOrder:
    """Return an order that stands ready at its shop's own counter."""
    shop = a_merchant_with_shop()
    order = an_order(shop=shop, fulfillment=Fulfillment.SHOP_PICKUP, lines=[(an_offer(shop, on_hand=9), 2)])
    owner = shop.owner
    accept_order(owner.actor, a_claim(owner), order_id=order.order_id)
    ready_order(owner.actor, a_claim(owner), order_id=order.order_id)
    return order


class TestCollectAtShop(OnceOwned, OnceWithBody):
    absent_code = "order_not_found"
    other_body = {"code": "000000"}

    def case(self) -> Case:
        order = at_the_shop()
        path = f"/merchant/v1/orders/{order.order_id}/collection"
        return Case(order.shop.owner, path, {"code": collect_code(order.order_id)})

    def test_by_its_code_it_is_handed_over_and_paid_without_a_way(self, client: FlaskClient) -> None:
        order = at_the_shop()
        shown = client.get(f"/user/v1/orders/{order.order_id}", headers=order.resident.headers).get_json()
        path = f"/merchant/v1/orders/{order.order_id}/collection"

        wrong = client.post(path, headers=order.shop.owner.once(), json={"code": "x"})
        done = client.post(path, headers=order.shop.owner.once(), json={"code": shown["collect_code"]})

        assert_problem(wrong, 422, "input_invalid")
        assert done.get_json()["state"] == "completed"
        assert shown["delivery_fen"] == 0

    def test_what_a_courier_carries_is_not_collected_here(self, client: FlaskClient) -> None:
        order = an_order(state=OrderState.READY)
        path = f"/merchant/v1/orders/{order.order_id}/collection"

        assert_problem(
            client.post(path, headers=order.shop.owner.once(), json={"code": "123456"}), 409, "illegal_transition"
        )


class TestTimeline(Owned):
    absent_code = "order_not_found"

    def case(self) -> Case:
        order = an_order(state=OrderState.COMPLETED)
        return Case(order.resident, f"/user/v1/orders/{order.order_id}/timeline")

    def test_each_side_reads_what_happened_in_order_and_in_two_languages(self, client: FlaskClient) -> None:
        order = an_order(state=OrderState.COMPLETED)
        path = f"/v1/orders/{order.order_id}/timeline"

        readers = {
            "user": order.resident,
            "merchant": order.shop.owner,
            "courier": order.carrier,
            "platform": an_operator(),
        }
        mine, shops, carriers, operators = (
            client.get(f"/{side}{path}", headers=who.headers).get_json()["items"] for side, who in readers.items()
        )

        steps = ["placed", "paid", "accepted", "courier_found", "ready", "picked_up", "delivered", "completed"]
        assert [one["step"] for one in mine] == steps
        assert [one["step"] for one in shops] == steps[1:]
        assert [one["step"] for one in carriers] == steps[2:]
        assert [one["step"] for one in operators] == steps
        assert (mine[1]["zh"], mine[1]["en"]) == ("支付成功", "Paid")
        assert shops[0]["zh"] == "新订单，请接单"

    def test_what_happened_at_the_door_is_told_and_to_the_courier_no_money(self, client: FlaskClient) -> None:
        order = an_order(state=OrderState.RETURNED)
        path = f"/v1/orders/{order.order_id}/timeline"

        mine, carriers = (
            [one["step"] for one in client.get(f"/{side}{path}", headers=who.headers).get_json()["items"]]
            for side, who in (("user", order.resident), ("courier", order.carrier))
        )

        assert mine[-4:] == ["picked_up", "delivery_failed", "refunded", "returned"]
        assert carriers[-3:] == ["picked_up", "delivery_failed", "returned"]

    def test_a_courier_without_the_trip_finds_no_order(self, client: FlaskClient) -> None:
        order = an_order(state=OrderState.COMPLETED)
        path = f"/courier/v1/orders/{order.order_id}/timeline"

        assert_problem(client.get(path, headers=a_courier().headers), 404, "order_not_found")

    def test_what_went_back_is_told_with_its_amount(self, client: FlaskClient) -> None:
        order = an_order(state=OrderState.CANCELED)
        path = f"/user/v1/orders/{order.order_id}/timeline"

        told = client.get(path, headers=order.resident.headers).get_json()["items"]

        assert {(one["step"], one["amount_fen"]) for one in told} >= {("refunded", order.total_fen), ("canceled", None)}


class TestReceipt(Owned):
    absent_code = "order_not_found"

    def case(self) -> Case:
        order = an_order()
        return Case(order.resident, f"/user/v1/orders/{order.order_id}/receipt")

    def test_it_is_a_pdf_and_of_what_was_paid_alone(self, client: FlaskClient) -> None:
        paid, unpaid = an_order(), an_order(state=OrderState.AWAITING_PAYMENT)

        shown = client.get(f"/user/v1/orders/{paid.order_id}/receipt", headers=paid.resident.headers)
        none = client.get(f"/user/v1/orders/{unpaid.order_id}/receipt", headers=unpaid.resident.headers)

        assert shown.mimetype == "application/pdf"
        assert shown.data.startswith(b"%PDF")
        assert_problem(none, 404, "order_not_found")


class TestTicket(Owned):
    absent_code = "order_not_found"

    def case(self) -> Case:
        order = an_order()
        return Case(order.shop.owner, f"/merchant/v1/orders/{order.order_id}/ticket")

    def test_the_printers_bytes_begin_anew_name_the_dish_and_end_with_a_cut(self, client: FlaskClient) -> None:
        order = an_order()
        path = f"/merchant/v1/orders/{order.order_id}/ticket-bytes"

        printed = client.get(path, headers=order.shop.owner.headers)

        assert printed.mimetype == "application/octet-stream"
        assert printed.data.startswith(b"\x1b@")
        assert printed.data.endswith(b"\x1dV\x42\x00")
        assert "鲜牛奶".encode("gb18030") in printed.data


def test_no_line_of_a_ticket_is_wider_than_the_paper() -> None:
    ticket = Ticket(
        number="1126-1234-5678",
        shop_name="很长很长的店名" * 4,
        way="外送",
        lines=[TicketLine(name="宫保鸡丁盖浇饭加大份" * 4, option="微辣、不要香菜、多放花生" * 2, quantity=999)],
        note="请不要放葱" * 20,
        placed_at=wall_now(),
        ready_by=None,
        is_shorted=True,
    )

    assert max(width_of(line) for line in body_of(ticket)) <= COLUMNS
    assert "".join(wrapped(ticket.note, COLUMNS)) == ticket.note
    assert escpos_of(ticket).count(b"\x1b@") == 1
