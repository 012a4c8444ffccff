"""Bills under many hands, a biller that dies, and its nightly file."""

from __future__ import annotations

import random
import threading
from collections import Counter
from datetime import date, timedelta
from functools import partial
from itertools import count
from typing import TYPE_CHECKING

import pytest

from app.cli.dev.bill_drill import FAULTS, ask_until_quiet, judge, make_payers, pay_all
from app.core.bills.files import BillFileRefused, FileLine, bill_file
from app.kernel.clock import wall_now
from app.usecases.billing.compare_files import compare_file, prove_payables
from app.usecases.billing.outcomes import ask_biller
from app.usecases.billing.pay_bill import pay_bill, payment_key
from app.worker.bills import take_files
from tests.factories import a_claim, a_resident
from tests.factories.bills import a_bill, a_bill_grant, a_bill_payment, a_biller, a_binding, a_quote
from tests.factories.rows import change, look, look_one
from tests.support.races import a_seed, at_once

if TYPE_CHECKING:
    from uuid import UUID

    from flask import Flask

    from tests.support.sandbox_billers import StartedBillers

_days = count()


def a_day() -> date:
    return date(2015, 1, 1) + timedelta(days=next(_days))


def state_of(bill_payment_id: UUID) -> str:
    return str(look_one("SELECT state FROM bill_payments WHERE bill_payment_id = :p", p=bill_payment_id))


def biller_of(bill_payment_id: UUID) -> tuple[UUID, str]:
    [row] = look(
        "SELECT r.biller_id, r.code FROM bill_payments AS p JOIN billers AS r ON r.biller_id = p.biller_id"
        " WHERE p.bill_payment_id = :p",
        p=bill_payment_id,
    )
    return row.biller_id, row.code


def test_of_many_payments_of_one_bill_by_a_family_one_is_made(app: Flask) -> None:
    biller = a_biller()
    family = [a_resident(balance_fen=50_000) for _ in range(8)]
    first = a_binding(family[0], biller)
    bill_id = a_bill(first)
    bindings = [first, *(a_binding(one, biller, number=first.number) for one in family[1:])]
    acts = []
    for person, binding in zip(family, bindings, strict=True):
        for _ in range(3):
            quote_id = a_quote(person, binding, bill_id)
            grant = a_bill_grant(person, quote_id)
            acts.append(
                partial(
                    pay_bill, person.actor, a_claim(person), quote_id=quote_id, amount_fen=5_000, step_up_grant=grant
                )
            )

    outcomes = at_once(app, acts)

    assert Counter(one.refusal for one in outcomes) == {None: 1, "bill_taken": len(acts) - 1}
    [proof] = prove_payables(biller.biller_id)
    assert (proof.payable_fen, proof.paid_fen) == (5_000, 5_000)


def test_parts_of_a_bill_never_add_up_to_more_than_the_bill(app: Flask) -> None:
    biller = a_biller(is_part_allowed=True)
    person = a_resident(balance_fen=100_000)
    binding = a_binding(person, biller)
    bill_id = a_bill(binding)
    acts = []
    for _ in range(12):
        quote_id = a_quote(person, binding, bill_id, low_fen=1)
        grant = a_bill_grant(person, quote_id)
        acts.append(
            partial(pay_bill, person.actor, a_claim(person), quote_id=quote_id, amount_fen=1_000, step_up_grant=grant)
        )

    outcomes = at_once(app, acts)

    assert Counter(one.is_done for one in outcomes) == {True: 5, False: 7}
    assert look_one("SELECT taken_fen FROM bills WHERE bill_id = :b", b=bill_id) == 5_000


def test_a_payment_that_everybody_asks_about_at_once_ends_once(app: Flask, billers: StartedBillers) -> None:
    person = a_resident(balance_fen=50_000)
    binding = a_binding(person, a_biller(is_prepaid=True))
    quote_id = a_quote(person, binding, None)
    grant = a_bill_grant(person, quote_id)
    paid = pay_bill(person.actor, a_claim(person), quote_id=quote_id, amount_fen=5_000, step_up_grant=grant)

    at_once(app, [partial(ask_biller, billers, paid.bill_payment_id)] * 8)

    assert state_of(paid.bill_payment_id) == "succeeded"
    moved = look("SELECT 1 FROM outbox WHERE kind = 'BillPaymentMoved' AND body ->> 'bill_payment_id' = :p",
                 p=str(paid.bill_payment_id))  # fmt: skip
    assert len(moved) == 1


def test_while_the_biller_dies_each_bill_is_paid_once_or_returned_once(app: Flask, billers: StartedBillers) -> None:
    seed = a_seed()
    dice, stop = random.Random(seed), threading.Event()
    payers = make_payers(24)
    billers.faults(**{**FAULTS, "slow_s": 0.05, "processing_s": 0.2})

    def kill() -> None:
        while not stop.wait(dice.uniform(0.05, 0.4)):
            billers.kill()
            billers.faults(**FAULTS)

    killer = threading.Thread(target=kill)
    killer.start()
    try:
        pay_all(app, billers, payers, lambda: None)
    finally:
        stop.set()
        killer.join()
    billers.faults()

    assert ask_until_quiet(billers) == 0
    verdict = judge(billers)
    assert verdict.wrong == ()
    assert sum(verdict.states.values()) == 24
    assert verdict.states["succeeded"] > 0


@pytest.mark.usefixtures("app")
class TestFiles:
    def test_the_file_is_the_last_word_on_what_is_unknown(self) -> None:
        payment_id = a_bill_payment(a_resident(), state="unknown")
        biller_id, code = biller_of(payment_id)
        day = a_day()
        lines = bill_file(code, day, [FileLine(payment_key(payment_id), "BL77", 5_000)])

        found = compare_file(biller_id, day, lines)
        again = compare_file(biller_id, day, lines)

        assert found is not None
        assert (again, found.decided_count) == (None, 1)
        [row] = look("SELECT state, biller_reference, booked_on FROM bill_payments WHERE bill_payment_id = :p",
                     p=payment_id)  # fmt: skip
        assert (row.state, row.biller_reference, row.booked_on) == ("succeeded", "BL77", day)

    @pytest.mark.parametrize(
        "state, theirs_fen, mismatch",
        [
            ("succeeded", None, "missing_there"),
            ("succeeded", 4_999, "amount_differs"),
            ("returned", 5_000, "paid_after_return"),
        ],
    )
    def test_what_does_not_agree_goes_on_the_worklist(self, state: str, theirs_fen: int | None, mismatch: str) -> None:
        payment_id = a_bill_payment(a_resident(), state=state)
        biller_id, code = biller_of(payment_id)
        day = a_day()
        change("UPDATE bill_payments SET booked_on = :d WHERE bill_payment_id = :p AND state = 'succeeded'",
               d=day, p=payment_id)  # fmt: skip
        lines = [FileLine(payment_key(payment_id), "BL1", theirs_fen)] if theirs_fen else []

        compare_file(biller_id, day, bill_file(code, day, lines))

        [row] = look("SELECT mismatch, ours_fen, theirs_fen FROM bill_differences WHERE biller_id = :b", b=biller_id)
        assert (row.mismatch, row.ours_fen, row.theirs_fen) == (mismatch, 5_000, theirs_fen)
        assert state_of(payment_id) == state

    def test_a_payment_that_nobody_here_knows_goes_on_the_worklist(self) -> None:
        biller, day = a_biller(), a_day()

        found = compare_file(biller.biller_id, day, bill_file(biller.code, day, [FileLine("nobodys", "BL1", 100)]))

        assert found is not None
        assert found.differences["missing_here"] == 1

    def test_a_day_that_is_reported_otherwise_or_a_broken_file_takes_nothing(self) -> None:
        biller, day = a_biller(), a_day()
        compare_file(biller.biller_id, day, bill_file(biller.code, day, [FileLine("nobodys-1", "BL1", 100)]))
        next_day = a_day()

        for on, lines in (
            (day, bill_file(biller.code, day, [])),
            (next_day, bill_file(biller.code, next_day, [FileLine("nobodys-1", "BL1", 100)])),
            (next_day, bill_file("other", next_day, [])),
            (next_day, bill_file(biller.code, next_day, [])[:-1]),
        ):
            with pytest.raises(BillFileRefused):
                compare_file(biller.biller_id, on, lines)

        assert look_one("SELECT count(*) FROM bill_files WHERE biller_id = :b", b=biller.biller_id) == 1

    def test_the_worker_takes_files_of_the_last_days_once(self, billers: StartedBillers) -> None:
        payment_id = a_bill_payment(a_resident(), state="unknown", requested_at=wall_now())
        biller_id, _ = biller_of(payment_id)

        while take_files(billers):
            pass

        assert look_one("SELECT count(*) FROM bill_files WHERE biller_id = :b", b=biller_id) == 7
