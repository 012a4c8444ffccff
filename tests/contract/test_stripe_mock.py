"""Every call of the client against stripe-mock, which refuses what Stripe's description does not have; opt-in."""

import os
from collections.abc import Callable, Iterator
from datetime import date

import pytest
import requests

from app.adapters.stripe.client import StripeClient
from app.adapters.stripe.signature import WebhookVerifier
from app.core.payments.models import PaymentChannel
from app.core.payments.ports import GatewayRefused, GatewayUnknown, PaymentGateway
from tests.support.sandbox_gateway import WEBHOOK_SECRET, an_intent
from tests.support.stripe_calls import CALLS

URL = os.environ.get("STRIPE_MOCK_URL", "")

pytestmark = pytest.mark.skipif(
    not URL, reason="STRIPE_MOCK_URL is not set: start stripe-mock and give its address, e.g. http://127.0.0.1:12111"
)


@pytest.fixture
def client() -> Iterator[StripeClient]:
    client = StripeClient(api_base=URL, secret_key="sk_test_123", webhooks=WebhookVerifier([WEBHOOK_SECRET]))
    yield client
    client.close()


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS.keys())
def test_every_call_is_accepted(client: StripeClient, call: Callable[[PaymentGateway], object]) -> None:
    try:
        call(client)  # A refusal would raise GatewayRefused, a failure of stripe-mock another reason.
    except GatewayUnknown as unknown:
        # It makes up an empty text for an id that is null, which Stripe never says and the client does not read.
        assert unknown.reason == "malformed_answer"  # noqa: PT017 - most calls are read in full


def test_what_it_makes_up_for_an_intent_is_read(client: StripeClient) -> None:
    intent = an_intent(client, channel=PaymentChannel.CARD)

    assert intent.client_secret
    assert client.retrieve_intent(intent.id).id == intent.id


def test_it_refuses_what_is_not_in_the_description() -> None:
    answer = requests.post(f"{URL}/v1/refunds", {"surprise": "1"}, auth=("sk_test_123", ""), timeout=5)

    assert answer.status_code == 400


def test_the_file_of_a_day_is_the_sandbox_gateways_alone(client: StripeClient) -> None:
    with pytest.raises(GatewayRefused, match="no_balance_file"):
        list(client.balance_file(date(2026, 1, 1)))
