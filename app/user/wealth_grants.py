"""Routes that confirm purchases of wealth products, with the payment PIN or a passkey."""

from typing import Any
from uuid import UUID

from app.core.stepup.models import Factor
from app.kernel.actor import Actor
from app.usecases.passkeys.challenges import Asked, ask_to_pay
from app.usecases.stepping_up.purposes import FUND, TERM_PRODUCT, Payee
from app.user.step_up import ConfirmationIn, TipChallengeIn, confirmed
from app.web.door import Door
from app.web.fields import Body, Choice, Fen, Id, Int
from app.web.passkeys import ChallengeOut, party
from app.web.policy import Relation, policy


class WealthGrantOut(Body):
    """A grant, to be named as ``step_up_grant`` when buying: by this session, once."""

    grant_id = Id(required=True)
    subject_id = Id(required=True)
    amount_fen = Fen(low=1, required=True)
    factor = Choice(Factor, required=True)
    expires_in_s = Int(low=1, high=3_600, required=True)


def _granted(actor: Actor, payee: Payee, body: dict[str, Any]) -> dict[str, Any]:
    found = confirmed(actor, payee, body)
    told = {name: found[name] for name in ("grant_id", "amount_fen", "factor", "expires_in_s")}
    return {**told, "subject_id": payee.subject_id}


def add_wealth_grants(door: Door) -> None:
    """Add the routes to ``door``."""

    @door.post("/funds/<uuid:fund_id>/step-up-challenges", body=TipChallengeIn, answer=ChallengeOut, status=201)
    @policy("step_up.grant", Relation.OWN)
    def ask_for_fund_challenge(actor: Actor, *, fund_id: UUID, body: dict[str, Any]) -> Asked:
        """Ask for a challenge that one of one's passkeys answers to confirm a purchase."""
        return ask_to_pay(actor, party(), Payee(FUND, fund_id), amount_fen=body["amount_fen"])

    @door.post("/funds/<uuid:fund_id>/step-up-grants", body=ConfirmationIn, answer=WealthGrantOut, status=201)
    @policy("step_up.grant", Relation.OWN)
    def grant_fund_purchase(actor: Actor, *, fund_id: UUID, body: dict[str, Any]) -> dict[str, Any]:
        """Confirm a purchase with the payment PIN or a passkey; good for five minutes, once."""
        return _granted(actor, Payee(FUND, fund_id), body)

    @door.post(
        "/term-products/<uuid:product_id>/step-up-challenges", body=TipChallengeIn, answer=ChallengeOut, status=201
    )
    @policy("step_up.grant", Relation.OWN)
    def ask_for_term_challenge(actor: Actor, *, product_id: UUID, body: dict[str, Any]) -> Asked:
        """Ask for a challenge that one of one's passkeys answers to confirm a subscription."""
        return ask_to_pay(actor, party(), Payee(TERM_PRODUCT, product_id), amount_fen=body["amount_fen"])

    @door.post(
        "/term-products/<uuid:product_id>/step-up-grants", body=ConfirmationIn, answer=WealthGrantOut, status=201
    )
    @policy("step_up.grant", Relation.OWN)
    def grant_subscription(actor: Actor, *, product_id: UUID, body: dict[str, Any]) -> dict[str, Any]:
        """Confirm a subscription with the payment PIN or a passkey; good for five minutes, once."""
        return _granted(actor, Payee(TERM_PRODUCT, product_id), body)
