"""Payments at a counter, and what confirms them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from app.core.stepup.models import GrantPurpose
from app.usecases.counter.codes import show_pay_code
from app.usecases.counter.pay import charge_counter
from tests.factories.people import Person, a_claim, a_grant

if TYPE_CHECKING:
    from uuid import UUID

    from tests.factories.shops import Shop


def a_counter_grant(person: Person, subject_id: UUID, amount_fen: int = 10**9) -> UUID:
    """Return a grant for a shop's counter, or for the own code where ``subject_id`` is the person's account."""
    return a_grant(person, subject_id, amount_fen, purpose=GrantPurpose.PAY_COUNTER.value)


def a_pay_code(person: Person, amount_fen: int | None = None) -> str:
    """Return a code that ``person`` shows; for a small amount, unless one is given."""
    grant = None if amount_fen is None else a_counter_grant(person, person.account_id, amount_fen)
    return show_pay_code(person.actor, step_up_grant=grant).code


def a_counter_payment(payer: Person, shop: Shop, amount_fen: int = 1_000) -> UUID:
    """Let the owner of ``shop`` take a payment from ``payer``; return its id."""
    code = a_pay_code(payer, max(amount_fen, 20_000))
    owner = shop.owner
    moved = charge_counter(owner.actor, a_claim(owner), shop_id=shop.shop_id, code=code, amount_fen=amount_fen)
    return moved.counter_payment_id
