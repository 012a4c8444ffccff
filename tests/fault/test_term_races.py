"""A term product under many hands at once: exactly its quota is sold, and nobody has more than the cap."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING

import pytest

from app.core import ledger
from app.kernel.audit import Act
from app.kernel.batching import ALONE
from app.kernel.clock import SHANGHAI
from app.kernel.transaction import Replayed, transaction
from app.usecases.saving.term_crowd import (
    Confirming,
    Subscribing,
    confirm_all,
    confirm_among_many,
    subscribe_all,
    subscribe_alone,
    subscribe_among_many,
)
from app.usecases.saving.term_sale import TermMoved
from tests.factories import Person, a_claim, a_resident
from tests.factories.rows import look, look_one
from tests.factories.wealth import a_saver, a_subscription, a_term_product, a_wealth_grant
from tests.support.races import at_once

if TYPE_CHECKING:
    from flask import Flask

    from tests.support.business_clock import BusinessClock

OPENING = datetime(2026, 3, 26, tzinfo=SHANGHAI)
PEOPLE, TRIES = 30, 4


@pytest.mark.parametrize("is_confirmed", [False, True])
def test_exactly_the_quota_is_sold_and_one_person_is_one_person(
    app: Flask, clock: BusinessClock, *, is_confirmed: bool
) -> None:
    clock.at(OPENING)
    product_id = a_term_product(OPENING, quota_fen=100_000_000, cap_fen=5_000_000)
    savers = [a_saver(balance_fen=30_000_000) for _ in range(PEOPLE)]
    acts = [
        partial(
            subscribe_among_many,
            saver.actor,
            a_claim(saver),
            product_id=product_id,
            amount_fen=5_000_000,
            step_up_grant=a_wealth_grant(saver, product_id),
            is_confirmed=is_confirmed,
        )
        for _ in range(TRIES)
        for saver in savers
    ]

    outcomes = at_once(app, acts)

    counts = Counter(outcome.refusal for outcome in outcomes)
    assert counts[None] == 20
    assert set(counts) <= {None, "term_sold_out", "term_cap_exceeded"}
    assert look_one("SELECT sum(left_fen) FROM term_quotas WHERE product_id = :p", p=product_id) == 0
    positions = look("SELECT amount_fen FROM term_positions WHERE product_id = :p", p=product_id)
    assert [row.amount_fen for row in positions] == [5_000_000] * 20
    sold = "SELECT DISTINCT state FROM term_subscriptions WHERE product_id = :p"
    assert [row.state for row in look(sold, p=product_id)] == ["confirmed" if is_confirmed else "held"]
    with transaction() as tx:
        assert ledger.prove(tx).is_sound


def test_a_quota_in_pieces_smaller_than_asked_is_sold_to_the_last_step(app: Flask, clock: BusinessClock) -> None:
    clock.at(OPENING)
    product_id = a_term_product(OPENING, quota_fen=16 * 300_000)
    savers = [a_saver() for _ in range(12)]
    acts = [
        partial(
            subscribe_among_many,
            saver.actor,
            a_claim(saver),
            product_id=product_id,
            amount_fen=400_000,
            step_up_grant=a_wealth_grant(saver, product_id),
            is_confirmed=False,
        )
        for saver in savers
    ]

    outcomes = at_once(app, acts)

    assert Counter(outcome.refusal for outcome in outcomes) == {None: 12}
    assert look_one("SELECT sum(left_fen) FROM term_quotas WHERE product_id = :p", p=product_id) == 0


def test_confirmations_that_meet_take_effect_once_each_repeats_too(app: Flask, clock: BusinessClock) -> None:
    clock.at(OPENING)
    product_id = a_term_product(OPENING)
    savers = [a_saver(balance_fen=1_000_000) for _ in range(12)]
    held = [(saver, a_claim(saver), a_subscription(saver, product_id)) for saver in savers]
    acts = [
        partial(confirm_among_many, saver.actor, claim, subscription_id=subscription_id)
        for _ in range(2)
        for saver, claim, subscription_id in held
    ]

    outcomes = at_once(app, acts)

    assert Counter((outcome.refusal, outcome.is_replay) for outcome in outcomes) == {
        (None, False): 12,
        (None, True): 12,
    }
    journals = "SELECT count(*) FROM ledger.leg WHERE ref = ANY (:refs) AND amount_fen > 0"
    assert look_one(journals, refs=[str(subscription_id) for _, _, subscription_id in held]) == 12
    with transaction() as tx:
        assert ledger.prove(tx).is_sound


@pytest.mark.parametrize("is_confirmed", [False, True])
def test_a_batch_says_of_each_what_it_would_be_told_alone(clock: BusinessClock, *, is_confirmed: bool) -> None:
    clock.at(OPENING)
    product_id = a_term_product(OPENING, cap_fen=600_000)

    def asking(saver: Person, **other: object) -> Subscribing:
        asked = {
            "actor": saver.actor,
            "claim": replace(a_claim(saver), act=Act(verb="wealth.buy", actor=saver.actor)),
            "product_id": product_id,
            "amount_fen": 300_000,
            "step_up_grant": a_wealth_grant(saver, product_id),
            "is_confirmed": is_confirmed,
        }
        return Subscribing(**(asked | other))  # type: ignore[arg-type]

    buyer, other, poor, unsuited, served = a_saver(), a_saver(), a_saver(balance_fen=100_000), a_resident(), a_saver()
    done = asking(served)
    subscribe_alone(done)
    asks = [
        asking(buyer),
        asking(other),
        asking(buyer),  # a second try at once waits for the first
        asking(poor),
        asking(unsuited),
        asking(a_saver(), step_up_grant=None),
        asking(a_saver(), amount_fen=700_000),
        done,  # a repeat
    ]

    outcomes = subscribe_all(asks)

    assert [type(one).__name__ for one in outcomes[:2]] == ["TermMoved"] * 2
    assert [outcomes[2], outcomes[3], outcomes[7]] == [ALONE] * 3
    assert [getattr(one, "code", None) for one in outcomes[4:7]] == [
        "risk_assessment_needed",
        "step_up_required",
        "term_cap_exceeded",
    ]
    sold = "SELECT sum(amount_fen) FROM term_subscriptions WHERE product_id = :p"
    assert look_one(sold, p=product_id) == 3 * 300_000
    assert look_one("SELECT sum(left_fen) FROM term_quotas WHERE product_id = :p", p=product_id) == look_one(
        "SELECT quota_fen - 900000 FROM term_products WHERE product_id = :p", p=product_id
    )
    with pytest.raises(Replayed) as repeat:
        subscribe_alone(asks[0])
    assert isinstance(outcomes[0], TermMoved)
    assert repeat.value.result["subscription_id"] == str(outcomes[0].subscription_id)
    acts = "SELECT count(*) FROM audit.act WHERE subject_id = :s AND account_id = :a"
    assert look_one(acts, s=outcomes[0].subscription_id, a=buyer.account_id) == 1


def test_a_batch_whose_keys_are_known_to_the_ledger_changes_nothing(clock: BusinessClock) -> None:
    clock.at(OPENING)
    product_id = a_term_product(OPENING)
    first, second = a_saver(), a_saver()
    ask = Confirming(actor=first.actor, claim=a_claim(first), subscription_id=a_subscription(first, product_id))
    late = Confirming(actor=second.actor, claim=a_claim(second), subscription_id=a_subscription(second, product_id))
    with transaction() as tx:
        ledger.void_hold(tx, f"term:{late.subscription_id}")

    with pytest.raises(ledger.HoldClosed):
        confirm_all([ask, late])

    assert look_one("SELECT state FROM term_subscriptions WHERE subscription_id = :s", s=ask.subscription_id) == "held"
