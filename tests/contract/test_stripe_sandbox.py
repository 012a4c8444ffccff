"""Every answer of the sandbox gateway, held against Stripe's published description and the official package's types."""

import json
from typing import Any

import pytest
import requests
import stripe

from app.adapters.stripe.client import StripeClient
from app.core.payments.ports import GatewayRefused, IntentState, RefundState
from app.kernel.clock import wall_now_s
from app.kernel.ids import new_id
from tests.support.sandbox_gateway import SECRET_KEY, WEBHOOK_SECRET, Listener, Sandbox, an_intent, wait_until
from tests.support.stripe_description import answer_problems, object_problems

OFFICIAL_TYPES: dict[str, Any] = {
    "payment_intent": stripe.PaymentIntent,
    "charge": stripe.Charge,
    "refund": stripe.Refund,
    "dispute": stripe.Dispute,
    "event": stripe.Event,
    "balance_transaction": stripe.BalanceTransaction,
}
CREATE = {
    "amount": "100",
    "currency": "cny",
    "payment_method_types[]": "wechat_pay",
    "payment_method_data[type]": "wechat_pay",
    "payment_method_options[wechat_pay][client]": "web",
}


def judged(response: requests.Response) -> Any:
    """Return the body, once the published description has nothing against it."""
    assert response.request.method is not None
    assert response.request.url is not None
    body = response.json()
    assert answer_problems(response.request.method, response.request.url, response.status_code, body) == []
    return body


def refusal(response: requests.Response, status: int) -> dict[str, Any]:
    assert response.status_code == status, response.text
    error: dict[str, Any] = judged(response)["error"]
    return error


def test_a_life_of_an_intent_keeps_to_the_description(sandbox: Sandbox) -> None:
    created = judged(sandbox.call("POST", "/v1/payment_intents", data=CREATE | {"description": "邻里"}))
    assert created["status"] == "requires_confirmation"

    path = f"/v1/payment_intents/{created['id']}"
    confirmed = judged(sandbox.call("POST", path + "/confirm"))
    assert confirmed["status"] == "requires_action"
    assert confirmed["next_action"]["wechat_pay_display_qr_code"]["data"] == f"{sandbox.url}/scan/{created['id']}"

    assert object_problems(sandbox.pay(created["id"]).json()) == []
    paid = judged(sandbox.call("GET", path))
    assert (paid["status"], paid["amount_received"], paid["next_action"]) == ("succeeded", 100, None)

    refund = judged(sandbox.call("POST", "/v1/refunds", data={"payment_intent": created["id"], "amount": "30"}))
    assert refund["status"] == "succeeded"
    charge = judged(sandbox.call("GET", f"/v1/charges/{refund['charge']}"))
    assert (charge["amount_refunded"], charge["refunded"]) == (30, False)

    failed = sandbox.play(f"refunds/{refund['id']}/fail").json()
    assert object_problems(failed) == []
    assert failed["status"] == "failed"
    rest = judged(sandbox.call("POST", "/v1/refunds", data={"charge": charge["id"], "reason": "duplicate"}))
    assert rest["amount"] == 100
    assert judged(sandbox.call("GET", path))["charges"]["data"][0]["refunded"]


def test_a_life_of_an_intent_by_card_keeps_to_the_description(sandbox: Sandbox) -> None:
    asked = {"amount": "100", "currency": "cny", "payment_method_types[]": "card"}
    intent = judged(sandbox.call("POST", "/v1/payment_intents", data=asked))
    path = f"/v1/payment_intents/{intent['id']}"
    lives = [intent]

    for act in ("cards/declined", "cards/three_d_secure", "refuse", "cards/three_d_secure", "pay"):
        assert object_problems(sandbox.play(f"payment_intents/{intent['id']}/{act}").json()) == []
        lives.append(judged(sandbox.call("GET", path)))

    waiting = "requires_payment_method"
    assert [life["status"] for life in lives] == [
        waiting, waiting, "requires_action", waiting, "requires_action", "succeeded"
    ]  # fmt: skip
    assert lives[1]["last_payment_error"]["code"] == "card_declined"
    assert lives[2]["next_action"]["type"] == "redirect_to_url"
    [charge] = lives[-1]["charges"]["data"]
    assert object_problems(charge) == []
    assert charge["payment_method_details"]["card"]["last4"] == "3220"


def test_cards_are_given_by_people_and_only_to_intents_that_take_them(sandbox: Sandbox) -> None:
    by_code = sandbox.call("POST", "/v1/payment_intents", data=CREATE).json()["id"]
    by_card = {"amount": "100", "currency": "cny", "payment_method_types[]": "card", "confirm": "true"}

    assert sandbox.play(f"payment_intents/{by_code}/cards/visa").status_code == 400
    assert refusal(sandbox.call("POST", "/v1/payment_intents", data=by_card), 400)["param"] == "confirm"
    both = {"payment_method_types[0]": "card", "payment_method_types[1]": "wechat_pay"}
    assert refusal(sandbox.call("POST", "/v1/payment_intents", data={"amount": "1", "currency": "cny"} | both), 400)
    by_card.pop("confirm")
    intent_id = sandbox.call("POST", "/v1/payment_intents", data=by_card).json()["id"]
    assert sandbox.play(f"payment_intents/{intent_id}/cards/unknown").status_code == 400
    page = requests.get(f"{sandbox.url}/scan/{intent_id}", timeout=5)
    assert "4242" in page.text
    requests.post(f"{sandbox.url}/scan/{intent_id}", data={"act": "visa"}, timeout=5)
    assert sandbox.call("GET", f"/v1/payment_intents/{intent_id}").json()["status"] == "succeeded"


def a_disputed_intent(sandbox: Sandbox, query: str = "") -> tuple[str, Any]:
    intent_id = sandbox.call("POST", "/v1/payment_intents", data=CREATE | {"confirm": "true"}).json()["id"]
    sandbox.pay(intent_id)
    dispute = sandbox.play(f"payment_intents/{intent_id}/dispute{query}").json()
    assert object_problems(dispute) == []
    return intent_id, dispute


def test_a_dispute_that_is_won_keeps_to_the_description_and_gives_its_money_back(
    sandbox: Sandbox, listener: Listener
) -> None:
    intent_id, opened = a_disputed_intent(sandbox, "?amount=60&reason=fraudulent")
    path = f"/v1/disputes/{opened['id']}"
    refused = refusal(sandbox.call("POST", "/v1/refunds", data={"payment_intent": intent_id}), 400)
    staged = judged(sandbox.call("POST", path, data={"evidence[receipt]": "file_1", "submit": "false"}))
    sent = judged(sandbox.call("POST", path, data={"evidence[uncategorized_text]": "签收照片"}))
    won = sandbox.play(f"disputes/{opened['id']}/won").json()

    assert refused["code"] == "charge_disputed"
    assert [one["status"] for one in (opened, staged, sent, won)] == [
        "needs_response", "needs_response", "under_review", "won"
    ]  # fmt: skip
    assert judged(sandbox.call("GET", path)) == won
    assert [(line["amount"], line["fee"]) for line in won["balance_transactions"]] == [(-60, 1500), (60, 0)]
    assert judged(sandbox.call("GET", f"/v1/disputes?payment_intent={intent_id}"))["data"] == [won]
    kinds = ("created", "funds_withdrawn", "updated", "closed", "funds_reinstated")
    wait_until(
        lambda: (
            {f"charge.dispute.{kind}" for kind in kinds}
            <= {event["type"] for event in listener.events() if event["data"]["object"]["id"] == opened["id"]}
        )
    )
    assert judged(sandbox.call("POST", "/v1/refunds", data={"payment_intent": intent_id}))["status"] == "succeeded"


def test_a_dispute_that_is_given_up_is_lost_and_takes_no_other_answer(sandbox: Sandbox) -> None:
    intent_id, opened = a_disputed_intent(sandbox)
    path = f"/v1/disputes/{opened['id']}"

    lost = judged(sandbox.call("POST", path + "/close", key="close-1"))

    assert lost["status"] == "lost"
    assert sandbox.call("POST", path + "/close", key="close-1").json() == lost
    assert refusal(sandbox.call("POST", path, data={"evidence[receipt]": "file_1"}), 400)
    assert refusal(sandbox.call("POST", "/v1/refunds", data={"payment_intent": intent_id}), 400)
    assert refusal(sandbox.call("GET", "/v1/disputes/dp_nobodys"), 404)
    assert sandbox.play(f"disputes/{opened['id']}/won").status_code == 400
    assert sandbox.play(f"payment_intents/{intent_id}/dispute").status_code == 400


def test_an_inquiry_moves_no_money_and_leaves_refunds_possible(sandbox: Sandbox) -> None:
    intent_id, opened = a_disputed_intent(sandbox, "?inquiry=true")

    refund = judged(sandbox.call("POST", "/v1/refunds", data={"payment_intent": intent_id, "amount": "10"}))

    assert (opened["status"], opened["balance_transactions"]) == ("warning_needs_response", [])
    assert refund["status"] == "succeeded"
    assert sandbox.play(f"disputes/{opened['id']}/lost").json()["status"] == "warning_closed"


def test_the_gateways_books_add_up(sandbox: Sandbox, client: StripeClient) -> None:
    intent = an_intent(client, amount_fen=10_000)
    sandbox.pay(intent.id)
    refund = client.create_refund(key=str(new_id()), intent_id=intent.id, amount_fen=4_000, refund_id=new_id())
    charge_id = client.retrieve_intent(intent.id).charge_id

    lines = [
        *judged(sandbox.call("GET", "/v1/balance_transactions", params={"source": charge_id}))["data"],
        *judged(sandbox.call("GET", "/v1/balance_transactions", params={"source": refund.id}))["data"],
    ]

    assert [(line["type"], line["amount"], line["fee"], line["net"]) for line in lines] == [
        ("payment", 10_000, 60, 9_940),
        ("payment_refund", -4_000, 0, -4_000),
    ]
    assert judged(sandbox.call("GET", f"/v1/balance_transactions/{lines[0]['id']}")) == lines[0]


@pytest.mark.parametrize("path", ["payment_intents", "refunds", "disputes", "events", "balance_transactions"])
def test_every_list_keeps_to_the_description_and_to_the_official_types(sandbox: Sandbox, path: str) -> None:
    page = judged(sandbox.call("GET", f"/v1/{path}", params={"limit": 100}))

    for item in page["data"]:
        loaded = OFFICIAL_TYPES[item["object"]].construct_from(item, SECRET_KEY)
        assert loaded["id"] == item["id"]
        if item["object"] == "event":
            assert object_problems(item["data"]["object"]) == []
            assert judged(sandbox.call("GET", f"/v1/events/{item['id']}"))["id"] == item["id"]


def test_pages_hold_every_object_once(sandbox: Sandbox, client: StripeClient) -> None:
    ids = [an_intent(client).id for _ in range(5)]

    seen: list[str] = []
    query: dict[str, Any] = {"limit": 2}
    while not set(ids) <= set(seen):
        page = judged(sandbox.call("GET", "/v1/payment_intents", params=query))
        seen += [item["id"] for item in page["data"]]
        query["starting_after"] = seen[-1]
    back = judged(sandbox.call("GET", "/v1/payment_intents", params={"limit": 2, "ending_before": seen[3]}))

    assert seen[:5] == ids[::-1]
    assert [item["id"] for item in back["data"]] == seen[1:3]
    assert back["has_more"]


def test_the_official_client_speaks_with_the_sandbox(sandbox: Sandbox) -> None:
    official = stripe.StripeClient(SECRET_KEY, base_addresses={"api": sandbox.url}, max_network_retries=0)

    intent = official.v1.payment_intents.create(
        {  # type: ignore[typeddict-unknown-key]  # of 2020-08-27, gone from the newest types
            "amount": 1_234,
            "currency": "cny",
            "confirm": True,
            "payment_method_types": ["wechat_pay"],
            "payment_method_data": {"type": "wechat_pay"},
            "payment_method_options": {"wechat_pay": {"client": "web"}},
            "metadata": {"attempt_id": "1"},
        },
        {"idempotency_key": str(new_id())},
    )
    assert intent.next_action is not None
    assert intent.next_action.wechat_pay_display_qr_code is not None
    sandbox.pay(intent.id)
    refund = official.v1.refunds.create({"payment_intent": intent.id, "amount": 234})

    assert refund.status == "succeeded"
    assert official.v1.payment_intents.retrieve(intent.id).amount_received == 1_234
    with pytest.raises(stripe.InvalidRequestError, match="left"):
        official.v1.refunds.create({"payment_intent": intent.id, "amount": 1_001})
    with pytest.raises(stripe.AuthenticationError):
        stripe.StripeClient("sk_test_other", base_addresses={"api": sandbox.url}).v1.payment_intents.retrieve("pi_1")


def test_our_client_follows_a_payment_from_code_to_refund(sandbox: Sandbox, client: StripeClient) -> None:
    attempt_id, refund_id, now_s = new_id(), new_id(), wall_now_s()
    intent = an_intent(client, attempt_id=attempt_id, amount_fen=500)
    assert (intent.state, intent.amount_fen, intent.is_live, intent.currency) == (
        IntentState.REQUIRES_ACTION,
        500,
        False,
        "cny",
    )
    assert intent.qr_text == f"{sandbox.url}/scan/{intent.id}"
    assert str(intent.qr_image_url).startswith("data:image/png;base64,")

    sandbox.pay(intent.id)
    paid = client.retrieve_intent(intent.id)
    assert (paid.state, paid.amount_received_fen, paid.qr_text) == (IntentState.SUCCEEDED, 500, None)
    assert paid.charge_id is not None
    assert client.find_intent(attempt_id=attempt_id, created_from=now_s - 1, created_to=now_s + 60) == paid
    assert client.find_intent(attempt_id=attempt_id, created_from=now_s - 60, created_to=now_s - 30) is None
    assert client.find_intent(attempt_id=new_id(), created_from=now_s - 60, created_to=now_s + 60) is None

    refund = client.create_refund(key=str(new_id()), intent_id=intent.id, amount_fen=200, refund_id=refund_id)
    assert (refund.state, refund.amount_fen, refund.intent_id) == (RefundState.SUCCEEDED, 200, intent.id)
    assert client.retrieve_refund(refund.id) == refund
    assert client.find_refund(refund_id=refund_id, intent_id=intent.id) == refund
    assert client.find_refund(refund_id=new_id(), intent_id=intent.id) is None


def test_more_than_was_paid_never_goes_back(sandbox: Sandbox, client: StripeClient) -> None:
    intent = an_intent(client, amount_fen=500)

    def refund(amount_fen: int) -> object:
        return client.create_refund(key=str(new_id()), intent_id=intent.id, amount_fen=amount_fen, refund_id=new_id())

    with pytest.raises(GatewayRefused) as unpaid:
        refund(1)
    sandbox.pay(intent.id)
    refund(400)
    with pytest.raises(GatewayRefused) as too_much:
        refund(101)
    refund(100)
    with pytest.raises(GatewayRefused) as nothing_left:
        refund(1)

    assert [error.value.gateway_code for error in (unpaid, too_much, nothing_left)] == [
        "payment_intent_unexpected_state",
        "amount_too_large",
        "charge_already_refunded",
    ]


def test_what_is_paid_cannot_be_canceled_and_what_is_canceled_cannot_be_paid(
    sandbox: Sandbox, client: StripeClient
) -> None:
    paid, canceled = an_intent(client), an_intent(client)
    sandbox.pay(paid.id)

    assert client.cancel_intent(key=str(new_id()), intent_id=canceled.id).state is IntentState.CANCELED
    with pytest.raises(GatewayRefused) as refused:
        client.cancel_intent(key=str(new_id()), intent_id=paid.id)

    assert refused.value.gateway_code == "payment_intent_unexpected_state"
    assert sandbox.pay(canceled.id).status_code == 400
    assert sandbox.pay(paid.id).status_code == 400


def test_a_refusal_leaves_the_intent_open_for_another_try(sandbox: Sandbox, client: StripeClient) -> None:
    intent = an_intent(client)

    sandbox.play(f"payment_intents/{intent.id}/refuse")

    assert client.retrieve_intent(intent.id).state is IntentState.REQUIRES_PAYMENT_METHOD
    assert judged(sandbox.call("GET", f"/v1/payment_intents/{intent.id}"))["last_payment_error"]["code"]
    data = {name: value for name, value in CREATE.items() if name.startswith("payment_method")}
    assert (
        judged(sandbox.call("POST", f"/v1/payment_intents/{intent.id}/confirm", data=data))["status"]
        == "requires_action"
    )


@pytest.mark.parametrize(
    "change,code,param",
    [
        ({"surprise": "1"}, "parameter_unknown", "surprise"),
        ({"payment_method_options[wechat_pay][x]": "1"}, "parameter_unknown", "payment_method_options[wechat_pay][x]"),
        ({"expand[]": "charges"}, "parameter_unknown", "expand"),
        ({"amount": "0"}, "parameter_invalid_integer", "amount"),
        ({"amount": "-5"}, "parameter_invalid_integer", "amount"),
        ({"amount": "1.5"}, "parameter_invalid_integer", "amount"),
        ({"amount": "1e3"}, "parameter_invalid_integer", "amount"),
        ({"amount": "１００"}, "parameter_invalid_integer", "amount"),
        ({"amount": "100000000"}, "amount_too_large", "amount"),
        ({"amount": None}, "parameter_missing", "amount"),
        ({"currency": "eur"}, "parameter_invalid_string", "currency"),
        ({"confirm": "yes"}, "parameter_invalid_string", "confirm"),
        ({"description": "x" * 1001}, "parameter_invalid_string", "description"),
        ({"metadata": "x"}, "parameter_invalid_hash", "metadata"),
        ({"metadata[a]": "x" * 501}, "parameter_invalid_hash", "metadata"),
        ({f"metadata[{'k' * 41}]": "x"}, "parameter_invalid_hash", "metadata"),
        ({f"metadata[{n}]": "x" for n in range(51)}, "parameter_invalid_hash", "metadata"),
        ({"metadata[a][b]": "x"}, "parameter_invalid_hash", "metadata"),
        ({"amount[x": "1"}, "parameter_unknown", "amount[x"),
        ({"payment_method_types[]": "alipay"}, "payment_intent_invalid_parameter", "payment_method_types"),
        ({"confirm": "true", "payment_method_data[type]": None}, "parameter_missing", "payment_method"),
        (
            {"confirm": "true", "payment_method_options[wechat_pay][client]": None},
            "parameter_missing",
            "payment_method_options[wechat_pay][client]",
        ),
    ],
)
def test_a_wrong_parameter_is_named_and_leaves_the_key_free(
    sandbox: Sandbox, change: dict[str, str | None], code: str, param: str
) -> None:
    key = str(new_id())

    error = refusal(sandbox.call("POST", "/v1/payment_intents", key=key, data=CREATE | change), 400)

    assert (error["type"], error["code"], error["param"]) == ("invalid_request_error", code, param)
    assert sandbox.call("POST", "/v1/payment_intents", key=key, data=CREATE).status_code == 200


@pytest.mark.parametrize("query", ["limit=0", "limit=101", "limit=x", "created[since]=1", "created[gte]=x", "page=2"])
def test_a_wrong_query_is_refused(sandbox: Sandbox, query: str) -> None:
    assert refusal(sandbox.call("GET", f"/v1/payment_intents?{query}"), 400)["param"]


@pytest.mark.parametrize("path", ["payment_intents/pi_none", "refunds/re_none", "events/evt_none", "charges/ch_none"])
def test_what_is_not_there_is_missing(sandbox: Sandbox, path: str) -> None:
    assert refusal(sandbox.call("GET", f"/v1/{path}"), 404)["code"] == "resource_missing"


@pytest.mark.parametrize("authorization", [None, "", "Bearer", "Bearer sk_live_x", f"Bearer {SECRET_KEY}x", SECRET_KEY])
def test_a_wrong_api_key_is_refused(sandbox: Sandbox, authorization: str | None) -> None:
    headers = {} if authorization is None else {"Authorization": authorization}

    error = refusal(requests.get(sandbox.url + "/v1/payment_intents", headers=headers, timeout=5), 401)

    assert error["type"] == "invalid_request_error"


def test_a_key_replays_its_answer_and_refuses_another_request(sandbox: Sandbox) -> None:
    key = str(new_id())
    first = sandbox.call("POST", "/v1/payment_intents", key=key, data=CREATE)

    again = sandbox.call("POST", "/v1/payment_intents", key=key, data=CREATE)
    other = refusal(sandbox.call("POST", "/v1/payment_intents", key=key, data=CREATE | {"amount": "101"}), 400)

    assert "Idempotent-Replayed" not in first.headers
    assert again.headers["Idempotent-Replayed"] == "true"
    assert again.content == first.content
    assert other["type"] == "idempotency_error"


def test_a_refusal_by_state_is_replayed_too(sandbox: Sandbox, client: StripeClient) -> None:
    intent, key = an_intent(client), str(new_id())
    data = {"payment_intent": intent.id}
    refusal(sandbox.call("POST", "/v1/refunds", key=key, data=data), 400)
    sandbox.pay(intent.id)

    again = sandbox.call("POST", "/v1/refunds", key=key, data=data)

    assert again.headers["Idempotent-Replayed"] == "true"
    assert refusal(again, 400)["code"] == "payment_intent_unexpected_state"


def test_notices_are_genuine_and_name_their_intent(sandbox: Sandbox, client: StripeClient, listener: Listener) -> None:
    intent = an_intent(client)
    sandbox.pay(intent.id)
    client.create_refund(key=str(new_id()), intent_id=intent.id, amount_fen=1, refund_id=new_id())

    def of_ours() -> dict[str, tuple[bytes, str]]:
        return {json.loads(raw)["type"]: (raw, header) for raw, header in listener.notices if intent.id.encode() in raw}

    wait_until(lambda: len(of_ours()) == 5)

    for raw, header in of_ours().values():
        event = client.read_event(raw, header, wall_now_s())
        official = stripe.Webhook.construct_event(raw, header, WEBHOOK_SECRET)
        assert object_problems(json.loads(raw)) == []
        assert (event.id, event.type, event.is_live) == (official["id"], official["type"], False)
        assert event.intent_id == intent.id
    assert of_ours().keys() == {
        "payment_intent.created",
        "payment_intent.requires_action",
        "payment_intent.succeeded",
        "charge.succeeded",
        "charge.refunded",
    }


def test_a_person_can_look_scan_and_pay(sandbox: Sandbox, client: StripeClient) -> None:
    hostile = "<script>alert(1)</script>"
    intent = client.create_intent(
        key=str(new_id()), amount_fen=123_456, attempt_id=new_id(), payment_id=new_id(), description=hostile
    )

    for path in ("/", f"/scan/{intent.id}"):
        page = requests.get(sandbox.url + path, timeout=5)
        assert hostile not in page.text
        assert "&lt;script&gt;" in page.text
        assert "¥1,234.56" in page.text
        assert "default-src 'none'" in page.headers["Content-Security-Policy"]
    for kind, magic in (("png", b"\x89PNG"), ("svg", b"<?xml")):
        assert requests.get(f"{sandbox.url}/qr/{intent.id}.{kind}", timeout=5).content.startswith(magic)
    after = requests.post(f"{sandbox.url}/scan/{intent.id}", data={"act": "pay"}, timeout=5)

    assert "已支付" in after.text
    assert client.retrieve_intent(intent.id).state is IntentState.SUCCEEDED
    assert requests.get(f"{sandbox.url}/scan/pi_none", timeout=5).status_code == 404


@pytest.mark.parametrize("plan", [{"meteor": 1}, {"slow": 2}, {"slow": -1}, {"slow": True}, {"slow": "1"}, [1]])
def test_a_fault_that_does_not_exist_is_refused(sandbox: Sandbox, plan: object) -> None:
    assert requests.put(sandbox.url + "/sandbox/faults", json=plan, timeout=5).status_code == 400
