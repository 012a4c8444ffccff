"""Reconciliation: a provider's file against our books, to the fen."""

from __future__ import annotations

from datetime import date, timedelta
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest
from structlog.testing import capture_logs

from app.core import ledger
from app.core.accounts.models import PLATFORM_ID, MemberRole, OrganizationKind
from app.core.ledger import Journal, JournalKind, Leg, codes
from app.core.payments.alarms import alarms_of
from app.core.payments.balance_files import BalanceFileRefused, balance_file
from app.core.payments.models import AttemptRow, PaymentRow
from app.core.payments.reconciliation import Source
from app.kernel.actor import Side
from app.kernel.clock import SHANGHAI, wall_now
from app.kernel.ids import new_id
from app.kernel.transaction import transaction
from app.usecases.reconciling.clearing import carry_anew, clearing_proof
from app.usecases.reconciling.prove import prove_all
from app.usecases.reconciling.reconcile import reconcile
from app.usecases.reconciling.watch import figures, watch_money
from app.worker.money import FILES_AFTER, statement_in, take_files_of
from tests.factories import a_resident
from tests.factories.people import a_member
from tests.factories.reconciling import a_mismatch, an_unreported_day
from tests.factories.rows import change, look, look_one, write
from tests.support.ladder import Case, Endpoint, Once, OnceWithBody, assert_problem

if TYPE_CHECKING:
    from pathlib import Path

    from flask import Flask
    from flask.testing import FlaskClient

    from tests.conftest import Gateway
    from tests.factories import Person


def staff(role: MemberRole = MemberRole.FINANCE) -> Person:
    return a_member(Side.PLATFORM, OrganizationKind.PLATFORM, PLATFORM_ID, role)


def a_paid_attempt(amount_fen: int, *, on: date, is_posted: bool = True) -> str:
    """Return the intent of a top-up that was paid on ``on``, as our books know it."""
    resident, payment_id, intent_id = a_resident(), new_id(), f"pi_{new_id().hex}"
    noon = f"{on} 12:00+08"
    write(
        PaymentRow,
        payment_id=payment_id,
        account_id=resident.account_id,
        purpose="top_up",
        method="wechat_pay",
        amount_fen=amount_fen,
        state="paid" if is_posted else "pending",
        created_at=wall_now(),
    )
    write(
        AttemptRow,
        attempt_id=new_id(),
        payment_id=payment_id,
        key=str(payment_id),
        amount_fen=amount_fen,
        state="succeeded" if is_posted else "failed",
        intent_id=intent_id,
    )
    ended = "UPDATE payment_attempts SET ended_at = CAST(:noon AS timestamptz) WHERE intent_id = :id"
    change(ended, noon=noon, id=intent_id)
    if is_posted:
        post(intent_id, amount_fen)
    return intent_id


def post(intent_id: str, amount_fen: int) -> None:
    payer = "SELECT p.account_id FROM payments AS p JOIN payment_attempts AS a USING (payment_id) WHERE intent_id = :id"
    account = codes.e_account(look_one(payer, id=intent_id))
    legs = (Leg(codes.gateway_clearing("stripe"), -amount_fen), Leg(account, amount_fen))
    with transaction() as tx:
        ledger.post(tx, Journal(key=f"pay:{intent_id}", kind=JournalKind.TOP_UP, legs=legs))


def a_line(intent_id: str, amount_fen: int, fee_fen: int = 0) -> tuple[str, str, str, int, int]:
    return f"txn_{new_id().hex}", "payment", intent_id, amount_fen, fee_fen


def item_of(intent_id: str) -> Any:
    [row] = look("SELECT * FROM recon_items WHERE object = :id", id=intent_id)
    return row


def suspense() -> int:
    with transaction() as tx:
        return ledger.balance(tx, codes.SUSPENSE).posted_fen


def test_what_agrees_is_matched_and_fees_are_booked(app: Flask) -> None:
    day = an_unreported_day()
    first, second = a_paid_attempt(700, on=day), a_paid_attempt(800, on=day)
    off, fees = clearing_proof().difference_fen, ledger_balance(codes.FEE_EXPENSE)

    found = reconcile(Source.STRIPE, day, balance_file("stripe", day, [a_line(first, 700, 3), a_line(second, 800, 4)]))

    assert found is not None
    assert (found.lines, found.missing_here, found.missing_there, found.amount_differs) == (2, 0, 0, 0)
    assert ledger_balance(codes.FEE_EXPENSE) == fees - 7
    assert clearing_proof().difference_fen == off


def ledger_balance(code: str) -> int:
    with transaction() as tx:
        return ledger.balance(tx, code).posted_fen


def test_each_kind_of_mismatch_is_found_to_the_fen_and_clearing_is_what_it_must_be(app: Flask) -> None:
    day = an_unreported_day()
    lacking, other, known = (a_paid_attempt(fen, on=day, is_posted=fen != 900) for fen in (700, 800, 900))
    stranger, before, off = f"pi_{new_id().hex}", suspense(), clearing_proof().difference_fen
    lines = [a_line(other, 801), a_line(known, 900), a_line(stranger, 1_234)]

    found = reconcile(Source.STRIPE, day, balance_file("stripe", day, lines))

    assert found is not None
    assert (found.missing_here, found.missing_there, found.amount_differs) == (2, 1, 1)
    assert [item_of(i).mismatch for i in (lacking, other, known, stranger)] == [
        "missing_there",
        "amount_differs",
        "missing_here",
        "missing_here",
    ]
    assert [item_of(i).suspense_fen for i in (lacking, other, known, stranger)] == [0, 1, 0, 1_234]
    assert suspense() == before + 1_235
    assert clearing_proof().difference_fen == off


def test_what_is_lacking_and_comes_a_day_later_resolves_itself(app: Flask) -> None:
    day = an_unreported_day()
    intent_id, off = a_paid_attempt(700, on=day), clearing_proof().difference_fen
    reconcile(Source.STRIPE, day, balance_file("stripe", day, []))
    next_day = an_unreported_day()

    reconcile(Source.STRIPE, next_day, balance_file("stripe", next_day, [a_line(intent_id, 700)]))

    assert (item_of(intent_id).state, item_of(intent_id).resolution) == ("resolved", "came_later")
    assert clearing_proof().difference_fen == off


def test_a_line_that_we_did_not_know_of_and_post_after_its_file_raises_no_alarm(app: Flask) -> None:
    day = an_unreported_day()
    intent_id, off = a_paid_attempt(700, on=day, is_posted=False), clearing_proof().difference_fen
    reconcile(Source.STRIPE, day, balance_file("stripe", day, [a_line(intent_id, 700)]))
    unposted = clearing_proof().difference_fen

    change("UPDATE payment_attempts SET state = 'succeeded' WHERE intent_id = :id", id=intent_id)
    post(intent_id, 700)

    assert (unposted, clearing_proof().difference_fen) == (off, off)
    assert clearing_proof() == clearing_proof(is_whole=True)
    assert item_of(intent_id).state == "open"
    later = an_unreported_day()
    reconcile(Source.STRIPE, later, balance_file("stripe", later, []))
    assert (item_of(intent_id).resolution, clearing_proof().difference_fen) == ("posted_late", off)


def test_a_look_at_what_is_carried_and_new_says_what_a_look_at_everything_does(app: Flask) -> None:
    day = an_unreported_day()
    late, on_time = a_paid_attempt(700, on=day), a_paid_attempt(800, on=day)

    def both() -> tuple[int, int]:
        proofs = clearing_proof(), clearing_proof(is_whole=True)
        assert proofs[0] == proofs[1]
        return proofs[0].difference_fen, proofs[0].unmatched_fen

    off, before = both()
    reconcile(Source.STRIPE, day, balance_file("stripe", day, [a_line(on_time, 800)]))
    carried = {row.object for row in look("SELECT object FROM clearing_carry")}
    found, lacking = both()
    reconcile(Source.STRIPE, next_day := an_unreported_day(), balance_file("stripe", next_day, [a_line(late, 700)]))
    in_the_end, matched = both()

    assert late in carried
    assert on_time not in carried
    assert (found, in_the_end) == (off, off)
    assert (lacking, matched) == (before - 800, before - 1_500)
    assert late not in {row.object for row in look("SELECT object FROM clearing_carry")}


def test_what_is_carried_wrongly_is_noticed_and_written_anew(app: Flask) -> None:
    day = an_unreported_day()
    lacking = a_paid_attempt(700, on=day)
    reconcile(Source.STRIPE, day, balance_file("stripe", day, []))
    change("DELETE FROM clearing_carry WHERE object = :id", id=lacking)
    assert clearing_proof() != clearing_proof(is_whole=True)

    prove_all()

    assert clearing_proof() == clearing_proof(is_whole=True)
    carry_anew()
    assert clearing_proof() == clearing_proof(is_whole=True)


def test_a_file_is_taken_once_and_another_for_its_day_is_refused(app: Flask) -> None:
    day = an_unreported_day()
    intent_id = a_paid_attempt(700, on=day)
    lines = list(balance_file("stripe", day, [a_line(intent_id, 700)]))
    reconcile(Source.STRIPE, day, lines)

    assert reconcile(Source.STRIPE, day, lines) is None
    with pytest.raises(BalanceFileRefused, match="day_reported_before"):
        reconcile(Source.STRIPE, day, balance_file("stripe", day, []))


def broken(lines: list[str], how: str) -> list[str]:
    """Return the file of head, two lines and trailer with one thing wrong."""
    head, first, second, trailer = lines
    return {
        "broken line": [head, first, second.replace(",payment,", ",pyament,"), trailer],
        "not a number": [head, first, second.replace(",700,", ",7e2,"), trailer],
        "zero": [head, first, second.replace(",700,", ",0,"), trailer],
        "overflow": [head, first, second.replace(",700,", ",99999999999999999999,"), trailer],
        "duplicate": [head, first, first, trailer],
        "wrong day": [head.replace(",20", ",19"), first, second, trailer],
        "wrong source": [head.replace("stripe", "paypal"), first, second, trailer],
        "cut": [head, first],
        "trailer": [head, first, second, trailer.replace("T,2", "T,3")],
        "behind": [head, first, second, trailer, second],
        "empty": [],
    }[how]


@pytest.mark.parametrize(
    "how, line",
    [
        ("broken line", 3),
        ("not a number", 3),
        ("zero", 3),
        ("overflow", 3),
        ("duplicate", 3),
        ("wrong day", 1),
        ("wrong source", 1),
        ("cut", 3),
        ("trailer", 4),
        ("behind", 5),
        ("empty", 1),
    ],
)
def test_a_file_with_one_thing_wrong_is_refused_whole_with_its_line(app: Flask, how: str, line: int) -> None:
    day = an_unreported_day()
    rows = [a_line(f"pi_{new_id().hex}", 700), a_line(f"pi_{new_id().hex}", 700)]
    before = look_one("SELECT (SELECT count(*) FROM recon_lines) + (SELECT count(*) FROM recon_files)")

    with pytest.raises(BalanceFileRefused) as refusal:
        reconcile(Source.STRIPE, day, broken(list(balance_file("stripe", day, rows)), how))

    assert refusal.value.line == line
    assert look_one("SELECT (SELECT count(*) FROM recon_lines) + (SELECT count(*) FROM recon_files)") == before


def test_statements_that_cannot_be_read_keep_nothing_waiting_and_leave_nothing(app: Flask, tmp_path: Path) -> None:
    yesterday = (wall_now().astimezone(SHANGHAI) - FILES_AFTER).date() - timedelta(days=1)
    days = [yesterday - timedelta(days=back) for back in range(3)]
    paths = [tmp_path / "statements" / f"statement-{day}.csv" for day in days]
    paths[0].mkdir(parents=True)
    paths[1].write_bytes(f"H,BALANCE,1,bank,{days[1]}\nB,l1,payout,o1,-1,0\n".encode() + b"\xff\xfe\n")
    paths[2].write_bytes(f"H,BALANCE,1,bank,{days[2]}\n".encode() + b"B" * 1_000_000)

    with capture_logs() as logs:
        take_files_of(Source.BANK, partial(statement_in, tmp_path))

    assert [(one["day"], one.get("line"), one["why"]) for one in logs] == [
        (str(days[2]), 2, "malformed"),
        (str(days[1]), 3, "malformed"),
        (str(days[0]), None, "IsADirectoryError"),
    ]
    assert look("SELECT day FROM recon_files WHERE source = 'bank' AND day = ANY (:days)", days=days) == []


def test_the_gateways_own_file_agrees_but_for_the_lines_its_faults_change(app: Flask, gateway: Gateway) -> None:
    client = gateway.sandbox.client()
    today = wall_now().astimezone(SHANGHAI).date()
    for amount_fen in (100, 200, 300):
        intent = client.create_intent(
            key=str(new_id()), amount_fen=amount_fen, attempt_id=new_id(), payment_id=new_id(), description="x"
        )
        gateway.pay(intent.id)

    whole = list(client.balance_file(today))
    gateway.sandbox.faults(missing_line=1, extra_line=1)
    changed = list(client.balance_file(today))

    assert len(whole) >= 5
    assert len(changed) == len(whole)
    assert all("pi_nobodys" in line for line in changed[1:-1])
    assert not any("pi_nobodys" in line for line in whole)
    assert changed == list(client.balance_file(today))


def test_one_fen_in_suspense_is_an_alarm_that_is_told_once_and_ends(app: Flask) -> None:
    told: list[dict[str, Any]] = []

    def tell(alarm: dict[str, Any]) -> bool:
        told.append(alarm)
        return len(told) > 1  # the first call does not arrive

    before = suspense()
    move_suspense(1 - before)
    watch_money(tell)
    watch_money(tell)
    watch_money(tell)
    raised = [alarm["alarm"] for alarm in told].count("suspense_fen")
    move_suspense(-1)
    watch_money(None)

    assert 1 <= raised <= 2
    assert not look("SELECT 1 FROM money_alarms WHERE code = 'suspense_fen'")
    move_suspense(before)


def move_suspense(amount_fen: int) -> None:
    if amount_fen:
        legs = (Leg(codes.SUSPENSE, amount_fen), Leg(codes.PLATFORM_LOSS, -amount_fen))
        with transaction() as tx:
            ledger.post(tx, Journal(key=f"test:{new_id()}", kind=JournalKind.CORRECTION, legs=legs))


def test_a_figure_at_its_bound_is_no_alarm_and_one_above_it_is() -> None:
    assert alarms_of({"outbox_lag_s": 60, "suspense_fen": 0, "payouts_sent": 10**6}) == {}
    assert alarms_of({"outbox_lag_s": 61, "suspense_fen": -1}) == {"outbox_lag_s": 61, "suspense_fen": -1}


class TestWorklist(Endpoint):
    def case(self) -> Case:
        return Case(staff(), "/platform/v1/reconciliation")


class TestItem(Endpoint):
    def case(self) -> Case:
        return Case(staff(), f"/platform/v1/reconciliation/{a_mismatch()}")

    def test_an_absent_one_is_not_found(self, client: FlaskClient) -> None:
        case = self.case()

        assert_problem(self.send(client, case, path=case.absent_path), 404, "mismatch_not_found")


class TestNote(OnceWithBody):
    status = 201
    other_body = {"note": "TICKET-2"}

    def case(self) -> Case:
        return Case(staff(), f"/platform/v1/reconciliation/{a_mismatch()}/notes", {"note": "TICKET-1"})

    def test_it_is_shown_with_the_item(self, client: FlaskClient) -> None:
        case = self.case()
        self.send(client, case)

        item = client.get(case.path.removesuffix("/notes"), headers=case.person.headers).get_json()

        assert [note["note"] for note in item["notes"]] == ["TICKET-1"]


class TestResolution(Once):
    status = 201

    def case(self) -> Case:
        return Case(staff(), f"/platform/v1/reconciliation/{a_mismatch()}/resolution", {"why": "TICKET-1"})

    def test_two_people_write_off_what_is_in_suspense(self, client: FlaskClient) -> None:
        day, stranger = an_unreported_day(), f"pi_{new_id().hex}"
        reconcile(Source.STRIPE, day, balance_file("stripe", day, [a_line(stranger, 55)]))
        item_id, before = item_of(stranger).item_id, suspense()
        asker = staff()
        path = f"/platform/v1/reconciliation/{item_id}/resolution"
        asked = client.post(path, headers=asker.once(), json={"why": "TICKET-1"}).get_json()["approval_id"]
        decide = f"/platform/v1/approvals/{asked}/approval"

        alone = client.post(decide, headers=asker.once())
        other = client.post(decide, headers=staff(MemberRole.ADMIN).once())
        again = client.post(path, headers=asker.once(), json={"why": "TICKET-1"})

        assert_problem(alone, 403, "own_approval")
        assert other.status_code == 200, other.text
        assert (item_of(stranger).state, item_of(stranger).resolution) == ("resolved", "written_off")
        assert suspense() == before - 55
        assert_problem(again, 409, "mismatch_resolved")


class TestProof(Endpoint):
    method = "POST"

    def case(self) -> Case:
        return Case(staff(), "/platform/v1/reconciliation/proof")


class TestHealth(Endpoint):
    def case(self) -> Case:
        return Case(staff(), "/platform/v1/money-health")


def test_prometheus_reads_the_same_figures(client: FlaskClient) -> None:
    answer = client.get("/metrics")

    assert answer.status_code == 200
    lines = dict(line.rsplit(" ", 1) for line in answer.text.splitlines() if not line.startswith("#"))
    assert {f"linli_{name}" for name in figures()} <= set(lines)
