"""Routes of the providers' door, ``/gateway/v1``. The raw body is verified before a byte of it is read."""

from flask import current_app, request

from app.usecases.paying.inbox import receive_event
from app.web.door import Door
from app.web.fields import Body, Flag
from app.web.policy import Relation, policy

door = Door("gateway", __name__, side=None)


class ReceivedOut(Body):
    """The notice is stored; nothing else is promised."""

    received = Flag(required=True)


@door.post("/stripe/events", answer=ReceivedOut)
@policy("gateway.notify", Relation.SIGNED)
def stripe_event() -> dict[str, bool]:
    """Take in a notice of the payment gateway."""
    receive_event(
        current_app.extensions["linli_gateway"],
        request.get_data(cache=False),
        request.headers.get("Stripe-Signature", ""),
    )
    return {"received": True}
