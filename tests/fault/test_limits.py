"""Caps on payments from a balance: under many at once, at the end of a year, and back by refunds."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING

import pytest

from app.core import ledger
from app.core.ledger import Journal, JournalKind, Leg, codes
from app.core.orders.states import OrderState
from app.core.payments.models import PaymentMethod
from app.core.verification.errors import PaymentLimitExceeded
from app.core.verification.levels import Level
from app.core.verification.limits import Strength, counting
from app.kernel.clock import business_now
from app.kernel.ids import new_id
from app.kernel.transaction import transaction
from app.usecases.ordering.cancel_order import cancel_order
from app.usecases.paying.pay_checkout import pay_checkout
from tests.factories import (
    Person,
    a_claim,
    a_grant,
    a_merchant_with_shop,
    a_placed_checkout,
    a_resident,
    an_address,
    an_offer,
    an_order,
)
from tests.factories.rows import look_one
from tests.support.ladder import assert_problem
from tests.support.races import at_once

if TYPE_CHECKING:
    from uuid import UUID

    from flask import Flask
    from flask.testing import FlaskClient

    from tests.support.business_clock import BusinessClock

LAST_SECOND = datetime(2026, 12, 31, 15, 59, 59, tzinfo=UTC)
MIDNIGHT = datetime(2026, 12, 31, 16, 0, 0, tzinfo=UTC)
YEAR_FEN = 20_000_000


def pay(person: Person, amount_fen: int, strength: Strength = Strength.SIGNED, level: Level = Level.THREE) -> None:
    """Pay from the balance to nobody in particular, as every use case does: counted ahead of the posting."""
    with transaction() as tx:
        room = counting(person.account_id, level=level, strength=strength, amount_fen=amount_fen, now=business_now(tx))
        legs = (Leg(codes.e_account(person.account_id), -amount_fen), Leg(codes.BANK_SETTLEMENT, amount_fen))
        ledger.post(tx, Journal(key=f"test:{new_id()}", kind=JournalKind.PAYMENT, legs=legs), ahead=room)


def used(account_id: UUID, period: str) -> int:
    return int(
        look_one(
            "SELECT coalesce(sum(used_fen), 0) FROM limit_counters WHERE account_id = :account_id AND period = :period",
            account_id=account_id,
            period=period,
        )
    )


def balance(person: Person) -> int:
    with transaction() as tx:
        return ledger.balance(tx, codes.e_account(person.account_id)).posted_fen


def test_fifty_payments_at_once_at_the_brink_of_a_yearly_limit_never_pass_it_by_a_fen(
    app: Flask, clock: BusinessClock
) -> None:
    clock.at(LAST_SECOND)
    resident = a_resident(balance_fen=YEAR_FEN * 2)
    pay(resident, YEAR_FEN - 10 * 777 - 1)

    outcomes = at_once(app, [lambda: pay(resident, 777)] * 50)

    assert [outcome.refusal for outcome in outcomes].count(None) == 10
    assert {outcome.refusal for outcome in outcomes} == {None, "payment_limit_exceeded"}
    assert used(resident.account_id, "2026") == YEAR_FEN - 1
    assert balance(resident) == YEAR_FEN + 1


def test_fifty_payments_at_once_on_both_sides_of_a_years_end_never_pass_either_year_by_a_fen(app: Flask) -> None:
    resident = a_resident(balance_fen=YEAR_FEN * 3)

    def pay_at(now: datetime, amount_fen: int) -> None:
        with transaction() as tx:
            room = counting(
                resident.account_id, level=Level.THREE, strength=Strength.SIGNED, amount_fen=amount_fen, now=now
            )
            legs = (Leg(codes.e_account(resident.account_id), -amount_fen), Leg(codes.BANK_SETTLEMENT, amount_fen))
            ledger.post(tx, Journal(key=f"test:{new_id()}", kind=JournalKind.PAYMENT, legs=legs), ahead=room)

    for moment in (LAST_SECOND, MIDNIGHT):
        pay_at(moment, YEAR_FEN - 7 * 991 - 1)

    outcomes = at_once(app, [partial(pay_at, moment, 991) for moment in (LAST_SECOND, MIDNIGHT)] * 25)

    assert [outcome.refusal for outcome in outcomes].count(None) == 14
    assert used(resident.account_id, "2026") == used(resident.account_id, "2027") == YEAR_FEN - 1
    assert balance(resident) == YEAR_FEN * 3 - 2 * (YEAR_FEN - 1)


def test_the_last_second_of_a_year_and_the_first_of_the_next_count_in_their_own_years(
    app: Flask, clock: BusinessClock
) -> None:
    resident = a_resident(balance_fen=YEAR_FEN * 3)
    clock.at(LAST_SECOND)
    pay(resident, YEAR_FEN)
    with pytest.raises(PaymentLimitExceeded) as refused:
        pay(resident, 1)
    clock.at(MIDNIGHT)
    pay(resident, YEAR_FEN)
    clock.at(LAST_SECOND)

    with pytest.raises(PaymentLimitExceeded):
        pay(resident, 1)

    assert refused.value.params == {"period": "year", "cap_fen": YEAR_FEN, "left_fen": 0}
    assert used(resident.account_id, "2026") == used(resident.account_id, "2027") == YEAR_FEN


@pytest.mark.parametrize("strength, cap", [(Strength.ONE_FACTOR, 100_000), (Strength.TWO_FACTORS, 500_000)], ids=str)
def test_a_day_is_full_at_its_cap_and_empty_the_next_morning(
    app: Flask, clock: BusinessClock, strength: Strength, cap: int
) -> None:
    resident = a_resident(balance_fen=cap * 3)
    clock.at(LAST_SECOND)
    pay(resident, cap, strength)
    with pytest.raises(PaymentLimitExceeded):
        pay(resident, 1, strength)
    clock.at(MIDNIGHT)

    pay(resident, cap, strength)

    assert balance(resident) == cap


def test_level_one_pays_a_thousand_yuan_in_a_lifetime(app: Flask, clock: BusinessClock) -> None:
    resident = a_resident(balance_fen=300_000, level=Level.ONE)
    clock.at(LAST_SECOND)
    pay(resident, 60_000, level=Level.ONE)
    clock.at(MIDNIGHT)

    with pytest.raises(PaymentLimitExceeded) as refused:
        pay(resident, 40_001, level=Level.ONE)
    pay(resident, 40_000, level=Level.ONE)

    assert refused.value.params == {"period": "lifetime", "cap_fen": 100_000, "left_fen": 40_000}
    assert balance(resident) == 200_000


def test_a_posting_that_the_books_refuse_takes_no_room(app: Flask, clock: BusinessClock) -> None:
    clock.at(MIDNIGHT)
    resident = a_resident(balance_fen=99)

    with pytest.raises(ledger.InsufficientFunds):
        pay(resident, 100)

    assert used(resident.account_id, "2027") == 0


def test_a_canceled_order_gives_its_room_back(app: Flask, clock: BusinessClock) -> None:
    clock.at(MIDNIGHT)
    order = an_order(state=OrderState.AWAITING_ACCEPT)
    before = used(order.resident.account_id, "2027")

    cancel_order(order.resident.actor, a_claim(order.resident), order_id=order.order_id)

    assert before == order.total_fen
    assert [used(order.resident.account_id, period) for period in ("2027", "2027-01-01")] == [0, 0]


def paying(resident: Person, checkout_id: UUID) -> dict[str, str]:
    return {"method": "e_account", "step_up_grant": str(a_grant(resident, checkout_id))}


def test_a_checkout_over_the_limit_stays_unpaid_and_says_how_much_is_left(client: FlaskClient) -> None:
    shop = a_merchant_with_shop()
    resident = a_resident(balance_fen=200_000, level=Level.ONE)
    placed = a_placed_checkout(resident, an_address(resident, near=shop), [(an_offer(shop, price_fen=60_000), 2)])

    answer = client.post(
        f"/user/v1/checkouts/{placed.checkout_id}/payments",
        json=paying(resident, placed.checkout_id),
        headers=resident.once(),
    )

    refused = assert_problem(answer, 409, "payment_limit_exceeded")
    assert (refused["period"], refused["left_fen"]) == ("lifetime", 100_000)
    assert balance(resident) == 200_000


def test_who_is_not_verified_cannot_pay_from_the_balance(client: FlaskClient) -> None:
    shop = a_merchant_with_shop()
    resident = a_resident(balance_fen=200_000, level=Level.NONE)
    placed = a_placed_checkout(resident, an_address(resident, near=shop), [(an_offer(shop), 1)])

    answer = client.post(
        f"/user/v1/checkouts/{placed.checkout_id}/payments",
        json=paying(resident, placed.checkout_id),
        headers=resident.once(),
    )

    assert_problem(answer, 403, "verification_needed")


def test_a_payment_and_a_refund_of_one_person_wait_for_each_other_in_one_order(app: Flask) -> None:
    resident = a_resident(balance_fen=1_000_000)
    shop = a_merchant_with_shop()
    address_id = an_address(resident, near=shop)
    paid = [an_order(resident=resident, shop=shop) for _ in range(6)]
    offer = an_offer(shop)
    waiting = [a_placed_checkout(resident, address_id, [(offer, 1)]) for _ in range(6)]

    outcomes = at_once(
        app,
        [
            *(lambda order=order: cancel_order(resident.actor, a_claim(resident), order_id=order.order_id)
              for order in paid),
            *(lambda placed=placed: pay_checkout(resident.actor, a_claim(resident), checkout_id=placed.checkout_id,
                                                 method=PaymentMethod.E_ACCOUNT,
                                                 step_up_grant=a_grant(resident, placed.checkout_id))
              for placed in waiting),
        ],
    )  # fmt: skip

    assert [outcome.refusal for outcome in outcomes] == [None] * 12
    day = look_one("SELECT max(period) FROM limit_counters WHERE account_id = :a AND period LIKE '____-%'",
                   a=resident.account_id)  # fmt: skip
    assert used(resident.account_id, day) == sum(placed.total_fen for placed in waiting)
