from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from app.core.delivery.ratings import Mark
from app.core.delivery.states import FailureReason
from app.core.orders.states import OrderState
from app.kernel.clock import wall_now
from app.usecases.delivering.ratings import rate_courier
from app.usecases.settling.settle import settle_due
from tests.factories import (
    a_claim,
    a_courier,
    a_grant,
    a_merchant_with_shop,
    a_pin,
    a_resident,
    an_operator,
    an_order,
)
from tests.factories.orders import RICH_FEN
from tests.factories.people import a_tip_grant
from tests.factories.rows import look_one
from tests.support.ladder import Case, Endpoint, OnceOwned, OnceWithBody, assert_problem
from tests.support.passkeys import registered

if TYPE_CHECKING:
    from uuid import UUID

    from flask.testing import FlaskClient
    from werkzeug.test import TestResponse

    from tests.factories import AnOrder, Person
    from tests.support.business_clock import BusinessClock


def a_rated_order(stars: int = 1) -> tuple[AnOrder, UUID]:
    order = an_order(state=OrderState.DELIVERED)
    resident = order.resident
    moved = rate_courier(
        resident.actor, a_claim(resident), order_id=order.order_id, stars=stars, marks=[Mark.LATE, Mark.LATE]
    )
    return order, moved.rating_id


def earnings(client: FlaskClient, courier: Person) -> dict[str, Any]:
    answer: dict[str, Any] = client.get("/courier/v1/earnings", headers=courier.headers).get_json()
    return answer


def tip_of(order: AnOrder) -> Case:
    body = {"amount_fen": 500, "step_up_grant": str(a_tip_grant(order.resident, order.order_id))}
    return Case(order.resident, f"/user/v1/orders/{order.order_id}/tip", body)


def grant_tip(client: FlaskClient, order: AnOrder, **factor: Any) -> TestResponse:
    path = f"/user/v1/orders/{order.order_id}/tip-grants"
    granted = client.post(path, json={"amount_fen": 500, **factor}, headers=order.resident.headers)
    assert granted.status_code == 201, granted.text
    return granted


class TestTip(OnceWithBody, OnceOwned):
    absent_code = "order_not_found"
    status = 201
    other_body = {"amount_fen": 300}

    def case(self) -> Case:
        order = an_order(state=OrderState.DELIVERED)
        return tip_of(order)

    def test_it_is_the_couriers_at_once_and_settled_the_day_after(
        self, client: FlaskClient, clock: BusinessClock
    ) -> None:
        order = an_order(state=OrderState.DELIVERED)
        case = tip_of(order)

        answer = self.send(client, case).get_json()
        pending = earnings(client, order.carrier)["pending_fen"]
        clock.ahead(hours=48)
        settle_due(only=[order.carrier.account_id])

        assert (answer["amount_fen"], answer["is_final"]) == (500, True)
        assert pending == 500
        assert earnings(client, order.carrier)["available_fen"] == 500
        payouts = client.get("/courier/v1/payouts", headers=order.carrier.headers).get_json()["items"]
        assert [(one["tips_fen"], one["is_settled"]) for one in payouts] == [(500, True)]

    def test_one_order_one_tip(self, client: FlaskClient) -> None:
        case = self.case()
        self.send(client, case)

        again = self.send(client, case, body={**(case.body or {}), "amount_fen": 700})

        assert_problem(again, 409, "tip_given")

    def test_before_it_is_brought_there_is_nothing_to_thank_for(self, client: FlaskClient) -> None:
        order = an_order(state=OrderState.IN_DELIVERY)
        case = tip_of(order)

        assert_problem(self.send(client, case), 409, "not_delivered")

    def test_after_a_week_it_is_too_late(self, client: FlaskClient, clock: BusinessClock) -> None:
        case = self.case()
        clock.ahead(days=7, minutes=1)

        assert_problem(self.send(client, case), 409, "tip_too_late")

    def test_nobody_gives_what_they_have_not(self, client: FlaskClient) -> None:
        order = an_order(state=OrderState.DELIVERED, resident=a_resident(balance_fen=2_300))
        case = tip_of(order)

        assert_problem(self.send(client, case), 409, "insufficient_funds")
        assert look_one("SELECT count(*) FROM tips WHERE order_id = :id", id=order.order_id) == 0

    def test_its_limits_are_those_of_a_thank_you(self, client: FlaskClient) -> None:
        case = self.case()

        for amount_fen in (0, 99, 5_001, -500):
            body = {**(case.body or {}), "amount_fen": amount_fen}
            assert_problem(self.send(client, case, body=body), 422, "input_invalid")

    def test_it_takes_a_grant_of_its_own(self, client: FlaskClient) -> None:
        order = an_order(state=OrderState.DELIVERED)
        case, others = tip_of(order), an_order(state=OrderState.DELIVERED, resident=order.resident)
        wrong = {
            "for paying": a_grant(order.resident, order.order_id),
            "for another order": a_tip_grant(order.resident, others.order_id),
            "for less": a_tip_grant(order.resident, order.order_id, amount_fen=499),
            "another's": a_tip_grant(a_resident(), order.order_id),
            "too old": a_tip_grant(order.resident, order.order_id, expires_at=wall_now()),
        }

        without = self.send(client, case, body={"amount_fen": 500})
        answers = {
            name: self.send(client, case, body={"amount_fen": 500, "step_up_grant": str(grant)})
            for name, grant in wrong.items()
        }

        assert_problem(without, 403, "step_up_required", pointer="/step_up_grant")
        for answer in answers.values():
            assert_problem(answer, 409, "step_up_refused", pointer="/step_up_grant")
        assert look_one("SELECT count(*) FROM tips WHERE order_id = :id", id=order.order_id) == 0

    def test_pin_or_passkey_buys_it(self, client: FlaskClient) -> None:
        by_pin, by_passkey = (an_order(state=OrderState.DELIVERED) for _ in range(2))
        pin, device = a_pin(by_pin.resident), registered(by_passkey.resident)

        bought = grant_tip(client, by_pin, pin=pin)
        path = f"/user/v1/orders/{by_passkey.order_id}/tip-challenges"
        asked = client.post(path, json={"amount_fen": 500}, headers=by_passkey.resident.headers).get_json()
        answer = {"challenge_id": asked["challenge_id"], "credential": device.answer(asked["public_key"])}
        confirmed = grant_tip(client, by_passkey, passkey=answer)

        for order, grant in ((by_pin, bought), (by_passkey, confirmed)):
            body = {"amount_fen": 500, "step_up_grant": grant.get_json()["grant_id"]}
            path = f"/user/v1/orders/{order.order_id}/tip"
            assert client.post(path, json=body, headers=order.resident.once()).status_code == 201

    def test_anothers_order_buys_nothing(self, client: FlaskClient) -> None:
        order, thief = an_order(state=OrderState.DELIVERED), a_resident()
        path = f"/user/v1/orders/{order.order_id}/tip-grants"

        answer = client.post(path, json={"amount_fen": 500, "pin": a_pin(thief)}, headers=thief.headers)

        assert_problem(answer, 404, "order_not_found")


class TestRate(OnceWithBody, OnceOwned):
    absent_code = "order_not_found"
    status = 201
    other_body = {"stars": 1}

    def case(self) -> Case:
        order = an_order(state=OrderState.DELIVERED)
        return Case(order.resident, f"/user/v1/orders/{order.order_id}/courier-rating", {"stars": 5})

    def test_one_order_one_rating(self, client: FlaskClient) -> None:
        order, _ = a_rated_order()
        case = Case(order.resident, f"/user/v1/orders/{order.order_id}/courier-rating", {"stars": 5})

        assert_problem(self.send(client, case), 409, "rating_given")


class TestListRatings(Endpoint):
    def case(self) -> Case:
        return Case(a_courier(), "/courier/v1/ratings")

    def test_who_gave_it_is_not_told(self, client: FlaskClient) -> None:
        order, rating_id = a_rated_order()

        page = client.get("/courier/v1/ratings", headers=order.carrier.headers).get_json()

        [rating] = page["items"]
        assert (rating["rating_id"], rating["stars"], rating["marks"]) == (str(rating_id), 1, ["late"])
        assert page["mean_tenths"] is None
        assert str(order.resident.account_id) not in str(page)
        assert str(order.order_id) not in str(page)


class TestAppeal(OnceWithBody, OnceOwned):
    absent_code = "rating_not_found"
    other_body = {"reason": "another"}

    def case(self) -> Case:
        order, rating_id = a_rated_order()
        return Case(order.carrier, f"/courier/v1/ratings/{rating_id}/appeal", {"reason": "店铺出餐晚"})

    def test_the_platform_folds_it_with_its_reason(self, client: FlaskClient) -> None:
        order, rating_id = a_rated_order()
        client.post(
            f"/courier/v1/ratings/{rating_id}/appeal", headers=order.carrier.once(), json={"reason": "店铺出餐晚"}
        )
        operator = an_operator()
        waiting = client.get("/platform/v1/courier-ratings?limit=100", headers=operator.headers).get_json()["items"]

        decided = client.post(
            f"/platform/v1/courier-ratings/{rating_id}/decision",
            headers=operator.once(),
            json={"is_folded": True, "reason": "shop was late"},
        )

        [shown] = client.get("/courier/v1/ratings", headers=order.carrier.headers).get_json()["items"]
        assert str(rating_id) in {one["rating_id"] for one in waiting}
        assert decided.get_json()["state"] == "folded"
        assert (shown["state"], shown["decision"]) == ("folded", "shop was late")

    def test_nobody_decides_what_nobody_appealed_against(self, client: FlaskClient) -> None:
        _, rating_id = a_rated_order()

        response = client.post(
            f"/platform/v1/courier-ratings/{rating_id}/decision",
            headers=an_operator().once(),
            json={"is_folded": True, "reason": "x"},
        )

        assert_problem(response, 409, "illegal_transition")


class TestFigures(Endpoint):
    def case(self) -> Case:
        return Case(a_courier(), "/courier/v1/figures")

    def test_the_week_adds_up(self, client: FlaskClient) -> None:
        courier, shop = a_courier(), a_merchant_with_shop()
        resident = a_resident(balance_fen=RICH_FEN)
        for _ in range(2):
            an_order(state=OrderState.DELIVERED, shop=shop, courier=courier, resident=resident)

        days = client.get("/courier/v1/figures", headers=courier.headers).get_json()["days"]

        assert len(days) == 7
        total = {name: sum(day[name] for day in days) for name in ("trips_done", "orders_delivered", "pay_fen")}
        assert total == {"trips_done": 2, "orders_delivered": 2, "pay_fen": 600}
        assert sum(day["orders_by_promise"] for day in days) == 2

    @pytest.mark.parametrize(
        "reason, act, paid_fen",
        [(FailureReason.ABSENT, "return", 300), (FailureReason.LOST, "disposal", 0)],
    )
    def test_a_way_that_was_paid_without_a_hand_over_counts_and_no_other(
        self, client: FlaskClient, reason: FailureReason, act: str, paid_fen: int
    ) -> None:
        order = an_order(state=OrderState.DELIVERY_FAILED, reason=reason)
        path = f"/courier/v1/deliveries/{order.delivery_id}/{act}"
        ended = client.post(path, headers=order.carrier.once())

        days = client.get("/courier/v1/figures", headers=order.carrier.headers).get_json()["days"]

        pending = client.get("/courier/v1/earnings", headers=order.carrier.headers).get_json()["pending_fen"]
        assert ended.status_code == 200
        assert sum(day["pay_fen"] for day in days) == pending == paid_fen
        assert sum(day["orders_delivered"] for day in days) == 0


class TestPayouts(Endpoint):
    def case(self) -> Case:
        return Case(a_courier(), "/courier/v1/payouts")
