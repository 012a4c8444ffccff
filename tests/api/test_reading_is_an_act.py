"""What staff of a store or the platform are shown of a person leaves an act in the audit log, each time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

from app.core.delivery.incidents import IncidentKind
from app.core.orders.models import Fulfillment
from app.core.orders.states import OrderState
from app.core.privacy.register import REGISTER
from app.kernel.actor import Side
from app.kernel.sealing import blind_index, seal
from app.usecases.delivering.incidents import report_incident
from app.usecases.verifying.check_identity import NAME_CONTEXT, NUMBER_CONTEXT
from tests.factories import a_claim, a_courier, a_resident, a_store_clerk, an_operator, an_order
from tests.factories.cases import a_case
from tests.factories.people import an_id_number, signed_in
from tests.factories.reviews import an_appealed_review
from tests.factories.rows import change, look, look_one

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from uuid import UUID

    from flask import Flask
    from flask.testing import FlaskClient
    from marshmallow import Schema

    from tests.factories import Person

INSIDE = {
    "key_sealed": set(),
    "door_sealed": {"contact_name", "contact_phone", "building", "unit", "floor", "door"},
    "address_sealed": {"contact_name", "contact_phone", "building", "unit", "floor", "door"},
    "file_sealed": set(),
}
"""What a sealed column holds under other names than its own."""
PERSONAL = {
    name
    for holding in REGISTER
    for column in holding.sealed
    for name in INSIDE.get(column, {column.removesuffix("_sealed")})
} | {"id_number", "masked_name", "masked_phone", "lat", "lng", "device", "note"}
_LINES = {"name", "number"}
OTHERWISE = {
    "store.list_communities": {"name", "lat", "lng"},
    "store.list_papers": {"number"},
    "store.list_shelf": _LINES,
    "store.list_figures": {"name"},
    "platform.list_figures": {"name"},
    "platform.put_target": {"target"},
    "store.list_tills": {"name"},
    "store.list_till_acts": {"number"},
    "store.take_cash_in": {"number"},
    "store.give_cash_out": {"number"},
    **{f"store.{act}": {"number"} for act in ("list_desk_bills", "pay_desk_bill", "send_from_desk")},
    **{f"store.{act}_ticket": {"number"} for act in ("hand", "call", "serve", "miss")},
    "store.see_arrival": {"number"},
    "store.list_desk_tickets": {"number"},
    "store.list_planned_visits": {"lat", "lng"},
    "store.list_samples": {"name"},
    "store.list_stores_visits": {"note"},
    "platform.list_shop_visits": {"note"},
    "platform.list_audit_flags": {"note"},
    "platform.list_communities": {"name", "lat", "lng"},
    "platform.list_orders": _LINES,
    "platform.read_order": _LINES,
    "platform.list_papers": {"number"},
    "platform.list_parties": {"name"},
    "platform.list_offers_in_review": {"name"},
    "platform.list_submitted_shops": {"name", "lat", "lng"},
    "platform.explain_search": {"name"},
    "platform.list_statements": {"number"},
    "platform.read_statement": {"number"},
    "platform.list_listing_claims": {"name"},
    "platform.read_mismatch": {"note"},
    "platform.list_appeals": {"appeal"},
}
"""Names, numbers and places of communities, merchants, stores, vans, papers, receipts, tickets, orders and goods; notes
on shops. A courier's name is empty; what a courier says against a rating is meant for whoever decides."""
OWN = {
    "list_sessions": {"device"},
    **{key: {"name"} for key in ("list_passkeys", "ask_for_registration", "create_passkey", "rename_passkey")},
}
"""What one is shown of oneself, at every side."""


def names(schema: Schema) -> Iterator[str]:
    for name, one in schema.fields.items():
        yield name
        nested = getattr(getattr(one, "inner", one), "schema", None)
        if nested is not None:
            yield from names(nested)


def shown_of_others(app: Flask) -> dict[str, set[str]]:
    """Return the routes of staff whose answers hold personal data of others, and what they hold."""
    found = {}
    for endpoint, view in app.view_functions.items():
        side, _, name = endpoint.partition(".")
        operation = getattr(view, "operation", None)
        if side not in {Side.STORE, Side.PLATFORM} or operation is None or operation.answer is None:
            continue
        personal = PERSONAL & set(names(operation.answer))
        personal -= OTHERWISE.get(endpoint, set()) | OWN.get(name, set())
        if personal:
            found[endpoint] = personal
    return found


def known_resident() -> Person:
    resident, number = a_resident(), an_id_number()
    change(
        """
        INSERT INTO identities (account_id, name_sealed, number_sealed, number_index, verified_at)
        VALUES (:account_id, :name, :number, :number_index, business_now());
        """,
        account_id=resident.account_id,
        name=seal("陈晓", context=NAME_CONTEXT),
        number=seal(number, context=NUMBER_CONTEXT),
        number_index=blind_index(number, context=NUMBER_CONTEXT),
    )
    change("UPDATE accounts SET verification_level = 1 WHERE account_id = :id", id=resident.account_id)
    return resident


@dataclass(frozen=True)
class Look:
    """A request that shows ``reader`` something of ``whom_id``, and the verb of the act that this is."""

    reader: Person
    whom_id: UUID
    verb: str
    ask: Callable[[], Any]
    listed: tuple[str, UUID] | None = None
    """Under which name of its details the act lists what was seen."""


def begin_verification(client: FlaskClient, key: str) -> Look:
    resident, clerk = known_resident(), a_store_clerk()
    user = signed_in(resident.account_id, Side.USER)
    code = client.post("/user/v1/verification/codes", headers=user.headers).get_json()["code"]

    def ask() -> Any:
        return client.post("/store/v1/verifications", json={"code": code}, headers=clerk.once(key))

    return Look(clerk, resident.account_id, "identity.read", ask)


def list_shelf(client: FlaskClient, _key: str) -> Look:
    order = an_order(state=OrderState.READY, fulfillment=Fulfillment.STORE_PICKUP)
    clerk = a_store_clerk(order.shop.store_id)
    path = "/store/v1/shelf"
    return Look(clerk, order.resident.account_id, "order.read", lambda: client.get(path, headers=clerk.headers))


def list_orders(client: FlaskClient, _key: str) -> Look:
    order, operator = an_order(), an_operator()
    path = f"/platform/v1/orders?shop_id={order.shop.shop_id}"
    return Look(operator, order.resident.account_id, "order.read", lambda: client.get(path, headers=operator.headers))


def read_order(client: FlaskClient, _key: str) -> Look:
    order, operator = an_order(), an_operator()
    path = f"/platform/v1/orders/{order.order_id}"
    return Look(operator, order.resident.account_id, "order.read", lambda: client.get(path, headers=operator.headers))


def list_incidents(client: FlaskClient, _key: str) -> Look:
    courier, operator = a_courier(), an_operator()
    claim = a_claim(courier, "report_incident")
    incident = report_incident(
        courier.actor, claim, kind=IncidentKind.ACCIDENT, is_sos=True, lat=None, lng=None, note="摔倒了"
    )
    path = "/platform/v1/incidents?limit=100"

    def ask() -> Any:
        return client.get(path, headers=operator.headers)

    return Look(operator, courier.account_id, "incident.read", ask, listed=("incident_ids", incident.incident_id))


def list_cases(client: FlaskClient, _key: str) -> Look:
    case, operator = a_case(), an_operator()
    path, whom_id = "/platform/v1/cases?limit=100", case.order.resident.account_id
    return Look(
        operator,
        whom_id,
        "case.read",
        lambda: client.get(path, headers=operator.headers),
        listed=("case_ids", case.case_id),
    )


def read_case(client: FlaskClient, _key: str) -> Look:
    case, operator = a_case(), an_operator()
    path, whom_id = f"/platform/v1/cases/{case.case_id}", case.order.resident.account_id
    return Look(operator, whom_id, "case.read", lambda: client.get(path, headers=operator.headers))


def list_review_appeals(client: FlaskClient, _key: str) -> Look:
    order, operator = an_appealed_review(), an_operator()
    review_id = look_one("SELECT review_id FROM reviews WHERE order_id = :id", id=order.order_id)
    return Look(
        operator,
        order.resident.account_id,
        "review.read",
        lambda: client.get("/platform/v1/review-appeals?limit=100", headers=operator.headers),
        listed=("review_ids", review_id),
    )


def search_people(client: FlaskClient, _key: str) -> Look:
    resident, operator = a_resident(), an_operator()
    body = {"account_id": str(resident.account_id), "why": "CASE-7"}

    def ask() -> Any:
        return client.post("/platform/v1/searches", json=body, headers=operator.headers)

    return Look(operator, resident.account_id, "party.search", ask)


READS: dict[str, Callable[[FlaskClient, str], Look]] = {
    "store.begin_verification": begin_verification,
    "store.list_shelf": list_shelf,
    "platform.list_orders": list_orders,
    "platform.read_order": read_order,
    "platform.list_incidents": list_incidents,
    "platform.search_people": search_people,
    "platform.list_cases": list_cases,
    "platform.read_case": read_case,
    "platform.list_review_appeals": list_review_appeals,
}
"""Routes that show staff somebody's data, and how to see it."""


def test_every_route_that_shows_staff_a_persons_data_is_known_to_leave_an_act(app: Flask) -> None:
    assert set(shown_of_others(app)) == set(READS)


@pytest.mark.parametrize("endpoint", READS)
def test_each_look_is_an_act_that_leads_to_whom_it_was_at(client: FlaskClient, key: str, endpoint: str) -> None:
    seen = READS[endpoint](client, key)

    answers = [seen.ask() for _ in range(3)]

    acts = look(
        """
        SELECT whom_id, details FROM audit.act WHERE verb = :verb AND account_id = :id
        """,
        verb=seen.verb,
        id=seen.reader.account_id,
    )
    orders = look("SELECT CAST(order_id AS text) AS id FROM orders WHERE account_id = :id", id=seen.whom_id)
    assert [answer.status_code // 100 for answer in answers] == [2, 2, 2]
    assert len(acts) == 3
    for act in acts:
        if seen.listed is not None:
            name, listed_id = seen.listed
            assert str(listed_id) in act.details[name]
        else:
            assert act.whom_id == seen.whom_id or act.details == {"order_ids": [order.id for order in orders]}


def test_a_code_that_was_scanned_shows_the_clerk_a_name(client: FlaskClient, key: str) -> None:
    assert begin_verification(client, key).ask().get_json()["name"] == "陈晓"


def test_the_acts_of_a_verification_name_the_resident(client: FlaskClient, key: str) -> None:
    seen = begin_verification(client, key)
    verification_id = seen.ask().get_json()["verification_id"]

    client.post(
        f"/store/v1/verifications/{verification_id}/confirmation", json={"is_match": False}, headers=seen.reader.once()
    )

    acts = look("SELECT verb FROM audit.act WHERE whom_id = :id AND verb = 'verification.confirm'", id=seen.whom_id)
    assert len(acts) == 2
