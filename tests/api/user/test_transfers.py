"""Transfers between residents: whom, how much, how soon; and that nothing is made or lost."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from app.core import ledger
from app.core.ledger import codes
from app.core.transfers.rules import DAY_FEN_MAX, PAYEES_DAY_MAX
from app.core.verification.levels import Level
from app.kernel.transaction import transaction
from app.usecases.transferring.transfer import transfer
from tests.factories import a_claim, a_phone, a_pin, a_resident
from tests.factories.rows import change, look, look_one
from tests.factories.transfers import a_payee, a_transfer_grant
from tests.support.ladder import Case, Endpoint, OnceOwned, OnceWithBody, assert_problem
from tests.support.passkeys import registered
from tests.support.races import at_once

if TYPE_CHECKING:
    from uuid import UUID

    from flask import Flask
    from flask.testing import FlaskClient
    from werkzeug.test import TestResponse

    from tests.factories import Person
    from tests.support.business_clock import BusinessClock


def balance(person: Person) -> int:
    with transaction() as tx:
        return ledger.balance(tx, codes.e_account(person.account_id)).posted_fen


def send(client: FlaskClient, sender: Person, payee_id: UUID, amount_fen: int, **other: Any) -> TestResponse:
    body = {"amount_fen": amount_fen, "step_up_grant": str(a_transfer_grant(sender, payee_id)), **other}
    return client.post(f"/user/v1/payees/{payee_id}/transfers", headers=sender.once(), json=body)


class TestAddPayee(OnceWithBody):
    status = 201
    other_body = {"phone": "+8613812345678"}

    def case(self) -> Case:
        return Case(a_resident(), "/user/v1/payees", {"phone": a_phone()})

    def test_a_phone_without_an_account_is_answered_as_one_with_one(self, client: FlaskClient) -> None:
        resident = a_resident()

        answers = [
            client.post("/user/v1/payees", headers=resident.once(), json={"phone": phone})
            for phone in (a_resident().phone, a_phone())
        ]

        assert [answer.status_code for answer in answers] == [201, 201]
        assert [set(answer.get_json()) for answer in answers] == [{"payee_id", "usable_at"}] * 2

    def test_added_again_they_stay_as_they_are_and_removed_they_cool_again(
        self, client: FlaskClient, clock: BusinessClock
    ) -> None:
        clock.at(clock.now())
        resident, phone = a_resident(), a_phone()

        def add() -> Any:
            return client.post("/user/v1/payees", headers=resident.once(), json={"phone": phone}).get_json()

        first = add()
        clock.at(clock.now() + timedelta(hours=30))
        again = add()
        client.delete(f"/user/v1/payees/{first['payee_id']}", headers=resident.once())
        anew = add()

        assert again == first
        assert anew["payee_id"] != first["payee_id"]
        assert anew["usable_at"] > first["usable_at"]

    def test_a_day_has_few_of_them(self, client: FlaskClient) -> None:
        resident = a_resident()
        for _ in range(PAYEES_DAY_MAX):
            assert client.post("/user/v1/payees", headers=resident.once(), json={"phone": a_phone()}).status_code == 201

        answer = client.post("/user/v1/payees", headers=resident.once(), json={"phone": a_phone()})

        assert_problem(answer, 429, "too_many_payees")

    def test_oneself_and_what_is_no_phone_are_refused(self, client: FlaskClient) -> None:
        resident = a_resident()

        own = client.post("/user/v1/payees", headers=resident.once(), json={"phone": resident.phone})
        none = client.post("/user/v1/payees", headers=resident.once(), json={"phone": "12345"})

        assert_problem(own, 422, "payee_is_oneself", pointer="/phone")
        assert_problem(none, 422, "phone_invalid", pointer="/phone")


class TestPayees(Endpoint):
    def case(self) -> Case:
        return Case(a_resident(), "/user/v1/payees")

    def test_of_the_phone_one_sees_its_ends(self, client: FlaskClient) -> None:
        resident, other = a_resident(), a_resident()
        a_payee(resident, other)

        [shown] = client.get("/user/v1/payees", headers=resident.headers).get_json()["items"]

        assert shown["phone"] == f"{other.phone[3:6]}****{other.phone[-4:]}"
        assert other.phone not in str(look("SELECT * FROM payees WHERE account_id = :id", id=resident.account_id))


class TestRemovePayee(OnceOwned):
    method = "DELETE"
    absent_code = "payee_not_found"

    def case(self) -> Case:
        resident = a_resident()
        return Case(resident, f"/user/v1/payees/{a_payee(resident)}")


class TestTransfer(OnceOwned, OnceWithBody):
    status = 201
    other_body = {"amount_fen": 701}
    absent_code = "payee_not_found"

    def case(self) -> Case:
        sender = a_resident(balance_fen=10_000)
        payee_id = a_payee(sender)
        body = {"amount_fen": 700, "step_up_grant": str(a_transfer_grant(sender, payee_id))}
        return Case(sender, f"/user/v1/payees/{payee_id}/transfers", body)

    def test_what_one_sends_the_other_has(self, client: FlaskClient) -> None:
        sender, other = a_resident(balance_fen=10_000), a_resident()

        answer = send(client, sender, a_payee(sender, other), 700)

        assert answer.get_json()["is_final"] is True
        assert (balance(sender), balance(other)) == (9_300, 700)
        [line] = client.get("/user/v1/account/statement", headers=other.headers).get_json()["items"]
        assert (line["kind"], line["amount_fen"]) == ("transfer", 700)

    def test_a_new_payee_gets_nothing_for_a_day(self, client: FlaskClient, clock: BusinessClock) -> None:
        sender, other = a_resident(balance_fen=10_000), a_resident()
        payee_id = a_payee(sender, other, has_cooled=False)

        soon = send(client, sender, payee_id, 700)
        clock.ahead(hours=25)
        later = send(client, sender, payee_id, 700)

        assert_problem(soon, 409, "payee_cooling")
        assert later.status_code == 201
        assert balance(other) == 700

    def test_a_day_has_a_cap_and_the_next_day_another(self, client: FlaskClient, clock: BusinessClock) -> None:
        sender = a_resident(balance_fen=3 * DAY_FEN_MAX)
        first, second = a_payee(sender), a_payee(sender)
        change("UPDATE payees SET usable_at = usable_at - interval '3 days' WHERE account_id = :id",
               id=sender.account_id)  # fmt: skip

        assert send(client, sender, first, DAY_FEN_MAX - 100).status_code == 201
        over = send(client, sender, second, 101)
        rest = send(client, sender, second, 100)
        clock.ahead(hours=24)

        assert assert_problem(over, 409, "transfer_over_limit")["left_fen"] == 100
        assert rest.status_code == 201
        assert send(client, sender, second, 101).status_code == 201

    @pytest.mark.parametrize("amount_fen", [0, -1, DAY_FEN_MAX + 1, 2**63, True, "1", 1.5])
    def test_amounts_are_bounded(self, client: FlaskClient, amount_fen: Any) -> None:
        sender = a_resident(balance_fen=10_000)

        answer = send(client, sender, a_payee(sender), amount_fen)

        assert_problem(answer, 422, "input_invalid", pointer="/amount_fen")
        assert balance(sender) == 10_000

    def test_without_a_grant_or_with_one_for_another_payee_nothing_is_sent(self, client: FlaskClient) -> None:
        sender = a_resident(balance_fen=10_000)
        payee_id, other_id = a_payee(sender), a_payee(sender)

        none = send(client, sender, payee_id, 700, step_up_grant=None)
        others = send(client, sender, payee_id, 700, step_up_grant=str(a_transfer_grant(sender, other_id)))
        less = send(client, sender, payee_id, 700, step_up_grant=str(a_transfer_grant(sender, payee_id, 699)))

        assert_problem(none, 403, "step_up_required")
        assert_problem(others, 409, "step_up_refused")
        assert_problem(less, 409, "step_up_refused")
        assert balance(sender) == 10_000

    def test_a_grant_is_good_once(self, client: FlaskClient) -> None:
        sender = a_resident(balance_fen=10_000)
        payee_id = a_payee(sender)
        grant = str(a_transfer_grant(sender, payee_id))

        assert send(client, sender, payee_id, 700, step_up_grant=grant).status_code == 201
        assert_problem(send(client, sender, payee_id, 700, step_up_grant=grant), 409, "step_up_refused")

    def test_who_has_no_verified_account_in_order_cannot_receive(self, client: FlaskClient) -> None:
        sender, unverified, suspended = a_resident(balance_fen=10_000), a_resident(level=Level.NONE), a_resident()
        change("UPDATE accounts SET state = 'suspended' WHERE account_id = :id", id=suspended.account_id)

        for other in (unverified, suspended):
            assert_problem(send(client, sender, a_payee(sender, other), 700), 409, "payee_cannot_receive")
        assert balance(sender) == 10_000

    def test_it_counts_towards_the_limits_of_ones_level(self, client: FlaskClient) -> None:
        sender = a_resident(balance_fen=1_000_000, level=Level.ONE)
        payee_id = a_payee(sender)

        assert_problem(send(client, sender, payee_id, 100_001), 409, "payment_limit_exceeded")
        assert balance(sender) == 1_000_000

    def test_more_than_one_has_is_refused_and_leaves_the_cap_as_it_was(self, client: FlaskClient) -> None:
        sender = a_resident(balance_fen=100)

        assert_problem(send(client, sender, a_payee(sender), 101), 409, "insufficient_funds")
        assert look("SELECT 1 FROM transfer_days WHERE account_id = :id", id=sender.account_id) == []


class TestGrant:
    def test_the_pin_or_a_passkey_confirms_a_transfer(self, client: FlaskClient) -> None:
        sender = a_resident(balance_fen=10_000)
        payee_id, pin = a_payee(sender), a_pin(sender)
        path = f"/user/v1/payees/{payee_id}"

        granted = client.post(
            f"{path}/transfer-grants", headers=sender.headers, json={"amount_fen": 700, "pin": pin}
        ).get_json()
        sent = send(client, sender, payee_id, 700, step_up_grant=granted["grant_id"])
        device = registered(sender)
        challenge = client.post(
            f"{path}/transfer-challenges", headers=sender.headers, json={"amount_fen": 300}
        ).get_json()
        passkey = {"challenge_id": challenge["challenge_id"], "credential": device.answer(challenge["public_key"])}
        answered = client.post(
            f"{path}/transfer-grants", headers=sender.headers, json={"amount_fen": 300, "passkey": passkey}
        )

        assert granted["payee_id"] == str(payee_id)
        assert sent.status_code == 201
        assert answered.status_code == 201, answered.text

    def test_anothers_payee_looks_absent(self, client: FlaskClient) -> None:
        sender, other = a_resident(), a_resident()
        path = f"/user/v1/payees/{a_payee(other)}/transfer-grants"

        answer = client.post(path, headers=sender.headers, json={"amount_fen": 700, "pin": a_pin(sender)})

        assert_problem(answer, 404, "payee_not_found")


class TestTransfers(Endpoint):
    def case(self) -> Case:
        return Case(a_resident(), "/user/v1/transfers")

    def test_one_sees_what_one_sent_newest_first(self, client: FlaskClient) -> None:
        sender, other = a_resident(balance_fen=10_000), a_resident()
        payee_id = a_payee(sender, other)
        for amount_fen in (100, 200):
            send(client, sender, payee_id, amount_fen)

        mine = client.get("/user/v1/transfers", headers=sender.headers).get_json()["items"]

        assert [one["amount_fen"] for one in mine] == [200, 100]
        assert client.get("/user/v1/transfers", headers=other.headers).get_json()["items"] == []


def test_of_many_at_once_no_more_is_sent_than_the_cap_and_the_money(app: Flask) -> None:
    sender, other = a_resident(balance_fen=300_000), a_resident(balance_fen=300_000)
    there, back = a_payee(sender, other), a_payee(other, sender)

    def act(who: Person, payee_id: UUID) -> Any:
        asked = {"payee_id": payee_id, "amount_fen": 60_000, "step_up_grant": a_transfer_grant(who, payee_id)}
        return lambda: transfer(who.actor, a_claim(who), **asked)  # type: ignore[arg-type]

    outcomes = at_once(app, [act(who, payee) for who, payee in ((sender, there), (other, back)) for _ in range(12)])

    assert balance(sender) + balance(other) == 600_000
    assert min(balance(sender), balance(other)) >= 0
    assert {outcome.refusal for outcome in outcomes} <= {None, "insufficient_funds", "transfer_over_limit"}
    for who in (sender, other):
        sent = look_one("SELECT sum(amount_fen)::bigint FROM transfers WHERE account_id = :id", id=who.account_id)
        assert sent <= DAY_FEN_MAX
        assert sent == look_one("SELECT sent_fen FROM transfer_days WHERE account_id = :id", id=who.account_id)
