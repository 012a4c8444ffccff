from __future__ import annotations

from typing import TYPE_CHECKING, Any

from app.kernel.actor import Side
from app.platform.schemas import Why
from app.web.policy import Relation, policy_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from flask import Flask

OPEN_TO_ANYONE = {
    *(f"{side.value}.{name}" for side in Side for name in ("ask_for_code", "begin_session", "refresh_session")),
    *(f"{side.value}.begin_session_by_password" for side in Side),
    *(f"{side.value}.{name}" for side in Side for name in ("ask_for_sign_in_challenge", "begin_session_by_passkey")),
    "pages.health",
    "pages.metrics",
    "pages.openapi_document",
    "pages.readable_docs",
    "pages.explain_problem",
    "pages.show_picture",
    "development.read_messages",
    "development.read_notices",
    "development.move_clock",
}
SIGNED = {"gateway.stripe_event"}
"""Everything that is served without a token, written down by hand: adding to it is a decision."""


def endpoints(app: Flask) -> Iterator[tuple[str, str, Any]]:
    for rule in app.url_map.iter_rules():
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}:
            yield rule.endpoint, method, app.view_functions[rule.endpoint]


def test_every_endpoint_says_who_may_call_it(app: Flask) -> None:
    assert [name for name, _, view in endpoints(app) if policy_of(view) is None] == []


def test_what_is_served_without_a_token_is_what_is_written_down_here(app: Flask) -> None:
    policies = {name: policy_of(view) for name, _, view in endpoints(app)}

    relations = {name: found.relation for name, found in policies.items() if found is not None}

    assert {name for name, relation in relations.items() if relation is Relation.ANYONE} == OPEN_TO_ANYONE
    assert {name for name, relation in relations.items() if relation is Relation.SIGNED} == SIGNED


def test_every_act_on_orders_money_shops_and_trips_takes_an_idempotency_key(app: Flask) -> None:
    verbs = ("order.", "checkout.place", "checkout.pay", "checkout.cancel", "account.", "trip.", "shift.", "offer.")
    without = []

    for name, method, view in endpoints(app):
        found = policy_of(view)
        is_act = method != "GET" and found is not None and found.verb.startswith(verbs)
        if is_act and not view.operation.is_once:
            without.append(name)

    assert without == []


def test_no_read_takes_a_body_or_a_key(app: Flask) -> None:
    wrong = [
        name
        for name, method, view in endpoints(app)
        if method == "GET" and (view.operation.body is not None or view.operation.is_once)
    ]

    assert wrong == []


def test_every_route_of_a_side_stands_under_its_own_door(app: Flask) -> None:
    wrong = []

    for rule in app.url_map.iter_rules():
        door = rule.endpoint.partition(".")[0]
        if door in {side.value for side in Side} and not rule.rule.startswith(f"/{door}/v1/"):
            wrong.append(rule.rule)

    assert wrong == []


def test_operations_have_names_of_their_own(app: Flask) -> None:
    names = [name for name, _, _ in endpoints(app)]

    assert len(set(names)) == len(names)


def test_why_is_a_reference_wherever_an_operator_gives_it_so_that_the_audit_log_can_hold_it(app: Flask) -> None:
    free = []

    for name, _, view in endpoints(app):
        operation = getattr(view, "operation", None)
        asked = (operation.body, operation.query) if operation and name.startswith("platform.") else ()
        fields = [schema.fields["why"] for schema in asked if schema is not None and "why" in schema.fields]
        free += [name for field in fields if not isinstance(field, Why)]

    assert free == []
