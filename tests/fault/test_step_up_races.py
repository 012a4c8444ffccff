"""Grants and PINs under many hands at once."""

from __future__ import annotations

from collections import Counter
from functools import partial
from typing import TYPE_CHECKING, Any

from app.core.orders.states import OrderState
from app.core.payments.models import PaymentMethod
from app.core.stepup.pins import TRIES
from app.usecases.paying.pay_checkout import pay_checkout
from app.usecases.stepping_up.grants import grant_by_pin
from app.usecases.stepping_up.purposes import CHECKOUT, Payee
from tests.factories import a_claim, a_grant, a_pin, an_order
from tests.factories.rows import look, look_one
from tests.support.races import at_once

if TYPE_CHECKING:
    from flask import Flask

MANY = 50


def test_of_50_payments_with_one_grant_one_pays(app: Flask) -> None:
    order = an_order(state=OrderState.AWAITING_PAYMENT)
    resident, grant = order.resident, a_grant(order.resident, order.checkout_id)

    def pay() -> Any:
        return pay_checkout(
            resident.actor,
            a_claim(resident),
            checkout_id=order.checkout_id,
            method=PaymentMethod.E_ACCOUNT,
            step_up_grant=grant,
        )

    outcomes = at_once(app, [pay] * MANY)

    assert Counter(outcome.refusal for outcome in outcomes) == {None: 1, "already_paid": MANY - 1}
    used = look_one("SELECT posted_fen FROM ledger.balance WHERE code = :code", code=f"e_account:{resident.account_id}")
    assert used == 1_000_000 - order.total_fen


def test_of_50_wrong_pins_at_once_five_are_compared(app: Flask) -> None:
    order = an_order(state=OrderState.AWAITING_PAYMENT)
    resident = order.resident
    right, payee = a_pin(resident), Payee(CHECKOUT, order.checkout_id)
    guesses = [f"77{number:04d}" for number in range(MANY)]

    outcomes = at_once(
        app,
        [
            partial(grant_by_pin, resident.actor, payee, amount_fen=order.total_fen, pin=guess)
            for guess in [*guesses, right]
        ],
    )

    seen = Counter(outcome.refusal for outcome in outcomes[:MANY])
    assert seen == {"pin_wrong": TRIES, "pin_locked": MANY - TRIES}
    [row] = look("SELECT tries_left, lock_count FROM payment_pins WHERE account_id = :id", id=resident.account_id)
    assert (row.tries_left, row.lock_count) == (0, 1)
