"""One migrated database per test process; tests commit for real, and each brings its own people and shops."""

from __future__ import annotations

import os
import secrets
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import hypothesis
import pytest
from flask.testing import FlaskClient

from app import create_app, wiring
from app.kernel import sealing
from app.kernel.db import db
from app.settings import Environment, Settings
from tests.support import own_database
from tests.support.business_clock import BusinessClock
from tests.support.canaries import (
    pytest_runtest_logreport,
    pytest_sessionfinish,
    pytest_terminal_summary,
    tell_leaks,
)
from tests.support.ledger_database import admin_url
from tests.support.sandbox_billers import StartedBillers
from tests.support.sandbox_gateway import SECRET_KEY, WEBHOOK_SECRET, Listener, Sandbox

if TYPE_CHECKING:
    from collections.abc import Iterator

    import requests
    from flask import Flask
    from werkzeug.test import TestResponse

hypothesis.settings.register_profile(
    "linli",
    deadline=None,  # a machine that has other work is no failure
    suppress_health_check=[hypothesis.HealthCheck.too_slow],
    print_blob=True,  # a failure prints what reproduces it
)
hypothesis.settings.load_profile("linli")

EIGHT_HOURS_S, LAST_S = 8 * 3600, 20
"""Midnight in Shanghai is 16:00 in UTC: a day of either ends at a multiple of eight hours. No test begins that late."""

wiring._SESSION.update(lock_timeout="20s", statement_timeout="60s", idle_in_transaction_session_timeout="120s")
"""Sixteen who wait for one row in turn are no failure where a turn takes long. Who waits in a ring is told as ever."""

__all__ = ["pytest_runtest_logreport", "pytest_sessionfinish", "pytest_terminal_summary"]


def pytest_configure(config: pytest.Config) -> None:
    if not hasattr(config, "workerinput"):
        own_database.begin_run()


def pytest_unconfigure(config: pytest.Config) -> None:
    if not hasattr(config, "workerinput"):
        own_database.end_run(admin_url())


def pytest_runtest_setup() -> None:
    """Let a test that asks what day it is have done so before the next: in the last seconds of a day, wait for that."""
    left_s = -time.time() % EIGHT_HOURS_S
    if left_s < LAST_S:
        time.sleep(left_s)


def settings_for_tests(database_url: str, stripe_api_base: str = "http://127.0.0.1:1") -> Settings:
    """Return settings with fresh keys; by default no payment gateway can be reached."""
    return Settings(
        environment=Environment.TEST,
        database_url=database_url,
        migration_database_url=database_url,
        token_keys={"one": os.urandom(32), "two": os.urandom(32)},
        data_keys={"one": os.urandom(32)},
        index_key=os.urandom(32),
        code_pepper=os.urandom(32),
        stripe_api_base=stripe_api_base,
        stripe_secret_key=SECRET_KEY,
        stripe_webhook_secrets=(WEBHOOK_SECRET,),
        public_url="http://linli.test",
        live_url="http://live.linli.test",
        sms_url=None,
        sms_key=None,
        pool_size=16,
    )


@pytest.fixture(scope="session")
def database_url() -> Iterator[str]:
    """The URL of this process's own migrated database."""
    admin = admin_url()
    if admin is None:
        pytest.skip("TEST_DATABASE_URL names no server; `dev.py test` brings its own")
    with own_database.own_database(admin) as url:
        yield url


@dataclass
class Gateway:
    """The sandbox payment gateway of this process, and the notices that it sent."""

    sandbox: Sandbox
    listener: Listener

    def notify(self, client: FlaskClient) -> int:
        """Hand all notices so far to the application, as the gateway would; return how many."""
        notices, self.listener.notices[:] = list(self.listener.notices), []
        for payload, signature in notices:
            answer = client.post("/gateway/v1/stripe/events", data=payload, headers={"Stripe-Signature": signature})
            assert answer.status_code == 200, answer.text
        return len(notices)

    def pay(self, intent_id: str) -> requests.Response:
        """Scan the code and pay."""
        return self.sandbox.pay(intent_id)


@pytest.fixture(scope="session")
def _unstarted_gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    listener = Listener()
    options = ("--webhook-url", listener.url)
    gateway = Gateway(Sandbox(tmp_path_factory.mktemp("gateway"), options), listener)
    yield gateway
    if gateway.sandbox.process is not None:
        gateway.sandbox.kill()
    listener.close()


@pytest.fixture(scope="session")
def app(database_url: str, _unstarted_gateway: Gateway, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Flask]:
    """The application over this process's database. It sees a gateway only in tests that take ``gateway``."""
    made = create_app(settings_for_tests(database_url, _unstarted_gateway.sandbox.url))
    made.after_request(tell_leaks)
    billers = StartedBillers(tmp_path_factory.mktemp("billers"))
    made.extensions["linli_billers"] = billers
    yield made
    billers.kill()
    with made.app_context():
        db.engine.dispose()


@pytest.fixture(autouse=True)
def _in_app(request: pytest.FixtureRequest) -> Iterator[None]:
    """Let tests of the application call use cases and factories directly."""
    if "app" not in request.fixturenames:
        yield
        return
    app: Flask = request.getfixturevalue("app")
    settings: Settings = app.config["LINLI"]
    sealing.configure(sealing.Keyring(settings.data_keys, settings.index_key, settings.code_pepper))
    with app.app_context():
        yield


class StrictClient(FlaskClient):
    """A client that looks at what every answer must keep: instants are in UTC and end in ``Z``."""

    def open(self, *args: Any, **kwargs: Any) -> TestResponse:
        """Ask, and return the answer."""
        response = super().open(*args, **kwargs)
        if response.is_json:
            assert b'+00:00"' not in response.data, f"an instant without Z: {response.get_data(as_text=True)}"
        return response


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    """Speaks HTTP to the application; ``Accept-Language`` is English unless a test says otherwise."""
    client = StrictClient(app, app.response_class)
    client.environ_base["HTTP_ACCEPT_LANGUAGE"] = "en"
    return client


@pytest.fixture
def gateway(_unstarted_gateway: Gateway) -> Gateway:
    """The sandbox payment gateway, started with its first test; no faults, no old notices."""
    if _unstarted_gateway.sandbox.process is None:
        _unstarted_gateway.sandbox.start()
    _unstarted_gateway.sandbox.faults()
    _unstarted_gateway.listener.notices.clear()
    return _unstarted_gateway


@pytest.fixture
def billers(app: Flask) -> StartedBillers:
    """The sandbox billers, up and without faults."""
    found: StartedBillers = app.extensions["linli_billers"]
    found.faults()
    return found


@pytest.fixture
def clock(app: Flask) -> Iterator[BusinessClock]:
    """Moves business time; put back at the end of the test."""
    clock = BusinessClock()
    yield clock
    clock.back()


@pytest.fixture
def key() -> str:
    """A fresh Idempotency-Key."""
    return secrets.token_urlsafe(16)
