"""A term product under many hands at once: exactly its quota is sold, and nobody has more than the cap."""

from __future__ import annotations

from collections import Counter
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING

from app.core import ledger
from app.kernel.clock import SHANGHAI
from app.kernel.transaction import transaction
from app.usecases.saving.term_sale import subscribe_to_term
from tests.factories import a_claim
from tests.factories.rows import look, look_one
from tests.factories.wealth import a_saver, a_term_product, a_wealth_grant
from tests.support.races import at_once

if TYPE_CHECKING:
    from flask import Flask

    from tests.support.business_clock import BusinessClock

OPENING = datetime(2026, 3, 26, tzinfo=SHANGHAI)
PEOPLE, TRIES = 30, 4


def test_exactly_the_quota_is_sold_and_one_person_is_one_person(app: Flask, clock: BusinessClock) -> None:
    clock.at(OPENING)
    product_id = a_term_product(OPENING, quota_fen=100_000_000, cap_fen=5_000_000)
    savers = [a_saver(balance_fen=30_000_000) for _ in range(PEOPLE)]
    acts = [
        partial(
            subscribe_to_term,
            saver.actor,
            a_claim(saver),
            product_id=product_id,
            amount_fen=5_000_000,
            step_up_grant=a_wealth_grant(saver, product_id),
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
    with transaction() as tx:
        assert ledger.prove(tx).is_sound


def test_a_quota_in_pieces_smaller_than_asked_is_sold_to_the_last_step(app: Flask, clock: BusinessClock) -> None:
    clock.at(OPENING)
    product_id = a_term_product(OPENING, quota_fen=16 * 300_000)
    savers = [a_saver() for _ in range(12)]
    acts = [
        partial(
            subscribe_to_term,
            saver.actor,
            a_claim(saver),
            product_id=product_id,
            amount_fen=400_000,
            step_up_grant=a_wealth_grant(saver, product_id),
        )
        for saver in savers
    ]

    outcomes = at_once(app, acts)

    assert Counter(outcome.refusal for outcome in outcomes) == {None: 12}
    assert look_one("SELECT sum(left_fen) FROM term_quotas WHERE product_id = :p", p=product_id) == 0
