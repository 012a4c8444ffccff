"""Billers get what their files agree with, once; what a file lacks is set aside, and comes back when it turns up."""

from __future__ import annotations

from datetime import date, timedelta
from functools import partial
from itertools import count
from typing import TYPE_CHECKING

import pytest

from app.core import ledger
from app.core.bills.files import FileLine, bill_file
from app.core.bills.states import BillPaymentAction
from app.core.ledger import codes
from app.core.settlement.payouts import ALONE_FEN_MAX
from app.kernel.transaction import transaction
from app.usecases.billing.compare_files import compare_file, prove_payables, resolve_difference
from app.usecases.billing.outcomes import end_payment
from app.usecases.billing.pay_bill import payment_key
from app.usecases.billing.settle import settle_biller, settle_billers
from app.usecases.settling.pay_out import pay_out_automatically
from tests.factories import a_claim, a_resident, an_operator
from tests.factories.bills import a_bill_payment
from tests.factories.rows import change, look, look_one
from tests.support.ladder import assert_problem
from tests.support.races import at_once

if TYPE_CHECKING:
    from uuid import UUID

    from flask import Flask
    from flask.testing import FlaskClient

_days = count()


def a_day() -> date:
    return date(2013, 1, 1) + timedelta(days=3 * next(_days))


class Biller:
    """A biller with paid bills of one day."""

    def __init__(self, *amounts_fen: int, day: date | None = None) -> None:
        self.day = day or a_day()
        self.payments = [a_bill_payment(a_resident(), amount_fen=fen, booked_on=self.day) for fen in amounts_fen]
        self.amounts = dict(zip(self.payments, amounts_fen, strict=True))
        rows = look(
            "SELECT r.biller_id, r.code FROM bill_payments AS p JOIN billers AS r USING (biller_id)"
            " WHERE p.bill_payment_id = :id",
            id=self.payments[0],
        )
        self.biller_id, self.code = rows[0].biller_id, rows[0].code
        for other in self.payments[1:]:
            self._adopt(other)

    def _adopt(self, payment: UUID) -> None:
        """Let a payment of another biller be this one's, money and all."""
        before = look_one("SELECT r.code FROM bill_payments AS p JOIN billers AS r USING (biller_id)"
                          " WHERE p.bill_payment_id = :id", id=payment)  # fmt: skip
        change("UPDATE bill_payments SET biller_id = :biller WHERE bill_payment_id = :id",
               biller=self.biller_id, id=payment)  # fmt: skip
        amount_fen = self.amounts[payment]
        legs = (ledger.Leg(codes.biller_payable(before), -amount_fen),
                ledger.Leg(codes.biller_payable(self.code), amount_fen))  # fmt: skip
        with transaction() as tx:
            kind = ledger.JournalKind.CORRECTION
            ledger.post(tx, ledger.Journal(key=f"adopt:{payment}", kind=kind, legs=legs, ref=str(payment)))

    def tell(self, *payments: UUID, day: date | None = None, **amounts: int) -> None:
        """Take a file that names these payments."""
        day = day or self.day
        lines = [FileLine(key=payment_key(one), reference=f"BL-{one.hex[:8]}",
                          amount_fen=amounts.get("fen", self.amounts[one])) for one in payments]  # fmt: skip
        compare_file(self.biller_id, day, bill_file(self.code, day, lines))

    @property
    def available_fen(self) -> int:
        return balance(codes.biller_available(self.biller_id))

    def is_proven(self) -> bool:
        [proof] = prove_payables(self.biller_id)
        return proof.payable_fen == proof.paid_fen


def balance(code: str) -> int:
    with transaction() as tx:
        return ledger.balance(tx, code).posted_fen


def test_what_the_file_agrees_with_is_passed_on_once(app: Flask) -> None:
    biller = Biller(5_000, 7_000)
    biller.tell(*biller.payments)
    before = balance(codes.SUSPENSE)

    outcomes = at_once(app, [partial(settle_biller, biller.biller_id, biller.day) for _ in range(6)])
    again = settle_biller(biller.biller_id, biller.day)

    assert [one.refusal for one in outcomes] == [None] * 6
    assert again is None
    assert (biller.available_fen, balance(codes.biller_payable(biller.code))) == (12_000, 0)
    assert balance(codes.SUSPENSE) == before
    assert biller.is_proven()


def test_what_the_file_lacks_is_set_aside_and_taken_out_when_a_later_one_brings_it(app: Flask) -> None:
    biller = Biller(5_000, 7_000)
    here, late = biller.payments
    before = balance(codes.SUSPENSE)

    biller.tell(here)
    first = settle_biller(biller.biller_id, biller.day)
    aside = balance(codes.SUSPENSE) - before
    next_day = biller.day + timedelta(days=1)
    biller.tell(late, day=next_day)
    second = settle_biller(biller.biller_id, next_day)

    assert first is not None
    assert second is not None
    assert (first.amount_fen, first.suspended_fen, aside) == (5_000, 7_000, 7_000)
    assert (second.amount_fen, second.suspended_fen) == (7_000, 0)
    assert balance(codes.SUSPENSE) == before
    assert biller.available_fen == 12_000
    assert biller.is_proven()


def test_another_amount_is_set_aside_whole_and_what_people_resolved_is_left_to_them(app: Flask) -> None:
    biller, operator = Biller(5_000), an_operator()
    before = balance(codes.SUSPENSE)
    biller.tell(*biller.payments, fen=4_000)

    settled = settle_biller(biller.biller_id, biller.day)
    difference = look_one("SELECT difference_id FROM bill_differences WHERE biller_id = :id", id=biller.biller_id)
    resolve_difference(operator.actor, a_claim(operator), difference_id=difference, why="CASE-7")
    next_day = biller.day + timedelta(days=1)
    biller.tell(day=next_day)
    later = settle_biller(biller.biller_id, next_day)

    assert settled is not None
    assert later is not None
    assert (settled.amount_fen, settled.suspended_fen) == (0, 5_000)
    assert (later.amount_fen, later.suspended_fen) == (0, 0)
    assert balance(codes.SUSPENSE) == before + 5_000


def test_a_day_waits_for_what_its_file_decides(app: Flask) -> None:
    biller = Biller(5_000)
    [payment] = biller.payments
    change("UPDATE bill_payments SET state = 'unknown', ended_at = NULL, booked_on = NULL WHERE bill_payment_id = :id",
           id=payment)  # fmt: skip
    lines = [FileLine(key=payment_key(payment), reference="BL-9", amount_fen=5_000)]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("app.usecases.billing.compare_files.decide_by_files", lambda: 0)
        compare_file(biller.biller_id, biller.day, bill_file(biller.code, biller.day, lines))
    settle_billers(10_000)
    waits = biller.available_fen

    end_payment(payment, BillPaymentAction.SUCCEED, reference="BL-9", booked_on=biller.day)
    settle_billers(10_000)

    assert (waits, biller.available_fen) == (0, 5_000)


def test_two_people_name_the_account_and_the_bank_pays_it(app: Flask, client: FlaskClient) -> None:
    biller, asker, decider = Biller(ALONE_FEN_MAX), an_operator(), an_operator()
    biller.tell(*biller.payments)
    settle_biller(biller.biller_id, biller.day)
    path = f"/platform/v1/billers/{biller.biller_id}/bank-account"
    body = {"bank_code": "102100099996", "number": "6222020200112230", "holder": "自来水公司", "why": "CASE-7"}

    asked = client.post(path, headers=asker.once(), json=body).get_json()
    approval = f"/platform/v1/approvals/{asked['approval_id']}/approval"
    alone = client.post(approval, headers=asker.once())
    client.post(approval, headers=decider.once())
    too_soon = pay_out_automatically(10_000)
    change("UPDATE bank_accounts SET usable_at = business_now() WHERE party_id = :id", id=biller.biller_id)
    pay_out_automatically(10_000)
    asked_for = look("SELECT payout_id, state, amount_fen, tail FROM payouts WHERE party_id = :id", id=biller.biller_id)
    [payout] = asked_for
    change("UPDATE payouts SET due_on = '2000-01-01' WHERE payout_id = :id", id=payout.payout_id)

    assert_problem(alone, 403, "own_approval")
    assert "6222" not in str(client.get("/platform/v1/approvals", headers=decider.headers).get_json())
    assert (payout.state, payout.amount_fen, payout.tail) == ("ready", ALONE_FEN_MAX, "2230")
    assert too_soon >= 0
    listed = client.get("/platform/v1/bill-settlements", headers=decider.headers).get_json()["items"]
    assert any(one["biller_code"] == biller.code and one["amount_fen"] == ALONE_FEN_MAX for one in listed)


def test_an_unknown_biller_has_no_account(client: FlaskClient) -> None:
    operator = an_operator()
    body = {"bank_code": "102100099996", "number": "6222020200112230", "holder": "自来水公司", "why": "CASE-7"}

    refused = client.post(
        f"/platform/v1/billers/{operator.account_id}/bank-account", headers=operator.once(), json=body
    )

    assert_problem(refused, 404, "biller_not_found")
