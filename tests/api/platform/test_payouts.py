"""Payouts: from the wish over the bank's files to the bank's last word."""

from __future__ import annotations

import os
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any

import pytest

from app.adapters.bank_folder import put_out, take_in
from app.adapters.sandbox_bank import work_once
from app.core import ledger
from app.core.accounts.models import PLATFORM_ID, MemberRole, OrganizationKind
from app.core.ledger import Journal, JournalKind, Leg, codes
from app.core.settlement.bank_files import BankFileRefused, answer_file
from app.core.settlement.payouts import ALONE_FEN_MAX, LineState, bank_day_from, is_bank_day
from app.kernel.actor import Side
from app.kernel.ids import new_id
from app.kernel.transaction import transaction
from app.usecases.settling.bank import files_to_write, make_batch, mark_written, take_answers
from app.usecases.settling.pay_out import pay_out_automatically
from tests.factories import a_courier, a_merchant_with_shop
from tests.factories.people import a_member
from tests.factories.rows import change, look, look_one
from tests.support.ladder import Case, Endpoint, Once, OnceOwned, OnceWithBody, assert_problem
from tests.support.races import at_once

if TYPE_CHECKING:
    from pathlib import Path
    from uuid import UUID

    from flask import Flask
    from flask.testing import FlaskClient

    from tests.factories import Person, Shop
    from tests.support.business_clock import BusinessClock

MONDAY = datetime(2026, 11, 23, 2, tzinfo=UTC)
SATURDAY = datetime(2026, 11, 28, 2, tzinfo=UTC)


def balance(merchant_id: UUID) -> ledger.Balance:
    with transaction() as tx:
        return ledger.balance(tx, codes.merchant_available(merchant_id))


def an_account(number: str = "6222020200001234", **more: Any) -> dict[str, Any]:
    return {"bank_code": "102100099996", "number": number, "holder": "惠民商户", **more}


def a_rich_merchant(client: FlaskClient, *, fen: int = 10_000, number: str = "6222020200001234", **more: Any) -> Shop:
    """Return a merchant with money and a bank account that has cooled."""
    shop = a_merchant_with_shop()
    with transaction() as tx:
        legs = (Leg(codes.BANK_SETTLEMENT, -fen), Leg(codes.merchant_available(shop.merchant_id), fen))
        ledger.post(tx, Journal(key=f"test:{new_id()}", kind=JournalKind.OPENING, legs=legs))
    path = f"/merchant/v1/merchants/{shop.merchant_id}/bank-account"
    answer = client.put(path, headers=shop.owner.once(), json=an_account(number, **more))
    assert answer.status_code == 200, answer.text
    change(
        "UPDATE bank_accounts SET usable_at = usable_at - interval '2 days' WHERE party_id = :id", id=shop.merchant_id
    )
    return shop


def ask(client: FlaskClient, shop: Shop, amount_fen: int) -> Any:
    path = f"/merchant/v1/merchants/{shop.merchant_id}/payouts"
    return client.post(path, headers=shop.owner.once(), json={"amount_fen": amount_fen})


def state_of(shop: Shop) -> str:
    return str(look_one("SELECT state FROM payouts WHERE party_id = :id", id=shop.merchant_id))


@dataclass
class Bank:
    folder: Path

    def a_round(self) -> None:
        """Send what is due, let the bank answer, take its answers."""
        make_batch()
        for file in files_to_write():
            put_out(self.folder, file.name, file.content)
            mark_written(file.batch_id)
        work_once(self.folder)
        take_in(self.folder, take_answers)


@pytest.fixture
def bank(tmp_path: Path, clock: BusinessClock) -> Bank:
    """A sandbox bank on a Monday; payouts of other tests are out of the way."""
    clock.at(MONDAY)
    change("UPDATE payouts SET due_on = '2099-01-01' WHERE state = 'ready'")
    change("UPDATE payout_batches SET written_at = now() WHERE written_at IS NULL")
    return Bank(tmp_path)


class TestBankAccount(OnceOwned, OnceWithBody):
    method = "PUT"
    other_body = {"number": "6222020200009999"}
    absent_code = "merchant_not_found"

    def case(self) -> Case:
        shop = a_merchant_with_shop()
        return Case(shop.owner, f"/merchant/v1/merchants/{shop.merchant_id}/bank-account", an_account())

    def test_only_its_end_is_shown_and_nothing_is_kept_in_clear(self, client: FlaskClient) -> None:
        case = self.case()
        self.send(client, case)

        found = client.get(case.path, headers=case.person.headers).get_json()

        assert found["tail"] == "1234"
        assert "6222020200001234" not in str(look("SELECT * FROM bank_accounts")[-1])

    @pytest.mark.parametrize("body", [{"number": "12"}, {"number": "abcdefgh"}, {"bank_code": "1"}, {"holder": "a,b"}])
    def test_what_no_bank_would_take_is_refused(self, client: FlaskClient, body: dict[str, str]) -> None:
        case = self.case()

        answer = self.send(client, case, body={**an_account(), **body})

        assert_problem(answer, 422, "input_invalid", pointer=f"/{next(iter(body))}")


class TestCouriersBankAccount(OnceWithBody):
    method = "PUT"
    other_body = {"number": "6222020200009999"}

    def case(self) -> Case:
        return Case(a_courier(), "/courier/v1/bank-account", an_account())


class TestPayout(OnceOwned, OnceWithBody):
    status = 201
    other_body = {"amount_fen": 101}
    absent_code = "merchant_not_found"

    @pytest.fixture(autouse=True)
    def _client(self, client: FlaskClient) -> None:
        self.client = client

    def case(self) -> Case:
        shop = a_rich_merchant(self.client)
        return Case(shop.owner, f"/merchant/v1/merchants/{shop.merchant_id}/payouts", {"amount_fen": 700})

    def test_its_money_is_on_hold(self, client: FlaskClient) -> None:
        shop = a_rich_merchant(client)

        answer = ask(client, shop, 7_000).get_json()

        assert answer["state"] == "ready"
        assert (balance(shop.merchant_id).posted_fen, balance(shop.merchant_id).available_fen) == (10_000, 3_000)

    def test_an_account_that_was_just_changed_gets_nothing(self, client: FlaskClient) -> None:
        shop = a_rich_merchant(client)
        path = f"/merchant/v1/merchants/{shop.merchant_id}/bank-account"
        client.put(path, headers=shop.owner.once(), json=an_account("6222020200005555"))

        answer = ask(client, shop, 700)

        assert_problem(answer, 409, "bank_account_cooling")
        assert balance(shop.merchant_id).held_fen == 0

    def test_without_an_account_there_is_nowhere_to_send_it(self, client: FlaskClient) -> None:
        assert_problem(ask(client, a_merchant_with_shop(), 700), 409, "bank_account_needed")

    @pytest.mark.parametrize(
        "amount_fen, code", [(99, "input_invalid"), (10**9, "input_invalid"), (-1, "input_invalid")]
    )
    def test_amounts_are_bounded(self, client: FlaskClient, amount_fen: int, code: str) -> None:
        assert_problem(ask(client, a_rich_merchant(client), amount_fen), 422, code, pointer="/amount_fen")

    def test_of_many_at_once_no_more_goes_out_than_is_there(self, app: Flask, client: FlaskClient) -> None:
        shop = a_rich_merchant(client, fen=1_000)

        outcomes = at_once(app, [lambda: ask(app.test_client(), shop, 300).status_code] * 8)

        assert sorted(outcome.answer for outcome in outcomes) == [201] * 3 + [409] * 5
        assert balance(shop.merchant_id).available_fen == 100

    def test_a_day_has_a_limit(self, client: FlaskClient) -> None:
        shop = a_rich_merchant(client, fen=300_000_000)
        for _ in range(2):
            assert ask(client, shop, 50_000_000).status_code == 201

        assert assert_problem(ask(client, shop, 100), 409, "payout_over_limit")["left_fen"] == 0


def staff(role: MemberRole) -> Person:
    return a_member(Side.PLATFORM, OrganizationKind.PLATFORM, PLATFORM_ID, role)


class TestRelease(Once):
    status = 201

    @pytest.fixture(autouse=True)
    def _client(self, client: FlaskClient) -> None:
        self.client = client

    def case(self) -> Case:
        payout_id = ask(self.client, a_rich_merchant(self.client, fen=6_000_000), 6_000_000).get_json()["payout_id"]
        return Case(staff(MemberRole.FINANCE), f"/platform/v1/payouts/{payout_id}/release", {"why": "INVOICE-1"})

    def test_a_large_payout_waits_for_two_people(self, client: FlaskClient, bank: Bank) -> None:
        shop = a_rich_merchant(client, fen=ALONE_FEN_MAX + 1)
        payout_id = ask(client, shop, ALONE_FEN_MAX + 1).get_json()["payout_id"]
        bank.a_round()
        waiting = state_of(shop)
        asker = staff(MemberRole.FINANCE)
        path = f"/platform/v1/payouts/{payout_id}/release"
        approval_id = client.post(path, headers=asker.once(), json={"why": "INVOICE-1"}).get_json()["approval_id"]
        decide = f"/platform/v1/approvals/{approval_id}/approval"

        alone = client.post(decide, headers=asker.once())
        together = client.post(decide, headers=staff(MemberRole.ADMIN).once())
        bank.a_round()

        assert waiting == "requested"
        assert_problem(alone, 403, "own_approval")
        assert together.status_code == 200, together.text
        assert state_of(shop) == "paid"

    def test_one_that_is_rejected_is_over_and_its_money_is_available_again(
        self, client: FlaskClient, bank: Bank
    ) -> None:
        shop = a_rich_merchant(client, fen=ALONE_FEN_MAX + 1)
        payout_id = ask(client, shop, ALONE_FEN_MAX + 1).get_json()["payout_id"]
        path = f"/platform/v1/payouts/{payout_id}/release"
        first, second = (
            client.post(path, headers=staff(MemberRole.FINANCE).once(), json={"why": "INVOICE-1"}).get_json()
            for _ in range(2)
        )
        held = balance(shop.merchant_id).held_fen
        admin = staff(MemberRole.ADMIN)

        for approval in (first, second):
            path = f"/platform/v1/approvals/{approval['approval_id']}/rejection"
            answer = client.post(path, headers=admin.once())
            assert answer.status_code == 200, answer.text
        bank.a_round()

        assert (held, balance(shop.merchant_id).available_fen) == (ALONE_FEN_MAX + 1, ALONE_FEN_MAX + 1)
        assert state_of(shop) == "rejected"
        assert ask(client, shop, 700).status_code == 201

    def test_a_small_one_does_not_wait(self, client: FlaskClient) -> None:
        payout_id = ask(client, a_rich_merchant(client), 700).get_json()["payout_id"]

        answer = client.post(
            f"/platform/v1/payouts/{payout_id}/release", headers=staff(MemberRole.ADMIN).once(), json={"why": "X"}
        )

        assert_problem(answer, 409, "payout_not_waiting")


class TestPayouts(Endpoint):
    def case(self) -> Case:
        return Case(staff(MemberRole.FINANCE), "/platform/v1/payouts")


class TestBankFiles:
    """What the bank says, and what becomes of the money."""

    def test_what_is_paid_has_left_the_books_through_the_bank(self, client: FlaskClient, bank: Bank) -> None:
        shop = a_rich_merchant(client)
        ask(client, shop, 7_000)

        bank.a_round()

        assert state_of(shop) == "paid"
        assert (balance(shop.merchant_id).posted_fen, balance(shop.merchant_id).held_fen) == (3_000, 0)

    def test_what_fails_for_good_is_available_again(self, client: FlaskClient, bank: Bank) -> None:
        shop = a_rich_merchant(client, number="622202020000001" + "0001")
        ask(client, shop, 7_000)

        bank.a_round()

        assert state_of(shop) == "failed"
        assert balance(shop.merchant_id).available_fen == 10_000

    def test_what_fails_for_now_is_sent_again_on_the_next_bank_day(
        self, client: FlaskClient, bank: Bank, clock: BusinessClock
    ) -> None:
        shop = a_rich_merchant(client, number="6222020200000002")
        ask(client, shop, 7_000)

        bank.a_round()
        busy = state_of(shop)
        bank.a_round()
        same_day = state_of(shop)
        clock.at(MONDAY.replace(day=24))
        bank.a_round()

        assert (busy, same_day, state_of(shop)) == ("ready", "ready", "paid")
        assert balance(shop.merchant_id).posted_fen == 3_000

    def test_paid_is_not_the_last_word(self, client: FlaskClient, bank: Bank) -> None:
        shop = a_rich_merchant(client, number="6222020200000003")
        ask(client, shop, 7_000)

        bank.a_round()

        assert state_of(shop) == "returned"
        assert balance(shop.merchant_id).available_fen == 10_000

    def test_nothing_goes_out_on_a_holiday(self, client: FlaskClient, bank: Bank, clock: BusinessClock) -> None:
        clock.at(SATURDAY)
        shop = a_rich_merchant(client)
        answer = ask(client, shop, 7_000).get_json()

        bank.a_round()
        on_saturday = state_of(shop)
        clock.at(SATURDAY.replace(day=30))
        bank.a_round()

        assert answer["due_on"] == "2026-11-30"
        assert (on_saturday, state_of(shop)) == ("ready", "paid")

    def test_the_same_file_twice_and_every_line_twice_is_one_payment(self, client: FlaskClient, bank: Bank) -> None:
        shop = a_rich_merchant(client)
        ask(client, shop, 7_000)
        bank.a_round()
        [path] = (bank.folder / "done").glob("answer-*.csv")

        again = take_answers(path.name, path.read_bytes())

        assert again == 0
        assert balance(shop.merchant_id).posted_fen == 3_000

    @pytest.mark.parametrize(
        "change_line, line, why",
        [
            (lambda r: [(r, LineState.PAID, 6_999, "")], 2, "amount_differs"),
            (lambda r: [("nobody-1", LineState.PAID, 7_000, "")], 2, "unknown_reference"),
            (lambda r: [(r, LineState.RETURNED, 7_000, "")], 2, "line_is_sent"),
            (lambda r: [(r, LineState.PAID, 7_000, ""), (r, LineState.PAID, 7_000, "")], 3, "duplicate"),
            (lambda r: [(r, LineState.SENT, 7_000, "")], 2, "malformed"),
            (lambda r: [(r, LineState.PAID, 0, "")], 2, "malformed"),
            (lambda r: [(r, LineState.PAID, 7_000, "<script>")], 2, "malformed"),
            (lambda r: [(f"{r}\0", LineState.PAID, 7_000, "")], 2, "malformed"),
        ],
    )
    def test_a_file_with_one_wrong_line_is_refused_whole(
        self, client: FlaskClient, bank: Bank, change_line: Any, line: int, why: str
    ) -> None:
        good, bad = a_rich_merchant(client), a_rich_merchant(client)
        ask(client, good, 5_000), ask(client, bad, 7_000)
        make_batch()
        rows = look(
            "SELECT l.reference, p.party_id FROM payout_lines AS l JOIN payouts AS p USING (payout_id)"
            " WHERE p.party_id = ANY(:ids)",
            ids=[good.merchant_id, bad.merchant_id],
        )
        of = {row.party_id: row.reference for row in rows}
        lines = [*change_line(of[bad.merchant_id]), (of[good.merchant_id], LineState.PAID, 5_000, "")]

        with pytest.raises(BankFileRefused) as refusal:
            take_answers("answer-2026-11-23-x.csv", answer_file("x", date(2026, 11, 23), lines))

        assert (refusal.value.line, refusal.value.why) == (line, why)
        assert (state_of(good), state_of(bad)) == ("sent", "sent")
        assert balance(good.merchant_id).posted_fen == 10_000

    @pytest.mark.parametrize(
        "day, name", [(date(2026, 11, 24), "answer-2026-11-24.csv"), (date(2026, 11, 20), "answer-2026-11-20.csv"),
                      (date(2026, 11, 23), "answer-2026-11-20.csv")],
    )  # fmt: skip
    def test_a_file_of_the_wrong_day_is_refused(self, client: FlaskClient, bank: Bank, day: date, name: str) -> None:
        shop = a_rich_merchant(client)
        ask(client, shop, 7_000)
        make_batch()
        reference = look_one(
            "SELECT reference FROM payout_lines AS l JOIN payouts AS p USING (payout_id) WHERE p.party_id = :id",
            id=shop.merchant_id,
        )

        with pytest.raises(BankFileRefused, match="wrong_day"):
            take_answers(name, answer_file("x", day, [(reference, LineState.PAID, 7_000, "")]))

    def test_a_file_that_was_cut_or_changed_is_refused(self, bank: Bank) -> None:
        whole = answer_file("x", date(2026, 11, 23), [("a-1", LineState.PAID, 1, ""), ("b-1", LineState.PAID, 2, "")])

        for broken in (b"", whole[:-1], whole[:40], whole.replace(b"a-1", b"c-1"), whole + b"\n", b"\xff" + whole):
            with pytest.raises(BankFileRefused):
                take_answers("answer-2026-11-23.csv", broken)

    def test_what_is_refused_is_put_aside_and_the_others_go_on(self, client: FlaskClient, bank: Bank) -> None:
        shop = a_rich_merchant(client)
        ask(client, shop, 7_000)
        (bank.folder / "in").mkdir()
        (bank.folder / "in" / "a-broken.csv").write_bytes(b"nonsense")
        (bank.folder / "in" / os.fsdecode(b"a-\xff.csv")).write_bytes(b"nonsense")  # no text at all
        (bank.folder / "in" / "a-folder.csv").mkdir()

        bank.a_round()

        refused = {os.fsencode(path.name) for path in (bank.folder / "refused").iterdir()}
        assert refused == {b"a-broken.csv", b"a-\xff.csv"}
        assert state_of(shop) == "paid"


def test_what_becomes_available_is_paid_out_by_itself_where_that_is_wished(client: FlaskClient) -> None:
    shop = a_rich_merchant(client, is_automatic=True)

    pay_out_automatically(1_000)
    pay_out_automatically(1_000)

    assert look("SELECT amount_fen FROM payouts WHERE party_id = :id", id=shop.merchant_id)[0].amount_fen == 10_000


def test_banks_rest_on_weekends_and_holidays_and_on_saturdays_that_are_worked() -> None:
    assert [is_bank_day(date(2026, 10, day)) for day in (1, 7, 8, 9)] == [False, False, True, True]
    assert not is_bank_day(date(2026, 10, 10))  # a Saturday on which offices work
    assert bank_day_from(date(2026, 10, 1)) == date(2026, 10, 8)
    assert is_bank_day(date(2031, 1, 1))  # nobody has published that year
