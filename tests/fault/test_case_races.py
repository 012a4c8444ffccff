"""Two that decide about one case, or one order, at once: one of them does, and every fen is where it belongs."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import pytest

from app.core.aftersale.rules import Asked, CaseFault, CaseKind, CaseReason
from app.core.aftersale.states import CaseState
from app.core.orders.states import OrderState
from app.usecases.aftersale.answer import agree_to_case
from app.usecases.aftersale.apply import apply_for_case, withdraw_case
from app.usecases.aftersale.rule import Ruling, rule_case
from app.usecases.ordering.finish_order import confirm_order
from tests.factories import a_claim, an_operator, an_order
from tests.factories.cases import a_case
from tests.factories.rows import look_one
from tests.support.invariants import Invariants
from tests.support.races import at_once

if TYPE_CHECKING:
    from collections.abc import Iterator

    from flask import Flask

ROUNDS = 3


@pytest.fixture(autouse=True)
def _everything_adds_up(app: Flask) -> Iterator[None]:
    assert app is not None
    invariants = Invariants()
    yield
    invariants.check()


def test_two_rulings_at_once_are_one(app: Flask) -> None:
    for _ in range(ROUNDS):
        case, operators = a_case(state=CaseState.ESCALATED), [an_operator() for _ in range(4)]

        outcomes = at_once(
            app,
            [
                partial(
                    rule_case, who.actor, a_claim(who), case_id=case.case_id, ruling=ruling, fault=fault, reason="x"
                )
                for who, ruling, fault in zip(
                    operators,
                    (Ruling.REFUND, Ruling.REFUND, Ruling.REFUSE, Ruling.RETURN),
                    (CaseFault.MERCHANT, CaseFault.COURIER, CaseFault.RESIDENT, CaseFault.MERCHANT),
                    strict=True,
                )
            ],
        )

        assert sum(one.is_done for one in outcomes) == 1
        assert {one.refusal for one in outcomes} == {None, "illegal_transition"}


def test_a_refund_and_a_completion_at_once_both_happen_and_add_up(app: Flask) -> None:
    for _ in range(ROUNDS):
        case = a_case(an_order(state=OrderState.DELIVERED), quantity=1)
        owner, resident = case.order.shop.owner, case.order.resident

        outcomes = at_once(
            app,
            [
                partial(agree_to_case, owner.actor, a_claim(owner), case_id=case.case_id, is_refund=False),
                partial(confirm_order, resident.actor, a_claim(resident), order_id=case.order.order_id),
            ],
        )

        assert all(one.is_done for one in outcomes)
        earned = look_one(
            "SELECT posted_fen FROM ledger.balance WHERE code = :code",
            code=f"merchant_pending:{case.order.shop.merchant_id}",
        )
        assert earned == 950


def test_a_withdrawal_and_an_agreement_at_once_are_one_of_them(app: Flask) -> None:
    for _ in range(ROUNDS):
        case = a_case()
        owner, resident = case.order.shop.owner, case.order.resident

        outcomes = at_once(
            app,
            [
                partial(agree_to_case, owner.actor, a_claim(owner), case_id=case.case_id, is_refund=False),
                partial(withdraw_case, resident.actor, a_claim(resident), case_id=case.case_id),
            ],
        )

        assert sorted(one.is_done for one in outcomes) == [False, True]


def test_many_cases_about_one_line_at_once_ask_for_no_more_than_it_holds(app: Flask) -> None:
    order = an_order(state=OrderState.COMPLETED)
    resident = order.resident

    outcomes = at_once(
        app,
        [
            partial(
                apply_for_case,
                resident.actor,
                a_claim(resident),
                order_id=order.order_id,
                kind=CaseKind.REFUND_ONLY,
                reason=CaseReason.DAMAGED,
                lines=[Asked(line=1, quantity=1, amount_fen=700)],
                note="",
                evidence=[],
            )
            for _ in range(6)
        ],
    )

    assert sum(one.is_done for one in outcomes) == 2
    assert {one.refusal for one in outcomes} == {None, "nothing_left"}
