from collections.abc import Iterator

import pytest

from app.adapters.stripe.client import StripeClient
from tests.support.sandbox_gateway import Listener, Sandbox


@pytest.fixture(scope="module")
def listener() -> Iterator[Listener]:
    listener = Listener()
    yield listener
    listener.close()


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory, listener: Listener) -> Iterator[Sandbox]:
    options = ("--webhook-url", listener.url, "--webhook-events", "*", "--fee-bp", "60")
    sandbox = Sandbox(tmp_path_factory.mktemp("sandbox"), options).start()
    yield sandbox
    sandbox.kill()


@pytest.fixture
def client(sandbox: Sandbox) -> Iterator[StripeClient]:
    client = sandbox.client()
    yield client
    client.close()
