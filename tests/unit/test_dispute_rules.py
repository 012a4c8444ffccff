"""Disputes, decided without a database: what is news, and how a refund meets what a bank took."""

from __future__ import annotations

import pytest

from app.core.payments.disputes import met_by, news_of
from app.core.payments.ports import GatewayDispute, GatewayDisputeState
from app.core.payments.states import DISPUTE_TRANSITIONS, OPEN_DISPUTE_STATES, DisputeState
from app.kernel.actor import Role
from app.kernel.machines import next_state


def told(state: str) -> GatewayDispute:
    return GatewayDispute(
        id="dp_1",
        state=GatewayDisputeState(state),
        intent_id="pi_1",
        amount_fen=100,
        currency="cny",
        is_live=False,
        reason="general",
        movements=(),
        is_refundable=False,
        due_at=None,
        submissions=0,
        created_at=0,
    )


@pytest.mark.parametrize("theirs", GatewayDisputeState)
@pytest.mark.parametrize("ours", DisputeState)
def test_whatever_is_told_in_whatever_order_is_a_move_or_no_news(
    ours: DisputeState, theirs: GatewayDisputeState
) -> None:
    for was_inquiry in (True, False):
        news = news_of(ours, was_inquiry=was_inquiry, dispute=told(theirs.value))
        if ours not in OPEN_DISPUTE_STATES:
            assert news is None
        elif news is not None:
            next_state(DISPUTE_TRANSITIONS, ours, news, Role.SYSTEM)


@pytest.mark.parametrize(
    "was_inquiry, theirs, is_news",
    [
        (False, "needs_response", False),
        (True, "warning_needs_response", False),
        (True, "needs_response", True),
        (False, "won", True),
    ],
)
def test_what_is_under_review_is_asked_about_again_only_when_an_inquiry_became_a_dispute(
    theirs: str, *, was_inquiry: bool, is_news: bool
) -> None:
    news = news_of(DisputeState.UNDER_REVIEW, was_inquiry=was_inquiry, dispute=told(theirs))

    assert (news is not None) is is_news


@pytest.mark.parametrize(
    "refund, room, left, expected",
    [
        (100, 100, 100, (100, 0, 0)),
        (40, 100, 100, (40, 0, 0)),
        (100, 60, 60, (60, 0, 40)),
        (100, 60, 0, (0, 60, 40)),
        (100, 80, 30, (30, 50, 20)),
        (100, 0, 0, (0, 0, 100)),
    ],
)
def test_a_refund_closes_what_is_open_first_then_repays_who_bore_it_and_the_payer_gets_the_rest(
    refund: int, room: int, left: int, expected: tuple[int, int, int]
) -> None:
    met = met_by(refund, room_fen=room, open_fen=left)

    assert (met.disputed_fen, met.bearer_fen, met.payer_fen) == expected
