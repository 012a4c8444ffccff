from __future__ import annotations

import hashlib
import hmac
import json
import time
from typing import TYPE_CHECKING

import pytest

from app.kernel.ids import new_id
from tests.support.ladder import assert_problem, row_counts
from tests.support.sandbox_gateway import WEBHOOK_SECRET

if TYPE_CHECKING:
    from flask.testing import FlaskClient

PATH = "/gateway/v1/stripe/events"


def a_notice(**changed: object) -> bytes:
    intent = {"id": f"pi_{new_id().hex}", "object": "payment_intent"}
    notice = {
        "id": f"evt_{new_id().hex}",
        "object": "event",
        "type": "payment_intent.succeeded",
        "created": int(time.time()),
        "livemode": False,
        "api_version": "2020-08-27",
        "data": {"object": intent},
        **changed,
    }
    return json.dumps(notice).encode()


def signature_of(payload: bytes, *, secret: str = WEBHOOK_SECRET, age_s: int = 0) -> str:
    at = int(time.time()) - age_s
    digest = hmac.digest(secret.encode(), f"{at}.".encode() + payload, hashlib.sha256).hex()
    return f"t={at},v1={digest}"


class TestStripeEvent:
    def test_a_genuine_notice_is_stored_once_however_often_it_comes(self, client: FlaskClient) -> None:
        payload = a_notice()
        headers = {"Stripe-Signature": signature_of(payload)}
        before = row_counts()["public.gateway_events"]

        answers = [client.post(PATH, data=payload, headers=headers) for _ in range(5)]

        assert [answer.get_json() for answer in answers] == [{"received": True}] * 5
        assert row_counts()["public.gateway_events"] == before + 1

    @pytest.mark.parametrize(
        "signature",
        ["", "t=1,v1=", "v1=00", "hello", "t=now,v1=00", "t={now},v0=00", "t=" + "9" * 400 + ",v1=00"],
    )
    def test_without_a_signature_that_stands_nothing_is_read(self, client: FlaskClient, signature: str) -> None:
        before = row_counts()
        headers = {"Stripe-Signature": signature.replace("{now}", str(int(time.time())))}

        response = client.post(PATH, data=a_notice(), headers=headers)

        assert_problem(response, 422, "webhook_refused")
        assert row_counts() == before

    def test_anothers_secret_an_old_and_a_future_time_are_refused(self, client: FlaskClient) -> None:
        payload = a_notice()
        signatures = [
            signature_of(payload, secret="whsec_of_somebody_else_0123456789abcdef"),
            signature_of(payload, age_s=301),
            signature_of(payload, age_s=-400),
        ]

        answers = [client.post(PATH, data=payload, headers={"Stripe-Signature": each}) for each in signatures]

        for answer in answers:
            assert_problem(answer, 422, "webhook_refused")

    def test_a_changed_byte_breaks_the_seal(self, client: FlaskClient) -> None:
        payload = a_notice()

        response = client.post(PATH, data=payload + b" ", headers={"Stripe-Signature": signature_of(payload)})

        assert_problem(response, 422, "webhook_refused")

    @pytest.mark.parametrize(
        "notice",
        [
            {"livemode": True}, {"id": 1}, {"id": "evt_\0"}, {"id": "evt_\ud800"}, {"id": "evt_" + "x" * 252},
            {"data": None}, {"data": {"object": {"id": "pi_\0", "object": "payment_intent"}}}, {"type": ["x"]},
            {"type": "payment\0intent"}, b"[]", b"", b"\xff", b"[" * 10_000,
        ],
        ids=["live", "id", "NUL", "half a character", "long", "data", "NUL within", "type", "NUL in its type", "list",
             "empty", "bytes", "deep"],
    )  # fmt: skip
    def test_a_genuine_notice_of_the_other_world_or_in_no_known_shape_is_refused(
        self, client: FlaskClient, notice: bytes | dict[str, object]
    ) -> None:
        payload = notice if isinstance(notice, bytes) else a_notice(**notice)
        before = row_counts()

        response = client.post(PATH, data=payload, headers={"Stripe-Signature": signature_of(payload)})

        assert_problem(response, 422, "webhook_refused")
        assert row_counts() == before
