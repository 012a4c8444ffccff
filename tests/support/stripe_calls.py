"""Every call that the client makes of Stripe, once."""

from collections.abc import Callable
from typing import Final

from app.core.payments.models import PaymentChannel
from app.core.payments.ports import PaymentGateway
from app.kernel.ids import new_id
from tests.support.sandbox_gateway import an_intent

CALLS: Final[dict[str, Callable[[PaymentGateway], object]]] = {
    "create_intent": lambda client: an_intent(client, key="key-1"),
    "create_intent by card": lambda client: an_intent(client, key="key-1", channel=PaymentChannel.CARD),
    "retrieve_intent": lambda client: client.retrieve_intent("pi_1"),
    "find_intent": lambda client: client.find_intent(attempt_id=new_id(), created_from=1, created_to=2),
    "cancel_intent": lambda client: client.cancel_intent(key="key-1", intent_id="pi_1"),
    "create_refund": lambda client: client.create_refund(
        key="key-1", intent_id="pi_1", amount_fen=1, refund_id=new_id()
    ),
    "retrieve_refund": lambda client: client.retrieve_refund("re_1"),
    "find_refund": lambda client: client.find_refund(refund_id=new_id(), intent_id="pi_1"),
    "retrieve_dispute": lambda client: client.retrieve_dispute("dp_1"),
    "find_disputes": lambda client: client.find_disputes(created_from=1),
    "submit_evidence": lambda client: client.submit_evidence(
        key="key-1", dispute_id="dp_1", evidence={"product_description": "青菜", "uncategorized_text": "已送达"}
    ),
    "submit_acceptance": lambda client: client.submit_acceptance(key="key-1", dispute_id="dp_1"),
}
