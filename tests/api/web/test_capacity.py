from __future__ import annotations

from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from app import create_app
from app.kernel.db import db
from tests.support.ladder import assert_problem

if TYPE_CHECKING:
    from collections.abc import Iterator

    from flask import Flask
    from flask.testing import FlaskClient

OURS = "https://app.example"
PATH = "/user/v1/account"


@contextmanager
def with_settings(app: Flask, **settings: Any) -> Iterator[FlaskClient]:
    """Lend a client of an application like ``app``, with other settings."""
    made = create_app(replace(app.config["LINLI"], **settings))
    yield made.test_client()
    with made.app_context():
        db.engine.dispose()


def test_an_address_gets_its_share_of_a_minute_and_others_are_not_held_up_by_it(app: Flask) -> None:
    with with_settings(app, requests_per_minute=5) as client:
        seen = [client.get(PATH).status_code for _ in range(7)]
        refused = client.get(PATH)
        other = client.get(PATH, environ_base={"REMOTE_ADDR": "198.51.100.50"})
        health = client.get("/health")

    assert seen == [401] * 5 + [429] * 2
    assert_problem(refused, 429, "throttled")
    assert 0 < int(refused.headers["Retry-After"]) <= 60
    assert (other.status_code, health.status_code) == (401, 200)


def test_behind_one_proxy_a_client_cannot_claim_addresses_to_get_more(app: Flask) -> None:
    with with_settings(app, requests_per_minute=3, proxy_hops=1) as client:
        seen = [
            client.get(PATH, headers={"X-Forwarded-For": f"203.0.113.{n}, 198.51.100.51"}).status_code for n in range(5)
        ]

    assert seen == [401, 401, 401, 429, 429]


def test_a_redis_that_does_not_answer_refuses_nobody(app: Flask) -> None:
    with with_settings(app, requests_per_minute=1, limiter_url="redis://127.0.0.1:1") as client:
        assert [client.get(PATH).status_code for _ in range(3)] == [401] * 3


def test_pages_of_named_origins_may_ask_and_no_others(app: Flask) -> None:
    asking = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "authorization"}
    with with_settings(app, cors_origins=(OURS,)) as client:
        ours = client.options(PATH, headers={"Origin": OURS, **asking})
        refused = client.get(PATH, headers={"Origin": OURS})
        others = [
            client.options(PATH, headers={"Origin": origin, **asking})
            for origin in ("https://elsewhere.example", f"{OURS}.evil.example", "null", "http://app.example")
        ]

    assert ours.headers["Access-Control-Allow-Origin"] == OURS
    assert "Access-Control-Allow-Credentials" not in ours.headers
    assert refused.headers["Access-Control-Allow-Origin"] == OURS
    assert all("Access-Control-Allow-Origin" not in answer.headers for answer in others)


def test_without_a_setting_no_page_of_another_host_may_ask(client: FlaskClient) -> None:
    answer = client.get(PATH, headers={"Origin": OURS})

    assert "Access-Control-Allow-Origin" not in answer.headers


def test_every_answer_tells_browsers_to_show_and_do_nothing_else(app: Flask, client: FlaskClient) -> None:
    with with_settings(app, public_url="https://linli.example") as secure:
        strict = secure.get("/health").headers
    answers = [client.get(path).headers for path in ("/health", "/docs", PATH, "/nowhere")]

    for headers in answers:
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["X-Frame-Options"] == "DENY"
        assert "frame-ancestors 'none'" in headers["Content-Security-Policy"]
        assert headers["Referrer-Policy"] == "no-referrer"
        assert "Strict-Transport-Security" not in headers
    assert strict["Strict-Transport-Security"].startswith("max-age=")
