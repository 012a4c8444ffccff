"""The webhook signature, against the official package and against forgers."""

import json
import time

import pytest
import stripe

from app.adapters.stripe.signature import TOLERANCE_S, WebhookVerifier, sign
from app.core.payments.ports import BadSignature

SECRET = "whsec_0123456789abcdefghijklmnopqrstuvwxyz"
OTHER = "whsec_another_secret_of_sufficient_length"
PAYLOAD = json.dumps({"id": "evt_1", "object": "event", "说明": "邻里"}, ensure_ascii=False).encode()
NOW_S = 1_700_000_000


def official(payload: bytes, secret: str, at_s: int) -> str:
    mac = stripe.WebhookSignature._compute_signature(f"{at_s}.{payload.decode()}", secret)
    return f"t={at_s},v1={mac}"


def test_the_official_package_accepts_our_signature() -> None:
    now_s = int(time.time())

    event = stripe.Webhook.construct_event(PAYLOAD, sign(PAYLOAD, secret=SECRET, at_s=now_s), SECRET)

    assert event["id"] == "evt_1"


def test_we_accept_the_official_packages_signature() -> None:
    WebhookVerifier([SECRET]).check(PAYLOAD, official(PAYLOAD, SECRET, NOW_S), NOW_S)


@pytest.mark.parametrize("age_s", [-TOLERANCE_S, 0, TOLERANCE_S])
def test_a_notice_within_the_tolerance_is_fresh(age_s: int) -> None:
    WebhookVerifier([SECRET]).check(PAYLOAD, sign(PAYLOAD, secret=SECRET, at_s=NOW_S - age_s), NOW_S)


@pytest.mark.parametrize("age_s", [-TOLERANCE_S - 1, TOLERANCE_S + 1, 10 * TOLERANCE_S])
def test_a_stale_or_future_notice_is_refused(age_s: int) -> None:
    with pytest.raises(BadSignature):
        WebhookVerifier([SECRET]).check(PAYLOAD, sign(PAYLOAD, secret=SECRET, at_s=NOW_S - age_s), NOW_S)


@pytest.mark.parametrize("signer", [SECRET, OTHER])
def test_during_a_rotation_both_secrets_count(signer: str) -> None:
    WebhookVerifier([SECRET, OTHER]).check(PAYLOAD, sign(PAYLOAD, secret=signer, at_s=NOW_S), NOW_S)


def test_one_good_signature_among_several_suffices() -> None:
    good = sign(PAYLOAD, secret=SECRET, at_s=NOW_S).partition("v1=")[2]

    WebhookVerifier([SECRET]).check(PAYLOAD, f"t={NOW_S},v1={'0' * 64},v1={good},v0=x", NOW_S)


GOOD_MAC = sign(PAYLOAD, secret=SECRET, at_s=NOW_S).partition("v1=")[2]


@pytest.mark.parametrize(
    "header",
    [
        "",
        "nonsense",
        f"t={NOW_S}",
        f"t={NOW_S},v1=",
        f"v1={GOOD_MAC}",
        f"t={NOW_S},v0={GOOD_MAC}",
        f"t={NOW_S},v2={GOOD_MAC}",
        f"t={NOW_S + 1},v1={GOOD_MAC}",
        f"t={NOW_S},t={NOW_S},v1={GOOD_MAC}",
        f"t=-{NOW_S},v1={GOOD_MAC}",
        f"t={NOW_S}.0,v1={GOOD_MAC}",
        f"t=１７,v1={GOOD_MAC}",
        f"t={NOW_S},v1={GOOD_MAC.upper()}",
        f"t={NOW_S},v1={GOOD_MAC[:-1]}",
        f"t={NOW_S},v1=é{GOOD_MAC}",
        f"t={NOW_S},v1=\udc80{GOOD_MAC}",
        f"t={NOW_S},v1={GOOD_MAC}," + "v1=0," * 2000,
        sign(PAYLOAD, secret=OTHER, at_s=NOW_S),
        sign(PAYLOAD, secret="", at_s=NOW_S),
        sign(PAYLOAD + b" ", secret=SECRET, at_s=NOW_S),
    ],
)
def test_a_forged_or_broken_header_is_refused(header: str) -> None:
    with pytest.raises(BadSignature):
        WebhookVerifier([SECRET]).check(PAYLOAD, header, NOW_S)


@pytest.mark.parametrize(
    "secrets", [[], [""], ["short"], [SECRET, ""], [SECRET, SECRET], [SECRET, OTHER, "x" * 40], [" " * 40]]
)
def test_secrets_that_anyone_could_guess_are_refused_at_construction(secrets: list[str]) -> None:
    with pytest.raises(ValueError, match="secret"):
        WebhookVerifier(secrets)


def test_no_secret_shows_in_a_repr() -> None:
    assert SECRET not in repr(WebhookVerifier([SECRET]))
