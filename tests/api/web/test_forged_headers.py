"""Who speaks and where to is told by the token and the path alone; headers that claim otherwise change nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from app.core.orders.states import OrderState
from tests.factories import a_resident, an_address, an_order

if TYPE_CHECKING:
    from flask.testing import FlaskClient
    from werkzeug.test import TestResponse

ELSEWHERE = "evil.example"
HEADERS = {
    "Host": ELSEWHERE,
    "X-Forwarded-Host": ELSEWHERE,
    "X-Forwarded-Proto": "gopher",
    "X-Forwarded-Prefix": f"//{ELSEWHERE}",
    "X-Original-URL": "/platform/v1/books",
    "X-Rewrite-URL": "/platform/v1/books",
    "Forwarded": f"host={ELSEWHERE}",
    "Referer": f"https://{ELSEWHERE}/",
}
CLAIMS = ("X-User-Id", "X-Account-Id", "X-Auth-User", "X-Remote-User", "Remote-User", "X-Forwarded-User", "Cookie")


def what_counts(answer: TestResponse) -> tuple[int, bytes, list[tuple[str, str]]]:
    headers = [(name, value) for name, value in answer.headers if name not in {"Date", "Trace-Id"}]
    body = answer.data if answer.status_code < 400 else answer.data.replace(trace_of(answer), b"")
    return answer.status_code, body, sorted(headers)


def trace_of(answer: TestResponse) -> bytes:
    return str((answer.get_json() or {}).get("trace_id", "no trace")).encode()


@pytest.mark.parametrize("name", HEADERS)
@pytest.mark.parametrize(
    "path", ["/user/v1/addresses", "/user/v1/orders/nothing", "/openapi.json", "/docs", "/nowhere"]
)
def test_no_header_moves_a_request_or_gets_into_its_answer(client: FlaskClient, name: str, path: str) -> None:
    resident = a_resident()
    an_address(resident)
    plain = client.get(path, headers=resident.headers)

    forged = client.get(path, headers={**resident.headers, name: HEADERS[name]})

    assert what_counts(forged) == what_counts(plain)
    assert ELSEWHERE not in forged.text + str(forged.headers)


@pytest.mark.parametrize("name", CLAIMS)
def test_no_header_makes_a_person_of_another(client: FlaskClient, name: str) -> None:
    order, stranger = an_order(state=OrderState.PREPARING), a_resident()
    victim = str(order.resident.account_id)
    claimed = {name: f"account_id={victim}" if name == "Cookie" else victim}

    foreign = client.get(f"/user/v1/orders/{order.order_id}", headers={**stranger.headers, **claimed})
    nobody = client.get(f"/user/v1/orders/{order.order_id}", headers=claimed)

    assert (foreign.status_code, nobody.status_code) == (404, 401)


def test_a_foreign_id_in_a_query_or_body_that_does_not_ask_for_it_is_refused(client: FlaskClient) -> None:
    victim, stranger = a_resident(), a_resident()
    foreign = {"account_id": str(victim.account_id)}

    query = client.get("/user/v1/addresses", query_string=foreign, headers=stranger.headers)
    listed = client.get("/user/v1/orders", query_string=foreign, headers=stranger.headers)
    body = client.post("/user/v1/account/top-ups", json={"amount_fen": 100, **foreign}, headers=stranger.once())

    assert [answer.status_code for answer in (listed, body)] == [422, 422]
    assert query.status_code in {200, 422}
    assert str(victim.account_id) not in query.text


@pytest.mark.parametrize("override", ["X-HTTP-Method-Override", "X-HTTP-Method", "X-Method-Override"])
def test_a_read_stays_a_read(client: FlaskClient, override: str) -> None:
    resident = a_resident()
    address_id = an_address(resident)

    client.post(f"/user/v1/addresses/{address_id}", headers={**resident.once(), override: "DELETE"})
    client.get(f"/user/v1/addresses/{address_id}", headers={**resident.headers, override: "DELETE"})

    listed = client.get("/user/v1/addresses", headers=resident.headers).get_json()["items"]
    assert [address["address_id"] for address in listed] == [str(address_id)]
