"""Flows of life bills. The biller is a stand-in without a memory: it says the same each time, as with a key."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING

from app.core.bills.files import FileLine, bill_file
from app.core.bills.ports import AccountAtBiller, Outcome, Said
from app.kernel.clock import SHANGHAI
from app.usecases.billing.autopay import pay_due_bills, set_autopay
from app.usecases.billing.compare_files import compare_file
from app.usecases.billing.outcomes import ask_biller
from app.usecases.billing.pay_bill import pay_bill, payment_key
from app.usecases.billing.settle import settle_biller
from tests.factories import Person, a_claim, a_resident
from tests.factories.bills import a_bill, a_bill_grant, a_bill_payment, a_binding, a_quote
from tests.factories.rows import look

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.crash_points.paying import Act
    from tests.crash_points.stage import Stage

BOOKED = date(2026, 3, 5)


@dataclass(frozen=True)
class AlwaysTheSame:
    """A biller that has decided."""

    said: Said

    def ask(self, biller: str, number: str) -> AccountAtBiller | None:
        raise AssertionError(f"nobody asks {biller} about {number[:0]} here")

    def pay(
        self, *, key: str, biller: str, number: str, bill_no: str | None, lock: str | None, amount_fen: int
    ) -> Outcome:
        assert (biller, number, bill_no, lock) != ("", "", "", "")
        return Outcome(
            said=self.said, key=key, amount_fen=amount_fen, reference="BL1", booked_on=BOOKED, refusal="refused"
        )

    def look(self, key: str) -> Outcome | None:
        assert key
        return None

    def daily_file(self, biller: str, day: date) -> Iterator[str]:
        raise AssertionError(f"nobody takes files of {biller} and {day} here")


def _asked(person: Person, said: Said) -> None:
    found = "SELECT bill_payment_id FROM bill_payments WHERE account_id = :a AND state IN ('debited', 'submitted')"
    for row in look(found, a=person.account_id):
        ask_biller(AlwaysTheSame(said), row.bill_payment_id)


def _paid(stage: Stage, said: Said) -> Act:
    resident = a_resident(balance_fen=50_000)
    binding = a_binding(resident)
    quote_id = a_quote(resident, binding, a_bill(binding))
    claim, grant = a_claim(resident), a_bill_grant(resident, quote_id)
    asked = {"quote_id": quote_id, "amount_fen": 5_000, "step_up_grant": grant}

    def act() -> None:
        stage.once(pay_bill, resident.actor, claim, **asked)
        _asked(resident, said)

    return act


def a_bill_that_is_paid(stage: Stage) -> Act:
    return _paid(stage, Said.SUCCEEDED)


def a_bill_that_the_biller_refuses(stage: Stage) -> Act:
    return _paid(stage, Said.REFUSED)


def a_bill_that_pays_itself(stage: Stage) -> Act:
    moment = datetime(2026, 3, 5, 10, tzinfo=SHANGHAI)
    stage.clock.at(moment)
    resident = a_resident(balance_fen=50_000)
    binding = a_binding(resident)
    a_bill(binding, due_on=moment.date() + timedelta(days=2))
    grant = a_bill_grant(resident, binding.binding_id)
    set_autopay(resident.actor, a_claim(resident), binding_id=binding.binding_id, cap_fen=6_000, step_up_grant=grant)

    def act() -> None:
        stage.clock.at(stage.clock.now() + timedelta(days=1) if _is_tried(binding.binding_id) else moment)
        pay_due_bills(500)
        _asked(resident, Said.SUCCEEDED)

    return act


def _is_tried(binding_id: object) -> bool:
    return bool(look("SELECT 1 FROM bill_bindings WHERE binding_id = :b AND autopay_tried_on > '2000-01-01'",
                     b=binding_id))  # fmt: skip


def a_day_that_a_biller_is_paid_for(stage: Stage) -> Act:
    stage.clock.at(datetime(2026, 3, 6, 10, tzinfo=SHANGHAI))
    payment_id = a_bill_payment(a_resident(), amount_fen=5_000, booked_on=BOOKED)
    [biller] = look("SELECT r.biller_id, r.code FROM bill_payments AS p JOIN billers AS r USING (biller_id)"
                    " WHERE p.bill_payment_id = :p", p=payment_id)  # fmt: skip
    line = FileLine(key=payment_key(payment_id), reference="BL1", amount_fen=5_000)
    compare_file(biller.biller_id, BOOKED, bill_file(biller.code, BOOKED, [line]))

    def act() -> None:
        settle_biller(biller.biller_id, BOOKED)

    return act


FLOWS = (
    a_bill_that_is_paid,
    a_bill_that_the_biller_refuses,
    a_bill_that_pays_itself,
    a_day_that_a_biller_is_paid_for,
)
