"""The payment PIN, and the step-up grants that it buys."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from app.core.accounts.models import CodePurpose
from app.core.orders.states import OrderState
from app.core.stepup.pins import TRIES
from app.core.verification.models import IdentityRow
from app.kernel.clock import wall_now
from app.kernel.sealing import blind_index, seal
from app.usecases.people import codes
from app.usecases.verifying.check_identity import NAME_CONTEXT, NUMBER_CONTEXT
from tests.factories import AnOrder, Person, a_grant, a_pin, a_resident, an_order
from tests.factories.people import PIN, an_id_number, signed_in
from tests.factories.rows import change, look, look_one, write
from tests.support.ladder import Case, Endpoint, assert_problem

if TYPE_CHECKING:
    from flask.testing import FlaskClient
    from werkzeug.test import TestResponse

OTHER_PIN = "590284"


def acts_of(person: Person, verb: str) -> list[tuple[str, dict[str, Any]]]:
    rows = look("SELECT outcome, details FROM audit.act WHERE account_id = :id AND verb = :verb ORDER BY act_id",
                id=person.account_id, verb=verb)  # fmt: skip
    return [(row.outcome, row.details) for row in rows]


def confirm(client: FlaskClient, order: AnOrder, **other: object) -> TestResponse:
    body = {"checkout_id": str(order.checkout_id), "amount_fen": order.total_fen, "pin": PIN, **other}
    return client.post("/user/v1/step-up-grants", headers=order.resident.headers, json=body)


def pay(client: FlaskClient, order: AnOrder, grant: object, by: Person | None = None) -> TestResponse:
    body = {"method": "e_account", "step_up_grant": str(grant)}
    path = f"/user/v1/checkouts/{order.checkout_id}/payments"
    return client.post(path, headers=(by or order.resident).once(), json=body)


def own_code(person: Person) -> str:
    """Return a code to the person's own phone, for setting a PIN."""

    class Caught:
        code = ""

        def send_code(self, *, phone: str, code: str) -> None:
            assert phone == person.phone
            self.code = code

    caught = Caught()
    codes.send_own(caught, person.actor, CodePurpose.RESET_PIN)
    return caught.code


def a_code(client: FlaskClient, person: Person) -> str:
    asked = client.post("/user/v1/codes", headers=person.headers, json={"purpose": "reset_pin"})
    assert asked.status_code == 202, asked.text
    shown = client.get("/dev/v1/messages", query_string={"phone": person.phone}).get_json()
    return str(shown["items"][0]["code"])


def verified(person: Person) -> dict[str, str]:
    """Have ``person`` verified; return name and number."""
    number = an_id_number()
    write(
        IdentityRow,
        account_id=person.account_id,
        name_sealed=seal("欧阳青", context=NAME_CONTEXT),
        number_sealed=seal(number, context=NUMBER_CONTEXT),
        number_index=blind_index(number, context=NUMBER_CONTEXT),
        verified_at=wall_now(),
    )
    return {"name": "欧阳青", "id_number": number}


class TestSetPin(Endpoint):
    method = "POST"
    status = 201

    def case(self) -> Case:
        resident = a_resident()
        return Case(resident, "/user/v1/payment-pin", {"pin": PIN, "code": own_code(resident)})

    def set(self, client: FlaskClient, person: Person, **body: str) -> TestResponse:
        given = {"pin": PIN, **body} if "code" in body else {"pin": PIN, "code": own_code(person), **body}
        return client.post("/user/v1/payment-pin", headers=person.headers, json=given)

    def test_the_code_that_was_sent_sets_it(self, client: FlaskClient) -> None:
        resident = a_resident()

        assert self.set(client, resident, code=a_code(client, resident)).status_code == 201

    def test_it_is_kept_as_a_digest_and_the_act_tells_nothing_of_it(self, client: FlaskClient) -> None:
        case = self.case()

        state = self.send(client, case).get_json()

        digest = look_one("SELECT digest FROM payment_pins WHERE account_id = :id", id=case.person.account_id)
        assert (state["is_set"], state["is_blocked"], state["locked_until"]) == (True, False, None)
        assert len(digest) == 32
        assert acts_of(case.person, "pin.write") == [("done", {"change": "set"})]

    def test_a_code_is_used_once(self, client: FlaskClient) -> None:
        case = self.case()
        self.send(client, case)

        assert_problem(self.send(client, case), 422, "code_wrong", pointer="/code")

    def test_a_weak_one_is_refused_and_leaves_the_code_good(self, client: FlaskClient) -> None:
        case = self.case()

        refused = self.send(client, case, body={**(case.body or {}), "pin": "123456"})

        assert_problem(refused, 422, "pin_weak", pointer="/pin")
        assert self.send(client, case).status_code == 201

    @pytest.mark.parametrize("pin", ["12345", "1234567", "12a456", "４０７１９３", 407193, None])
    def test_six_digits_it_is(self, client: FlaskClient, pin: object) -> None:
        body = {"pin": pin, "code": "000000"}

        assert_problem(self.send(client, self.case(), body=body), 422, "input_invalid", pointer="/pin")

    def test_without_a_code_that_was_sent_nothing_is_set(self, client: FlaskClient) -> None:
        body = {"pin": PIN, "code": "000000"}

        assert_problem(self.send(client, Case(a_resident(), "/user/v1/payment-pin"), body=body), 422, "code_wrong")

    def test_reset_by_the_phone_alone_it_waits_for_a_day(self, client: FlaskClient) -> None:
        order = an_order(state=OrderState.AWAITING_PAYMENT)
        a_pin(order.resident)

        assert self.set(client, order.resident, pin=OTHER_PIN).get_json()["locked_until"] is not None
        refused = confirm(client, order, pin=OTHER_PIN)
        assert 86_390 < assert_problem(refused, 429, "pin_locked")["retry_after_s"] <= 86_401

    def test_reset_by_who_one_is_verified_for_it_counts_at_once(self, client: FlaskClient) -> None:
        order = an_order(state=OrderState.AWAITING_PAYMENT)
        a_pin(order.resident)
        change("UPDATE payment_pins SET tries_left = 0, lock_count = 3 WHERE account_id = :id",
               id=order.resident.account_id)  # fmt: skip

        assert self.set(client, order.resident, pin=OTHER_PIN, **verified(order.resident)).status_code == 201
        assert confirm(client, order, pin=OTHER_PIN).status_code == 201

    @pytest.mark.parametrize("wrong", ["name", "id_number", "both missing"])
    def test_a_wrong_identity_sets_nothing_and_uses_the_code_up(self, client: FlaskClient, wrong: str) -> None:
        resident = a_resident()
        identity = verified(resident)
        flawed = {} if wrong == "both missing" else {**identity, wrong: {"name": "欧阳", "id_number": "1" * 18}[wrong]}
        code = own_code(resident)

        assert_problem(self.set(client, resident, code=code, **flawed), 409, "identity_differs")
        assert_problem(self.set(client, resident, code=code, **identity), 422, "code_wrong")
        assert acts_of(resident, "pin.write") == [("refused", {"change": "set"})]
        assert look("SELECT 1 FROM payment_pins WHERE account_id = :id", id=resident.account_id) == []

    def test_ones_birthday_is_no_pin(self, client: FlaskClient) -> None:
        resident = a_resident()
        identity = verified(resident)

        refused = self.set(client, resident, pin=identity["id_number"][8:14], **identity)

        assert_problem(refused, 422, "pin_weak")


class TestChangePin(Endpoint):
    method = "PUT"

    def case(self) -> Case:
        resident = a_resident()
        return Case(resident, "/user/v1/payment-pin", {"old_pin": a_pin(resident), "pin": OTHER_PIN})

    def test_the_new_one_confirms_and_the_old_one_does_not(self, client: FlaskClient) -> None:
        order = an_order(state=OrderState.AWAITING_PAYMENT)
        body = {"old_pin": a_pin(order.resident), "pin": OTHER_PIN}

        client.put("/user/v1/payment-pin", headers=order.resident.headers, json=body)

        assert_problem(confirm(client, order, pin=PIN), 403, "pin_wrong")
        assert confirm(client, order, pin=OTHER_PIN).status_code == 201

    def test_grants_of_the_old_one_are_void(self, client: FlaskClient) -> None:
        order = an_order(state=OrderState.AWAITING_PAYMENT)
        a_pin(order.resident)
        grant = confirm(client, order).get_json()["grant_id"]

        client.put("/user/v1/payment-pin", headers=order.resident.headers, json={"old_pin": PIN, "pin": OTHER_PIN})

        assert_problem(pay(client, order, grant), 409, "step_up_refused")

    def test_a_wrong_old_one_is_counted(self, client: FlaskClient) -> None:
        case = self.case()

        refused = self.send(client, case, body={"old_pin": "771204", "pin": OTHER_PIN})

        assert assert_problem(refused, 403, "pin_wrong")["tries_left"] == TRIES - 1
        assert acts_of(case.person, "pin.write") == [("refused", {"change": "change", "tries_left": TRIES - 1})]

    def test_without_one_there_is_nothing_to_change(self, client: FlaskClient) -> None:
        case = Case(a_resident(), "/user/v1/payment-pin", {"old_pin": PIN, "pin": OTHER_PIN})

        assert_problem(self.send(client, case), 409, "pin_not_set")


class TestReadPin(Endpoint):
    def case(self) -> Case:
        return Case(a_resident(), "/user/v1/payment-pin")

    def test_who_has_none_reads_so(self, client: FlaskClient) -> None:
        state = self.send(client, self.case()).get_json()

        assert state == {"is_set": False, "set_at": None, "is_blocked": False, "locked_until": None}


class TestGrant(Endpoint):
    method = "POST"
    status = 201

    def case(self) -> Case:
        order = an_order(state=OrderState.AWAITING_PAYMENT)
        pin = a_pin(order.resident)
        body = {"checkout_id": str(order.checkout_id), "amount_fen": order.total_fen, "pin": pin}
        return Case(order.resident, "/user/v1/step-up-grants", body)

    def test_it_pays_what_it_was_bought_for_and_the_act_names_the_factor(self, client: FlaskClient) -> None:
        order = an_order(state=OrderState.AWAITING_PAYMENT)
        a_pin(order.resident)
        grant = confirm(client, order).get_json()

        paid = pay(client, order, grant["grant_id"])

        assert paid.status_code == 201
        assert order.state is OrderState.AWAITING_ACCEPT
        assert (grant["factor"], grant["amount_fen"]) == ("pin", order.total_fen)
        [(outcome, details)] = acts_of(order.resident, "checkout.pay")
        assert (outcome, details["factor"]) == ("done", "pin")

    def test_anothers_checkout_looks_absent_and_costs_no_try(self, client: FlaskClient) -> None:
        order, other = an_order(state=OrderState.AWAITING_PAYMENT), an_order(state=OrderState.AWAITING_PAYMENT)
        a_pin(order.resident)

        refused = confirm(client, order, checkout_id=str(other.checkout_id), pin="771204")

        assert_problem(refused, 404, "checkout_not_found")
        tries = "SELECT tries_left FROM payment_pins WHERE account_id = :id"
        assert look_one(tries, id=order.resident.account_id) == TRIES

    def test_who_has_no_pin_is_told(self, client: FlaskClient) -> None:
        assert_problem(confirm(client, an_order(state=OrderState.AWAITING_PAYMENT)), 409, "pin_not_set")

    def test_five_wrong_pins_lock_and_the_right_one_comes_too_late(self, client: FlaskClient) -> None:
        order = an_order(state=OrderState.AWAITING_PAYMENT)
        a_pin(order.resident)

        left = [confirm(client, order, pin="771204").get_json()["tries_left"] for _ in range(TRIES)]

        assert left == [4, 3, 2, 1, 0]
        refused = confirm(client, order)
        assert 1790 < assert_problem(refused, 429, "pin_locked")["retry_after_s"] <= 1801
        assert int(refused.headers["Retry-After"]) > 0

    def test_when_the_lock_is_over_the_right_one_counts_and_clears_the_tries(self, client: FlaskClient) -> None:
        order = an_order(state=OrderState.AWAITING_PAYMENT)
        a_pin(order.resident)
        for _ in range(TRIES):
            confirm(client, order, pin="771204")
        change("UPDATE payment_pins SET locked_until = clock_timestamp() - interval '1 second' WHERE account_id = :id",
               id=order.resident.account_id)  # fmt: skip

        assert confirm(client, order).status_code == 201
        [row] = look("SELECT tries_left, lock_count, locked_until FROM payment_pins WHERE account_id = :id",
                     id=order.resident.account_id)  # fmt: skip
        assert (row.tries_left, row.lock_count, row.locked_until) == (TRIES, 0, None)

    def test_after_the_third_lock_only_a_reset_helps(self, client: FlaskClient) -> None:
        order = an_order(state=OrderState.AWAITING_PAYMENT)
        a_pin(order.resident)
        change("UPDATE payment_pins SET tries_left = 1, lock_count = 2 WHERE account_id = :id",
               id=order.resident.account_id)  # fmt: skip
        confirm(client, order, pin="771204")

        assert_problem(confirm(client, order), 403, "pin_blocked")


class TestPayWithAGrant:
    def test_from_the_e_account_nothing_is_paid_without_one(self, client: FlaskClient) -> None:
        order = an_order(state=OrderState.AWAITING_PAYMENT)
        path = f"/user/v1/checkouts/{order.checkout_id}/payments"

        refused = client.post(path, headers=order.resident.once(), json={"method": "e_account"})

        said = assert_problem(refused, 403, "step_up_required", pointer="/step_up_grant")
        assert (said["factors"], said["amount_fen"]) == (["pin", "passkey"], order.total_fen)
        assert order.state is OrderState.AWAITING_PAYMENT

    @pytest.mark.parametrize(
        "flaw",
        [
            {"used_at": wall_now()},
            {"expires_at": wall_now() - timedelta(seconds=1)},
            {"amount_fen_max": 1},
        ],
        ids=["used", "expired", "too small"],
    )
    def test_one_that_is_not_good_any_more_changes_nothing(self, client: FlaskClient, flaw: dict[str, Any]) -> None:
        order = an_order(state=OrderState.AWAITING_PAYMENT)
        grant = a_grant(order.resident, order.checkout_id, **flaw)

        assert_problem(pay(client, order, grant), 409, "step_up_refused", pointer="/step_up_grant")
        assert order.state is OrderState.AWAITING_PAYMENT

    def test_it_pays_the_fen_that_it_names_and_not_one_more(self, client: FlaskClient) -> None:
        order = an_order(state=OrderState.AWAITING_PAYMENT)
        short = a_grant(order.resident, order.checkout_id, amount_fen_max=order.total_fen - 1)
        enough = a_grant(order.resident, order.checkout_id, amount_fen_max=order.total_fen)

        assert_problem(pay(client, order, short), 409, "step_up_refused")
        assert pay(client, order, enough).status_code == 201

    def test_another_session_of_the_same_person_cannot_use_it(self, client: FlaskClient) -> None:
        order = an_order(state=OrderState.AWAITING_PAYMENT)
        grant = a_grant(order.resident, order.checkout_id)
        elsewhere = signed_in(order.resident.account_id, order.resident.side)

        assert_problem(pay(client, order, grant, by=elsewhere), 409, "step_up_refused")

    def test_another_checkout_cannot_use_it(self, client: FlaskClient) -> None:
        order = an_order(state=OrderState.AWAITING_PAYMENT)
        second = an_order(state=OrderState.AWAITING_PAYMENT, resident=order.resident)

        assert_problem(pay(client, second, a_grant(order.resident, order.checkout_id)), 409, "step_up_refused")

    def test_a_refused_payment_leaves_it_good(self, client: FlaskClient) -> None:
        resident = a_resident(balance_fen=10)
        order = an_order(state=OrderState.AWAITING_PAYMENT, resident=resident)
        grant = a_grant(resident, order.checkout_id)

        assert_problem(pay(client, order, grant), 409, "insufficient_funds")
        assert look_one("SELECT used_at FROM step_up_grants WHERE grant_id = :id", id=grant) is None

    def test_a_repeat_under_the_same_key_gets_the_same_answer(self, client: FlaskClient) -> None:
        order = an_order(state=OrderState.AWAITING_PAYMENT)
        body = {"method": "e_account", "step_up_grant": str(a_grant(order.resident, order.checkout_id))}
        path, headers = f"/user/v1/checkouts/{order.checkout_id}/payments", order.resident.once()

        first, second = (client.post(path, headers=headers, json=body) for _ in range(2))

        assert (first.status_code, first.get_data()) == (201, second.get_data())

    def test_wechat_pay_takes_none(self, client: FlaskClient) -> None:
        order = an_order(state=OrderState.AWAITING_PAYMENT)
        body = {"method": "wechat_pay", "step_up_grant": str(a_grant(order.resident, order.checkout_id))}
        path = f"/user/v1/checkouts/{order.checkout_id}/payments"

        assert_problem(client.post(path, headers=order.resident.once(), json=body), 409, "step_up_refused")
