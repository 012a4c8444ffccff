"""Routes of the payment PIN and of step-up grants. None takes an Idempotency-Key: decision 27 in docs/adr."""

from dataclasses import asdict
from typing import Any
from uuid import UUID

from marshmallow import fields

from app.core.stepup.errors import OneFactor
from app.core.stepup.models import Factor
from app.core.stepup.pins import PIN, PIN_DIGITS
from app.kernel.actor import Actor
from app.usecases.passkeys.challenges import Asked, ask_to_pay
from app.usecases.stepping_up.grants import grant_by_passkey, grant_by_pin
from app.usecases.stepping_up.payment_pin import PinState, change_pin, pin_state, set_pin
from app.usecases.stepping_up.purposes import CHECKOUT, TIPPED_ORDER, Payee
from app.web.door import Door
from app.web.fields import Body, Choice, Fen, Flag, Id, Instant, Int, Pattern, Text
from app.web.passkeys import AnswerIn, ChallengeOut, answer_of, party
from app.web.policy import Relation, policy


class Pin(Pattern):
    """Six digits."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(PIN, high=PIN_DIGITS, **kwargs)


class PinIn(Body):
    """A payment PIN, the first one or another for a lost one. ``code`` was sent for the purpose ``reset_pin``.

    Where one is verified, with the name and the ID number that one is verified for.
    """

    pin = Pin(required=True)
    code = Pattern(r"[0-9]{6}", high=6, required=True)
    name = Text(high=50, low=2, load_default=None)
    id_number = Text(high=18, low=18, load_default=None)


class PinChangeIn(Body):
    """A new payment PIN, and the one that it replaces."""

    old_pin = Pin(required=True)
    pin = Pin(required=True)


class PinStateOut(Body):
    """How the payment PIN stands: blocked until a reset, or locked for a while after wrong tries."""

    is_set = Flag(required=True)
    set_at = Instant(required=True, allow_none=True)
    is_blocked = Flag(required=True)
    locked_until = Instant(required=True, allow_none=True)


class ConfirmationIn(Body):
    """The payment PIN, or a passkey that answers a challenge made for the same payment and amount; one of them."""

    amount_fen = Fen(low=1, required=True)
    pin = Pin()
    passkey = fields.Nested(AnswerIn)


class GrantIn(ConfirmationIn):
    """What is confirmed: paying this checkout from the e-account, up to the amount that was shown to the person."""

    checkout_id = Id(required=True)


class TipGrantIn(ConfirmationIn):
    """What is confirmed: a tip of up to this amount."""


class GrantChallengeIn(Body):
    """What a passkey is to confirm."""

    checkout_id = Id(required=True)
    amount_fen = Fen(low=1, required=True)


class TipChallengeIn(Body):
    """How large a tip a passkey is to confirm."""

    amount_fen = Fen(low=1, required=True)


class GrantedOut(Body):
    """What every grant says."""

    grant_id = Id(required=True)
    amount_fen = Fen(low=1, required=True)
    factor = Choice(Factor, required=True)
    is_new_device = Flag(required=True)
    expires_in_s = Int(low=1, high=3_600, required=True)


class GrantOut(GrantedOut):
    """A grant, to be named as ``step_up_grant`` when paying: by this session, once. A new device has a lower cap."""

    checkout_id = Id(required=True)


class TipGrantOut(GrantedOut):
    """A grant, to be named as ``step_up_grant`` with the tip: by this session, once."""

    order_id = Id(required=True)


def add_step_up(door: Door) -> None:
    """Add the routes to ``door``."""

    @door.get("/payment-pin", answer=PinStateOut)
    @policy("pin.read", Relation.OWN)
    def read_payment_pin(actor: Actor) -> PinState:
        """Read whether there is a payment PIN, and whether it is locked."""
        return pin_state(actor)

    @door.post("/payment-pin", body=PinIn, answer=PinStateOut, status=201)
    @policy("pin.write", Relation.OWN)
    def set_payment_pin(actor: Actor, *, body: dict[str, Any]) -> PinState:
        """Set or reset the payment PIN, by a fresh code; one that was reset by the code alone waits for a day."""
        return set_pin(actor, **body)

    @door.put("/payment-pin", body=PinChangeIn, answer=PinStateOut)
    @policy("pin.write", Relation.OWN)
    def change_payment_pin(actor: Actor, *, body: dict[str, Any]) -> PinState:
        """Change the payment PIN."""
        return change_pin(actor, old_pin=body["old_pin"], pin=body["pin"])

    _add_grants(door)


def _add_grants(door: Door) -> None:
    @door.post("/step-up-challenges", body=GrantChallengeIn, answer=ChallengeOut, status=201)
    @policy("step_up.grant", Relation.OWN)
    def ask_for_step_up_challenge(actor: Actor, *, body: dict[str, Any]) -> Asked:
        """Ask for a challenge that one of one's passkeys answers to confirm a payment."""
        payee = Payee(CHECKOUT, body["checkout_id"])
        return ask_to_pay(actor, party(), payee, amount_fen=body["amount_fen"])

    @door.post("/step-up-grants", body=GrantIn, answer=GrantOut, status=201)
    @policy("step_up.grant", Relation.OWN)
    def grant_step_up(actor: Actor, *, body: dict[str, Any]) -> dict[str, Any]:
        """Confirm a payment from the e-account with the payment PIN or a passkey; good for five minutes, once."""
        return confirmed(actor, Payee(CHECKOUT, body["checkout_id"]), body)

    @door.post("/orders/<uuid:order_id>/tip-challenges", body=TipChallengeIn, answer=ChallengeOut, status=201)
    @policy("courier.tip", Relation.OWN)
    def ask_for_tip_challenge(actor: Actor, *, order_id: UUID, body: dict[str, Any]) -> Asked:
        """Ask for a challenge that one of one's passkeys answers to confirm a tip."""
        payee = Payee(TIPPED_ORDER, order_id)
        return ask_to_pay(actor, party(), payee, amount_fen=body["amount_fen"])

    @door.post("/orders/<uuid:order_id>/tip-grants", body=TipGrantIn, answer=TipGrantOut, status=201)
    @policy("courier.tip", Relation.OWN)
    def grant_tip(actor: Actor, *, order_id: UUID, body: dict[str, Any]) -> dict[str, Any]:
        """Confirm a tip with the payment PIN or a passkey; good for five minutes, once."""
        return confirmed(actor, Payee(TIPPED_ORDER, order_id), body)


def confirmed(actor: Actor, payee: Payee, body: dict[str, Any]) -> dict[str, Any]:
    """Buy a grant by the one factor that was given; the subject is answered under its own name.

    :raises OneFactor: none was given, or both.
    """
    pin, passkey, amount_fen = body.get("pin"), body.get("passkey"), body["amount_fen"]
    if (pin is None) == (passkey is None):
        raise OneFactor(pointer="/pin")
    if pin is not None:
        granted = grant_by_pin(actor, payee, amount_fen=amount_fen, pin=pin)
    else:
        granted = grant_by_passkey(actor, party(), payee, amount_fen=amount_fen, answer=answer_of(body["passkey"]))
    answer = asdict(granted)
    subject_id = answer.pop("subject_id")
    return {**answer, f"{payee.subject.kind}_id": subject_id}
