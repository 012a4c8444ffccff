"""Commission rules: announced a week ahead, agreed on by two people, frozen on the line with their id."""

from __future__ import annotations

from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from app.core.accounts.models import PLATFORM_ID, MemberRole, OrganizationKind
from app.core.orders.rules import Rate, commission_fen_of
from app.core.orders.states import OrderState
from app.kernel.actor import Side
from app.kernel.clock import SHANGHAI, wall_now
from tests.factories import a_merchant_with_shop, an_offer, an_order
from tests.factories.people import a_member
from tests.factories.rows import change, look
from tests.support.ladder import Case, Endpoint, OnceWithBody, assert_problem

if TYPE_CHECKING:
    from collections.abc import Iterator
    from uuid import UUID

    from flask.testing import FlaskClient

    from tests.factories import Person
    from tests.support.business_clock import BusinessClock


def staff(role: MemberRole = MemberRole.FINANCE) -> Person:
    return a_member(Side.PLATFORM, OrganizationKind.PLATFORM, PLATFORM_ID, role)


def a_rule(starts_on: date, **more: Any) -> dict[str, Any]:
    return {"scope": "campaign", "rate_bp": 100, "starts_on": starts_on.isoformat(), "why": "SPRING", **more}


def ask(client: FlaskClient, body: dict[str, Any]) -> Any:
    return client.post("/platform/v1/commission-rules", headers=staff().once(), json=body)


def agree(client: FlaskClient, body: dict[str, Any]) -> str:
    answer = ask(client, body)
    assert answer.status_code == 201, answer.text
    approval_id: str = answer.get_json()["approval_id"]
    path = f"/platform/v1/approvals/{approval_id}/approval"
    assert client.post(path, headers=staff(MemberRole.ADMIN).once()).status_code == 200
    return approval_id


@pytest.fixture
def today(clock: BusinessClock) -> Iterator[date]:
    """Today; rules for all shops are taken away afterwards."""
    yield clock.now().astimezone(SHANGHAI).date()
    change("DELETE FROM commission_rules WHERE scope <> 'shop'")


def line_of(order_id: UUID) -> Any:
    [row] = look("SELECT * FROM order_lines WHERE order_id = :id", id=order_id)
    return row


class TestRules(Endpoint):
    def case(self) -> Case:
        return Case(staff(), "/platform/v1/commission-rules")


class TestRule(OnceWithBody):
    status = 201
    other_body = {"rate_bp": 2}

    def case(self) -> Case:
        in_a_month = wall_now().astimezone(SHANGHAI).date() + timedelta(days=30)
        return Case(staff(), "/platform/v1/commission-rules", a_rule(in_a_month))

    @pytest.mark.parametrize(
        "more, pointer",
        [
            ({"rate_bp": 10_001}, "/rate_bp"),
            ({"rate_bp": -1}, "/rate_bp"),
            ({"least_fen": 5, "cap_fen": 4}, "/cap_fen"),
            ({"ends_on": "2020-01-01"}, "/ends_on"),
            ({"scope": "shop"}, "/scope"),
            ({"scope": "vertical"}, "/scope"),
            ({"shop_id": "01a21979-0000-7000-8000-000000000000"}, "/scope"),
        ],
    )
    def test_what_cannot_be_is_refused(
        self, client: FlaskClient, today: date, more: dict[str, Any], pointer: str
    ) -> None:
        answer = ask(client, a_rule(today + timedelta(days=8), **more))

        assert answer.status_code == 422, answer.text
        assert pointer in [error["pointer"] for error in answer.get_json()["errors"]]

    def test_it_is_announced_seven_days_ahead(self, client: FlaskClient, today: date) -> None:
        assert_problem(ask(client, a_rule(today + timedelta(days=6))), 422, "starts_too_soon")
        assert ask(client, a_rule(today + timedelta(days=7))).status_code == 201

    def test_who_approves_late_shortens_no_announcement(
        self, client: FlaskClient, today: date, clock: BusinessClock
    ) -> None:
        approval_id = ask(client, a_rule(today + timedelta(days=7))).get_json()["approval_id"]
        clock.ahead(hours=24)

        path = f"/platform/v1/approvals/{approval_id}/approval"
        answer = client.post(path, headers=staff(MemberRole.ADMIN).once())

        assert_problem(answer, 422, "starts_too_soon")


def test_a_line_keeps_the_rule_it_was_placed_by(client: FlaskClient, today: date, clock: BusinessClock) -> None:
    shop = a_merchant_with_shop(commission_bp=500)
    begins = today + timedelta(days=7)
    rule = agree(client, a_rule(begins, scope="shop", shop_id=str(shop.shop_id), rate_bp=800, least_fen=200))
    before = line_of(an_order(shop=shop).order_id)
    clock.ahead(days=7)
    order = an_order(shop=shop, state=OrderState.COMPLETED)
    after = line_of(order.order_id)

    assert (before.commission_rule, before.commission_bp) == ("shop_rate", 500)
    assert (after.commission_rule, after.commission_bp, after.commission_least_fen) == (rule, 800, 200)
    earned = "SELECT fee_fen FROM settlement_items WHERE order_id = :id AND party_kind = 'merchant'"
    assert look(earned, id=order.order_id)[0].fee_fen == 200


def test_a_campaign_goes_before_a_shop_and_a_shop_before_its_vertical(
    client: FlaskClient, today: date, clock: BusinessClock
) -> None:
    begins = today + timedelta(days=7)
    shop, other, food = (a_merchant_with_shop(vertical=one) for one in ("retail", "retail", "food"))
    offers = [(one, an_offer(one, price_fen=1_000)) for one in (shop, other, food)]
    agree(client, a_rule(begins, scope="vertical", vertical="retail", rate_bp=300))
    agree(client, a_rule(begins, scope="shop", shop_id=str(shop.shop_id), rate_bp=200))
    campaign = {"vertical": "retail", "rate_bp": 100, "ends_on": (begins + timedelta(days=1)).isoformat()}
    agree(client, a_rule(begins + timedelta(days=1), **campaign))

    def rates() -> list[int]:
        return [line_of(an_order(shop=one, lines=[(offer, 1)]).order_id).commission_bp for one, offer in offers]

    clock.ahead(days=7)
    by_rules = rates()
    clock.ahead(days=1)
    in_campaign = rates()
    clock.ahead(days=1)

    assert (by_rules, in_campaign, rates()) == ([200, 300, 500], [100, 100, 500], [200, 300, 500])


@pytest.mark.parametrize(
    "paid, least, cap, fee",
    [(1_000, 0, None, 50), (1_000, 80, None, 80), (1_000, 0, 30, 30), (10, 80, None, 10), (0, 80, None, 0)],
)
def test_a_commission_is_within_its_bounds_and_never_more_than_the_line(
    paid: int, least: int, cap: int | None, fee: int
) -> None:
    assert commission_fen_of(paid, Rate(rule="x", bp=500, least_fen=least, cap_fen=cap)) == fee
