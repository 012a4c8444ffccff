"""The merchant's money: statements and the deposit."""

from typing import Any
from uuid import UUID

from app.kernel.actor import Actor, Side
from app.kernel.transaction import Claim
from app.usecases.settling.depart import Departing, depart
from app.usecases.settling.terms import DepositToppedUp, top_up_deposit
from app.web.door import Door
from app.web.fields import Body, Day, Fen, Id, Int
from app.web.payouts import add_merchant_payouts
from app.web.policy import Relation, policy
from app.web.statements import add_statements


class DepositIn(Body):
    """How much of what is available goes into the deposit."""

    amount_fen = Fen(low=1, required=True)


class DepositOut(Body):
    """What went into the deposit."""

    merchant_id = Id(required=True)
    amount_fen = Fen(required=True)


class DepartingOut(Body):
    """How far a merchant is with leaving. The deposit goes back when nothing is open and its day has come."""

    merchant_id = Id(required=True)
    open_orders_count = Int(low=0, high=10**9, required=True)
    open_cases_count = Int(low=0, high=10**9, required=True)
    unsettled_count = Int(low=0, high=10**9, required=True)
    deposit_from = Day(required=True)
    returned_fen = Fen(required=True)


def add_money(door: Door) -> None:
    """Give the merchant's door its routes of money."""
    add_statements(door, Side.MERCHANT, Relation.OWN_SHOP)

    add_merchant_payouts(door)

    @door.post("/merchants/<uuid:merchant_id>/deposit", body=DepositIn, answer=DepositOut, status=201, once=True)
    @policy("deposit.top_up", Relation.OWN_SHOP)
    def post_deposit(actor: Actor, *, claim: Claim, merchant_id: UUID, body: dict[str, Any]) -> DepositToppedUp:
        """Put a part of what is available into the deposit (保证金)."""
        return top_up_deposit(actor, claim, merchant_id=merchant_id, **body)

    @door.post("/merchants/<uuid:merchant_id>/closure", answer=DepartingOut, once=True)
    @policy("merchant.depart", Relation.OWN_SHOP)
    def post_closure(actor: Actor, *, claim: Claim, merchant_id: UUID) -> Departing:
        """Leave: close all shops for good; asked again when nothing is open, get the deposit back."""
        return depart(actor, claim, merchant_id=merchant_id)
