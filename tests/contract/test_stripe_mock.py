"""The same client against stripe-mock, which checks them by Stripe's newest description; opt-in: STRIPE_MOCK_URL."""

import os
from collections.abc import Iterator

import pytest

from app.adapters.stripe.client import StripeClient
from app.adapters.stripe.signature import WebhookVerifier
from app.core.payments.models import PaymentChannel
from app.core.payments.ports import GatewayUnknown
from app.kernel.ids import new_id
from tests.support.sandbox_gateway import WEBHOOK_SECRET, an_intent

URL = os.environ.get("STRIPE_MOCK_URL", "")

pytestmark = pytest.mark.skipif(
    not URL, reason="STRIPE_MOCK_URL is not set: start stripe-mock and give its address, e.g. http://127.0.0.1:12111"
)


@pytest.fixture
def client() -> Iterator[StripeClient]:
    client = StripeClient(api_base=URL, secret_key="sk_test_123", webhooks=WebhookVerifier([WEBHOOK_SECRET]))
    yield client
    client.close()


def test_every_call_is_accepted(client: StripeClient) -> None:
    # A refusal would raise GatewayRefused. stripe-mock keeps no state, so what it answers is its fixture.
    intent = an_intent(client)

    assert an_intent(client, channel=PaymentChannel.CARD).client_secret
    assert client.retrieve_intent(intent.id).id == intent.id
    assert client.cancel_intent(key=str(new_id()), intent_id=intent.id).id
    refund = client.create_refund(key=str(new_id()), intent_id=intent.id, amount_fen=1, refund_id=new_id())
    assert client.retrieve_refund(refund.id).id == refund.id
    assert client.find_refund(refund_id=new_id(), intent_id=intent.id) is None
    try:
        assert client.find_intent(attempt_id=new_id(), created_from=1, created_to=2) is None
    except GatewayUnknown as unknown:
        assert unknown.reason == "window_too_wide"  # noqa: PT017 - a fixture may say has_more forever
