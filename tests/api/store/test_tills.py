"""Tills and the agent desk: counts, cash in and out, receipts, cash on its way, and what is refused."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from uuid import UUID

import pytest

from app.core.tills.limits import CASH_FEN_MAX
from app.core.tills.words import in_words
from app.kernel.ids import new_id
from app.kernel.sealing import blind_index, seal
from app.usecases.tending_tills.visits import show_desk_code
from app.usecases.verifying.check_identity import NAME_CONTEXT, NUMBER_CONTEXT
from tests.factories import a_pin, a_resident, a_store_clerk, an_operator
from tests.factories.people import an_id_number, signed_in
from tests.factories.places import a_community
from tests.factories.rows import change, look, look_one
from tests.factories.tills import a_remittance, a_store_manager, a_supply, a_till, a_visit, store_of
from tests.support.ladder import Case, Endpoint, Once, OnceOwned, OnceWithBody, Owned, assert_problem, row_counts

if TYPE_CHECKING:
    from flask.testing import FlaskClient

    from tests.factories import Person
    from tests.support.business_clock import BusinessClock

FLOAT_FEN = 100_000


def proof(client: FlaskClient, clerk: Person, till_id: UUID) -> Any:
    return client.get(f"/store/v1/tills/{till_id}/proof", headers=clerk.headers).get_json()


def balance(person: Person) -> int:
    code = f"e_account:{person.account_id}"
    return int(look_one("SELECT coalesce(sum(posted_fen), 0) FROM ledger.balance WHERE code = :code", code=code))


def book(code: str) -> int:
    return int(look_one("SELECT coalesce(sum(posted_fen), 0) FROM ledger.balance WHERE code = :code", code=code))


class TestListTills(Endpoint):
    def case(self) -> Case:
        return Case(a_store_clerk(), "/store/v1/tills")

    def test_a_clerk_sees_the_tills_of_the_own_store_only(self, client: FlaskClient) -> None:
        clerk = a_store_clerk()
        till_id = a_till(clerk)

        own = client.get("/store/v1/tills", headers=clerk.headers).get_json()["items"]
        others = client.get("/store/v1/tills", headers=a_store_clerk().headers).get_json()["items"]

        assert ([one["till_id"] for one in own], others) == ([str(till_id)], [])


class TestAddTill(OnceWithBody):
    status = 201
    other_body = {"name": "二号"}

    def case(self) -> Case:
        manager = a_store_manager()
        return Case(manager, "/store/v1/tills", {"store_id": str(store_of(manager)), "name": "一号"})

    def test_of_one_name_a_store_has_one(self, client: FlaskClient) -> None:
        case = self.case()
        self.send(client, case)

        assert_problem(self.send(client, case), 409, "till_name_taken", pointer="/name")

    def test_anothers_store_looks_absent(self, client: FlaskClient) -> None:
        body = {"store_id": str(a_community().store_id), "name": "一号"}

        assert_problem(self.send(client, self.case(), body=body), 404, "store_not_found")


class TestBeginTill(OnceWithBody, OnceOwned):
    absent_code = "till_not_found"
    other_body = {"counted_fen": 1}

    def case(self) -> Case:
        clerk = a_store_clerk()
        return Case(clerk, f"/store/v1/tills/{a_till(clerk, is_open=False)}/opening", {"counted_fen": 0})

    def test_a_count_that_is_off_by_one_fen_is_refused_and_not_told(self, client: FlaskClient) -> None:
        case = self.case()
        before = row_counts()

        answer = self.send(client, case, body={"counted_fen": 1, "is_difference_accepted": True})

        assert "1" not in assert_problem(answer, 409, "till_count_differs", pointer="/counted_fen")["detail"]
        assert row_counts() == before

    def test_a_manager_accepts_a_difference_that_is_nobodys(self, client: FlaskClient) -> None:
        manager = a_store_manager()
        till_id = a_till(manager, is_open=False)
        suspense = book("suspense")
        body = {"counted_fen": 7, "is_difference_accepted": True}

        answer = client.post(f"/store/v1/tills/{till_id}/opening", json=body, headers=manager.once())

        assert answer.get_json()["cash_fen"] == 7
        assert book(f"till_cash:{till_id}") == -7
        assert book("suspense") - suspense == 7
        assert proof(client, manager, till_id)["is_sound"]

    def test_a_count_that_no_till_can_hold_is_accepted_by_no_manager(self, client: FlaskClient) -> None:
        manager = a_store_manager()
        till_id = a_till(manager, is_open=False)
        body = {"counted_fen": CASH_FEN_MAX + 1, "is_difference_accepted": True}

        answer = client.post(f"/store/v1/tills/{till_id}/opening", json=body, headers=manager.once())

        assert_problem(answer, 409, "till_full", pointer="/counted_fen")
        assert book(f"till_cash:{till_id}") == 0

    def test_what_is_open_is_not_opened(self, client: FlaskClient) -> None:
        case = self.case()
        self.send(client, case)

        assert_problem(self.send(client, case), 409, "till_open")


class TestEndTill(OnceWithBody, OnceOwned):
    absent_code = "till_not_found"
    other_body = {"counted_fen": FLOAT_FEN - 1}

    def case(self) -> Case:
        clerk = a_store_clerk()
        till_id = a_till(clerk, cash_fen=FLOAT_FEN)
        return Case(clerk, f"/store/v1/tills/{till_id}/closing", {"counted_fen": FLOAT_FEN})

    @pytest.mark.parametrize("off_fen", [-1, 1])
    def test_one_fen_of_difference_is_booked_to_who_was_in_charge_or_to_suspense(
        self, client: FlaskClient, off_fen: int
    ) -> None:
        clerk = a_store_clerk()
        till_id, suspense = a_till(clerk, cash_fen=FLOAT_FEN), book("suspense")

        answer = client.post(
            f"/store/v1/tills/{till_id}/closing", json={"counted_fen": FLOAT_FEN + off_fen}, headers=clerk.once()
        ).get_json()

        assert (answer["difference_fen"], answer["state"]) == (off_fen, "closed")
        assert book(f"cash_shortage:{clerk.account_id}") == min(off_fen, 0)
        assert book("suspense") - suspense == max(off_fen, 0)
        assert proof(client, clerk, till_id)["cash_fen"] == FLOAT_FEN + off_fen
        assert proof(client, clerk, till_id)["is_sound"]

    def test_a_colleague_does_not_close_it_a_manager_does(self, client: FlaskClient) -> None:
        case = self.case()
        store_id = store_of(case.person)

        colleague = self.send(client, case, headers=a_store_clerk(store_id).once())
        manager = self.send(client, case, headers=a_store_manager(store_id).once())

        assert_problem(colleague, 403, "not_in_charge")
        assert manager.status_code == 200

    def test_a_count_that_no_till_can_hold_is_refused(self, client: FlaskClient) -> None:
        case = self.case()
        before = row_counts()

        answer = self.send(client, case, body={"counted_fen": CASH_FEN_MAX + 1})

        assert_problem(answer, 409, "till_full", pointer="/counted_fen")
        assert row_counts() == before

    def test_a_closed_till_is_not_closed(self, client: FlaskClient) -> None:
        case = self.case()
        self.send(client, case)

        assert_problem(self.send(client, case), 409, "till_not_open")


class TestProveTill(Owned):
    absent_code = "till_not_found"

    def case(self) -> Case:
        clerk = a_store_clerk()
        return Case(clerk, f"/store/v1/tills/{a_till(clerk, cash_fen=FLOAT_FEN)}/proof")

    def test_a_float_that_is_not_the_sum_of_its_journals_is_found(self, client: FlaskClient) -> None:
        clerk = a_store_clerk()
        till_id = a_till(clerk, cash_fen=FLOAT_FEN)
        change("UPDATE tills SET cash_fen = cash_fen - 1 WHERE till_id = :id", id=till_id)

        shown = proof(client, clerk, till_id)

        assert not shown["is_sound"]
        assert shown["acts_fen"] == shown["book_fen"] == shown["journals_fen"] == shown["cash_fen"] + 1

    def test_it_is_proven_from_the_last_closing_on(self, client: FlaskClient) -> None:
        clerk = a_store_clerk()
        till_id = a_till(clerk, cash_fen=FLOAT_FEN)
        headers = clerk.once
        client.post(f"/store/v1/tills/{till_id}/closing", json={"counted_fen": FLOAT_FEN}, headers=headers())
        client.post(f"/store/v1/tills/{till_id}/opening", json={"counted_fen": FLOAT_FEN}, headers=headers())
        a_remittance(clerk, till_id, 300)

        shown = proof(client, clerk, till_id)

        assert look_one("SELECT proven_fen FROM tills WHERE till_id = :id", id=till_id) == FLOAT_FEN
        assert shown["is_sound"]
        assert shown["journals_fen"] == FLOAT_FEN - 300


class TestListTillActs(Owned):
    absent_code = "till_not_found"

    def case(self) -> Case:
        clerk = a_store_clerk()
        return Case(clerk, f"/store/v1/tills/{a_till(clerk)}/acts")

    def test_pages_follow_each_other(self, client: FlaskClient) -> None:
        clerk = a_store_clerk()
        path = f"/store/v1/tills/{a_till(clerk, cash_fen=FLOAT_FEN)}/acts"

        first = client.get(f"{path}?limit=1", headers=clerk.headers).get_json()
        second = client.get(f"{path}?limit=1&cursor={first['next_cursor']}", headers=clerk.headers).get_json()

        assert [one["kind"] for one in first["items"] + second["items"]] == ["received", "opening"]
        assert second["next_cursor"] is None


class TestReceipt(Owned):
    absent_code = "till_act_not_found"

    def case(self) -> Case:
        clerk = a_store_clerk()
        till_id = a_till(clerk, cash_fen=100_530)
        act_id = look_one("SELECT till_act_id FROM till_acts WHERE till_id = :id AND number = 2", id=till_id)
        return Case(clerk, f"/store/v1/till-acts/{act_id}/receipt")

    def test_it_says_the_amount_in_figures_and_in_words_and_is_the_same_every_time(self, client: FlaskClient) -> None:
        case = self.case()

        said = self.send(client, case).get_data(as_text=True)
        files = [client.get(f"{case.path}?format=pdf", headers=case.person.headers).data for _ in range(2)]

        assert "¥1,005.30" in said
        assert "壹仟零伍元叁角整" in said
        assert files[0] == files[1]
        assert files[0].startswith(b"%PDF-")


@pytest.mark.parametrize(
    "fen, words",
    [
        (0, "零元整"),
        (1, "壹分"),
        (10, "壹角整"),
        (101, "壹元零壹分"),
        (100_000_00, "壹拾万元整"),
        (10_010_000_00, "壹仟零壹万元整"),
        (1_000_000_050_00, "壹拾亿零伍拾元整"),
        (20_350_06, "贰万零叁佰伍拾元零陆分"),
    ],
)
def test_amounts_are_written_in_words(fen: int, words: str) -> None:
    assert in_words(fen) == words


def a_card(name: str = "陈晓") -> tuple[Person, str]:
    resident, number = a_resident(), an_id_number()
    change(
        """
        INSERT INTO identities (account_id, name_sealed, number_sealed, number_index, verified_at)
        VALUES (:account_id, :name, :number, :number_index, business_now());
        """,
        account_id=resident.account_id,
        name=seal(name, context=NAME_CONTEXT),
        number=seal(number, context=NUMBER_CONTEXT),
        number_index=blind_index(number, context=NUMBER_CONTEXT),
    )
    return resident, number


class TestVisitByCode(Endpoint):
    method = "POST"
    status = 201

    def case(self) -> Case:
        code = self.code(a_resident())
        return Case(a_store_clerk(), "/store/v1/desk-visits/by-code", {"code": code})

    def code(self, person: Person) -> str:
        return show_desk_code(person.actor).code

    def test_a_code_is_good_once(self, client: FlaskClient) -> None:
        case = self.case()
        self.send(client, case)

        assert_problem(self.send(client, case), 409, "desk_code_refused", pointer="/code")

    def test_neither_oneself_nor_a_colleague_is_served(self, client: FlaskClient) -> None:
        clerk = a_store_clerk()
        colleague = a_store_clerk(store_of(clerk))

        for person in (clerk, colleague):
            body = {"code": self.code(signed_in(person.account_id, clerk.side.USER))}
            answer = client.post("/store/v1/desk-visits/by-code", json=body, headers=clerk.headers)
            assert_problem(answer, 403, "own_desk")


class TestVisitByCard(Endpoint):
    method = "POST"
    status = 201

    def case(self) -> Case:
        _, number = a_card()
        return Case(a_store_clerk(), "/store/v1/desk-visits/by-card", {"name": "陈晓", "id_number": number})

    def test_a_wrong_name_looks_like_a_number_that_nobody_has_and_is_noted(self, client: FlaskClient) -> None:
        case = self.case()
        assert case.body is not None

        wrong_name = self.send(client, case, body={**case.body, "name": "陈晚"})
        nobody = self.send(client, case, body={**case.body, "id_number": an_id_number()})

        assert_problem(wrong_name, 404, "desk_visitor_not_found")
        assert wrong_name.data == nobody.data
        acts = look("SELECT outcome FROM audit.act WHERE account_id = :id", id=case.person.account_id)
        assert [act.outcome for act in acts] == ["refused", "refused"]


class TestConfirmVisit(Owned):
    method = "POST"
    absent_code = "desk_visit_not_found"

    def case(self) -> Case:
        clerk, resident = a_store_clerk(), a_resident()
        body = {"pin": a_pin(resident), "amount_fen": 100}
        return Case(clerk, f"/store/v1/desk-visits/{a_visit(clerk, resident)}/confirmation", body)

    def test_wrong_pins_are_counted_and_lock_as_everywhere(self, client: FlaskClient) -> None:
        case = self.case()

        answers = [self.send(client, case, body={"pin": "112358", "amount_fen": 1}) for _ in range(6)]

        assert [answer.get_json()["code"] for answer in answers] == [*["pin_wrong"] * 5, "pin_locked"]

    def test_another_clerks_visit_looks_absent(self, client: FlaskClient) -> None:
        case = self.case()
        colleague = a_store_clerk(store_of(case.person))

        assert_problem(self.send(client, case, headers=colleague.headers), 404, "desk_visit_not_found")


class TestVisitorBalance(Owned):
    absent_code = "desk_visit_not_found"

    def case(self) -> Case:
        clerk = a_store_clerk()
        visit = a_visit(clerk, a_resident(balance_fen=1_234), confirmed_fen=0)
        return Case(clerk, f"/store/v1/desk-visits/{visit}/balance")

    def test_it_is_told_to_who_confirmed_and_leaves_an_act(self, client: FlaskClient) -> None:
        case = self.case()
        silent = a_visit(case.person)

        told = self.send(client, case).get_json()
        refused = client.get(f"/store/v1/desk-visits/{silent}/balance", headers=case.person.headers)

        assert told["available_fen"] == 1_234
        assert_problem(refused, 403, "desk_confirmation_needed")
        acts = look("SELECT verb FROM audit.act WHERE account_id = :id", id=case.person.account_id)
        assert [act.verb for act in acts] == ["desk.balance"]


class TestCashIn(OnceWithBody, OnceOwned):
    status = 201
    absent_code = "desk_visit_not_found"
    other_body = {"amount_fen": 2}

    def case(self) -> Case:
        clerk = a_store_clerk()
        body = {"visit_id": str(a_visit(clerk)), "amount_fen": 500}
        return Case(clerk, f"/store/v1/tills/{a_till(clerk)}/cash-ins", body)

    def test_cash_and_account_rise_by_one_journal(self, client: FlaskClient) -> None:
        clerk, resident = a_store_clerk(), a_resident()
        till_id = a_till(clerk)
        body = {"visit_id": str(a_visit(clerk, resident)), "amount_fen": 500}

        client.post(f"/store/v1/tills/{till_id}/cash-ins", json=body, headers=clerk.once())

        acts = client.get("/user/v1/desk-acts", headers=resident.headers).get_json()["items"]
        assert balance(resident) == 500
        assert book(f"till_cash:{till_id}") == -500
        assert proof(client, clerk, till_id)["is_sound"]
        assert [(act["kind"], act["amount_fen"]) for act in acts] == [("cash_in", 500)]

    def test_a_day_has_a_limit_for_each_person_and_the_next_day_another(
        self, client: FlaskClient, clock: BusinessClock
    ) -> None:
        clerk, resident = a_store_clerk(), a_resident()
        till_id, visit = a_till(clerk), str(a_visit(clerk, resident))

        def put(amount_fen: int, at: UUID = till_id) -> Any:
            body = {"visit_id": visit, "amount_fen": amount_fen}
            return client.post(f"/store/v1/tills/{at}/cash-ins", json=body, headers=clerk.once())

        over_act = put(1_000_001)
        done = [put(1_000_000), put(999_999)]
        over_day = put(2)
        clock.ahead(days=1)
        stale = put(2)
        anew = put(2, a_till(clerk))

        assert assert_problem(over_act, 409, "cash_limit_exceeded", pointer="/amount_fen")["scope"] == "act"
        assert [answer.status_code for answer in done] == [201, 201]
        refused = assert_problem(over_day, 409, "cash_limit_exceeded")
        assert (refused["scope"], refused["left_fen"]) == ("person", 1)
        assert_problem(stale, 409, "till_of_another_day")
        assert anew.status_code == 201
        assert balance(resident) == 2_000_001

    def test_an_act_cannot_be_dated_back(self, client: FlaskClient) -> None:
        case = self.case()

        answer = self.send(client, case, body={**(case.body or {}), "done_at": "2026-01-01T00:00:00Z"})

        assert_problem(answer, 422, "input_invalid", pointer="/done_at")

    def test_a_suspended_person_is_not_served(self, client: FlaskClient) -> None:
        clerk, resident = a_store_clerk(), a_resident()
        body = {"visit_id": str(a_visit(clerk, resident)), "amount_fen": 500}
        change("UPDATE accounts SET state = 'suspended' WHERE account_id = :id", id=resident.account_id)

        answer = client.post(f"/store/v1/tills/{a_till(clerk)}/cash-ins", json=body, headers=clerk.once())

        assert_problem(answer, 403, "account_suspended")

    def test_a_till_keeps_no_more_than_its_cover(self, client: FlaskClient) -> None:
        clerk = a_store_clerk()
        till_id = a_till(clerk, cash_fen=9_999_600)
        body = {"visit_id": str(a_visit(clerk)), "amount_fen": 500}

        answer = client.post(f"/store/v1/tills/{till_id}/cash-ins", json=body, headers=clerk.once())

        assert_problem(answer, 409, "till_full", pointer="/amount_fen")


class TestCashOut(OnceWithBody, OnceOwned):
    status = 201
    absent_code = "desk_visit_not_found"
    other_body = {"amount_fen": 2}

    def case(self) -> Case:
        clerk = a_store_clerk()
        visit = a_visit(clerk, a_resident(balance_fen=10_000), confirmed_fen=500)
        till_id = a_till(clerk, cash_fen=FLOAT_FEN)
        return Case(clerk, f"/store/v1/tills/{till_id}/cash-outs", {"visit_id": str(visit), "amount_fen": 500})

    def test_one_confirmation_is_good_for_one_act_and_its_amount(self, client: FlaskClient) -> None:
        case = self.case()
        body = case.body or {}

        more = self.send(client, case, body={**body, "amount_fen": 501})
        done = self.send(client, case)
        again = self.send(client, case, body={**body, "amount_fen": 1})

        assert_problem(more, 403, "desk_confirmation_needed", pointer="/amount_fen")
        assert done.get_json()["till_cash_fen"] == FLOAT_FEN - 500
        assert_problem(again, 403, "desk_confirmation_needed")

    def test_neither_more_than_the_float_nor_more_than_the_account(self, client: FlaskClient) -> None:
        clerk, resident = a_store_clerk(), a_resident(balance_fen=300)
        till_id = a_till(clerk, cash_fen=200)
        before = row_counts()

        def take(amount_fen: int) -> Any:
            body = {"visit_id": str(visit), "amount_fen": amount_fen}
            return client.post(f"/store/v1/tills/{till_id}/cash-outs", json=body, headers=clerk.once())

        visit = a_visit(clerk, resident, confirmed_fen=10_000)
        short = take(201)
        change("UPDATE tills SET cash_fen = 10000 WHERE till_id = :id", id=till_id)
        poor = take(301)

        assert assert_problem(short, 409, "till_short", pointer="/amount_fen")["left_fen"] == 200
        assert_problem(poor, 409, "insufficient_funds")
        assert row_counts() == {**before, "public.desk_visits": before["public.desk_visits"] + 1}

    def test_two_thousand_yuan_a_day(self, client: FlaskClient) -> None:
        clerk, resident = a_store_clerk(), a_resident(balance_fen=1_000_000)
        till_id = a_till(clerk, cash_fen=500_000)

        def take(amount_fen: int) -> Any:
            visit = a_visit(clerk, resident, confirmed_fen=amount_fen)
            body = {"visit_id": str(visit), "amount_fen": amount_fen}
            return client.post(f"/store/v1/tills/{till_id}/cash-outs", json=body, headers=clerk.once())

        assert take(199_999).status_code == 201
        assert assert_problem(take(2), 409, "cash_limit_exceeded")["left_fen"] == 1
        assert balance(resident) == 1_000_000 - 199_999


class TestListCashTransfers(Endpoint):
    def case(self) -> Case:
        return Case(a_store_clerk(), "/store/v1/cash-transfers")

    def test_both_ends_see_it_and_nobody_else(self, client: FlaskClient) -> None:
        sender, receiver = a_store_clerk(), a_store_clerk()
        transfer = a_remittance(sender, a_till(sender, cash_fen=500), 200, a_till(receiver))

        def seen(clerk: Person) -> list[str]:
            items = client.get("/store/v1/cash-transfers?state=sent", headers=clerk.headers).get_json()["items"]
            return [item["transfer_id"] for item in items]

        assert (seen(sender), seen(receiver), seen(a_store_clerk())) == ([str(transfer)], [str(transfer)], [])


class TestSendCash(OnceWithBody, OnceOwned):
    status = 201
    absent_code = "till_not_found"
    other_body = {"amount_fen": 2}

    def case(self) -> Case:
        clerk = a_store_clerk()
        till_id = a_till(clerk, cash_fen=FLOAT_FEN)
        return Case(clerk, f"/store/v1/tills/{till_id}/cash-transfers", {"amount_fen": 500})

    def test_it_goes_to_another_till_that_there_is(self, client: FlaskClient) -> None:
        case = self.case()
        own = case.path.split("/")[4]

        same = self.send(client, case, body={"amount_fen": 1, "to_till_id": own})
        absent = self.send(client, case, body={"amount_fen": 1, "to_till_id": str(new_id())})
        short = self.send(client, case, body={"amount_fen": FLOAT_FEN + 1})

        assert_problem(same, 409, "same_till", pointer="/to_till_id")
        assert_problem(absent, 404, "till_not_found", pointer="/to_till_id")
        assert_problem(short, 409, "till_short")


class TestReceiveCash(OnceWithBody, OnceOwned):
    absent_code = "cash_transfer_not_found"
    other_body = {"counted_fen": 499}

    def case(self) -> Case:
        clerk = a_store_clerk()
        path = f"/store/v1/cash-transfers/{a_supply(a_till(clerk), 500)}/receiving"
        return Case(clerk, path, {"counted_fen": 500})

    def test_between_stores_it_takes_two_people(self, client: FlaskClient) -> None:
        sender, receiver = a_store_clerk(), a_store_clerk()
        from_till, to_till = a_till(sender, cash_fen=500), a_till(receiver)
        change(
            """
            INSERT INTO memberships (account_id, organization_kind, organization_id, role)
            VALUES (:account_id, 'store', :store_id, 'clerk')
            """,
            account_id=sender.account_id,
            store_id=store_of(receiver),
        )
        path = f"/store/v1/cash-transfers/{a_remittance(sender, from_till, 200, to_till)}/receiving"

        alone = client.post(path, json={"counted_fen": 200}, headers=sender.once())
        other = client.post(path, json={"counted_fen": 200}, headers=receiver.once())

        assert_problem(alone, 403, "second_signature_needed")
        assert other.get_json()["state"] == "received"
        assert proof(client, sender, from_till)["cash_fen"] == 300
        assert proof(client, receiver, to_till)["cash_fen"] == 200
        assert proof(client, sender, from_till)["is_sound"]
        assert proof(client, receiver, to_till)["is_sound"]

    def test_what_is_missing_stays_on_its_way(self, client: FlaskClient) -> None:
        case = self.case()
        transfer_id = case.path.split("/")[4]

        answer = self.send(client, case, body={"counted_fen": 499})

        assert answer.get_json()["state"] == "differing"
        assert book(f"cash_in_transit:{transfer_id}") == -1
        assert_problem(self.send(client, case), 409, "illegal_transition")


class TestTakeBack(OnceOwned):
    absent_code = "cash_transfer_not_found"

    def case(self) -> Case:
        clerk = a_store_clerk()
        transfer = a_remittance(clerk, a_till(clerk, cash_fen=FLOAT_FEN), 500)
        return Case(clerk, f"/store/v1/cash-transfers/{transfer}/cancellation")

    def test_the_cash_is_in_the_till_again(self, client: FlaskClient) -> None:
        clerk = a_store_clerk()
        till_id = a_till(clerk, cash_fen=FLOAT_FEN)
        transfer = a_remittance(clerk, till_id, 500)

        client.post(f"/store/v1/cash-transfers/{transfer}/cancellation", headers=clerk.once())

        shown = proof(client, clerk, till_id)
        assert (shown["cash_fen"], shown["is_sound"]) == (FLOAT_FEN, True)
        assert book(f"cash_in_transit:{transfer}") == 0


class TestPlatformTills(Endpoint):
    def case(self) -> Case:
        return Case(an_operator(), "/platform/v1/tills")


class TestPlatformTransfers(Endpoint):
    def case(self) -> Case:
        return Case(an_operator(), "/platform/v1/cash-transfers")


class TestSupply(OnceWithBody):
    status = 201
    other_body = {"amount_fen": 2}

    def case(self) -> Case:
        body = {"to_till_id": str(a_till(a_store_clerk(), is_open=False)), "amount_fen": 500}
        return Case(an_operator(), "/platform/v1/cash-transfers", body)


class TestReceiveAtBank(OnceWithBody):
    other_body = {"counted_fen": 499}

    def case(self) -> Case:
        clerk = a_store_clerk()
        transfer = a_remittance(clerk, a_till(clerk, cash_fen=FLOAT_FEN), 500)
        return Case(an_operator(), f"/platform/v1/cash-transfers/{transfer}/receiving", {"counted_fen": 500})

    def test_what_goes_to_a_till_does_not_come_to_the_bank(self, client: FlaskClient) -> None:
        case = self.case()
        supply = a_supply(a_till(a_store_clerk(), is_open=False), 500)

        answer = self.send(client, case, path=f"/platform/v1/cash-transfers/{supply}/receiving")

        assert_problem(answer, 404, "cash_transfer_not_found")


class TestTakeBackAtBank(Once):
    def case(self) -> Case:
        supply = a_supply(a_till(a_store_clerk(), is_open=False), 500)
        return Case(an_operator(), f"/platform/v1/cash-transfers/{supply}/cancellation")


class TestDeskCode(Endpoint):
    method = "POST"
    status = 201

    def case(self) -> Case:
        return Case(a_resident(), "/user/v1/desk-codes")


class TestDeskActs(Endpoint):
    def case(self) -> Case:
        return Case(a_resident(), "/user/v1/desk-acts")
