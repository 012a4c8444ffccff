from __future__ import annotations

from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.aftersale.errors import NothingLeft, NotReturnable, TooManyPieces, WrongRemedy
from app.core.aftersale.rules import (
    PAYER_OF,
    PRESUMED_FAULT,
    REMEDIES,
    Asked,
    CaseFault,
    CaseKind,
    CaseReason,
    LineLeft,
    asked_fen,
    recourse,
    refuse_remedy,
    replaced_fen,
    wait_of,
)
from app.core.aftersale.states import CASE_TRANSITIONS, FINAL_CASE_STATES, CaseState
from app.kernel.actor import Role


def a_line(**values: object) -> LineLeft:
    return LineLeft(**{"line": 1, "quantity": 3, "paid_fen": 1_000, "left_fen": 1_000, "pieces_left": 3,
                       "is_excluded": False, **values})  # type: ignore[arg-type]  # fmt: skip


def test_every_state_that_is_not_final_waits_for_somebody_with_a_deadline() -> None:
    for state, kind in product(CaseState, CaseKind):
        wait = wait_of(state, kind)

        assert (wait is None) == (state in FINAL_CASE_STATES), state
        if wait is not None:
            assert wait.remind_after < wait.window
            if wait.lapse is not None:
                _, roles = CASE_TRANSITIONS[state, wait.lapse]
                assert Role.SYSTEM in roles


def test_every_reason_has_a_fault_a_payer_and_a_remedy() -> None:
    assert set(PRESUMED_FAULT) == set(REMEDIES) == set(CaseReason)
    assert set(PAYER_OF) == set(CaseFault)


def test_pieces_are_worth_their_share_and_all_together_no_more_than_was_paid() -> None:
    one = asked_fen(a_line(), Asked(line=1, quantity=1, amount_fen=None), CaseKind.REFUND_ONLY, CaseReason.DAMAGED)
    last = asked_fen(
        a_line(left_fen=1_000 - 2 * one),
        Asked(line=1, quantity=1, amount_fen=None),
        CaseKind.REFUND_ONLY,
        CaseReason.DAMAGED,
    )

    assert (one, last) == (334, 332)


REFUND, RETURN = CaseKind.REFUND_ONLY, CaseKind.RETURN


def some(quantity: int, amount_fen: int | None = None) -> Asked:
    return Asked(line=1, quantity=quantity, amount_fen=amount_fen)


@pytest.mark.parametrize(
    "line, asked, kind, reason, refusal",
    [
        (a_line(), some(4), REFUND, CaseReason.DAMAGED, TooManyPieces),
        (a_line(pieces_left=1), some(2), RETURN, CaseReason.DAMAGED, TooManyPieces),
        (a_line(), some(1, 335), REFUND, CaseReason.DAMAGED, NothingLeft),
        (a_line(left_fen=0), some(1), REFUND, CaseReason.DAMAGED, NothingLeft),
        (a_line(is_excluded=True), some(1), RETURN, CaseReason.CHANGED_MIND, NotReturnable),
    ],
)
def test_more_than_is_left_is_refused(
    line: LineLeft, asked: Asked, kind: CaseKind, reason: CaseReason, refusal: type[Exception]
) -> None:
    with pytest.raises(refusal):
        asked_fen(line, asked, kind, reason)


def test_a_custom_made_piece_that_is_broken_can_be_sent_back() -> None:
    line = a_line(is_excluded=True)

    assert asked_fen(line, Asked(line=1, quantity=3, amount_fen=None), CaseKind.RETURN, CaseReason.DAMAGED) == 1_000


def test_what_was_eaten_does_not_come_back_and_a_change_of_mind_brings_goods_back() -> None:
    with pytest.raises(NotReturnable):
        refuse_remedy(CaseKind.RETURN, CaseReason.DAMAGED, is_perishable=True)
    with pytest.raises(WrongRemedy):
        refuse_remedy(CaseKind.REFUND_ONLY, CaseReason.CHANGED_MIND, is_perishable=False)
    refuse_remedy(CaseKind.RETURN, CaseReason.CHANGED_MIND, is_perishable=False)


@given(*[st.integers(0, 10**9)] * 3)
def test_what_a_merchant_bears_is_taken_in_order_and_to_the_fen(amount: int, pending: int, available: int) -> None:
    parts = recourse(amount, pending_fen=pending, available_fen=available)

    taken = (parts.pending_fen, parts.available_fen, parts.debt_fen)
    assert sum(taken) == amount
    assert min(taken) >= 0
    assert parts.available_fen == 0 or parts.pending_fen == pending
    assert parts.debt_fen == 0 or parts.available_fen == available


def test_a_replacement_is_never_dearer_than_what_it_replaces() -> None:
    assert replaced_fen(1_000, 600, 2) == 1_000
    assert replaced_fen(1_000, 300, 2) == 600
