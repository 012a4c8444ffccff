"""A term product is put on sale by two people."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from app.kernel.clock import SHANGHAI
from tests.factories import an_operator
from tests.support.ladder import Case, Endpoint, OnceWithBody, assert_problem

if TYPE_CHECKING:
    from flask.testing import FlaskClient

    from tests.support.business_clock import BusinessClock

OPENING = datetime(2026, 3, 26, tzinfo=SHANGHAI)


@pytest.fixture(autouse=True)
def _before_the_26th(clock: BusinessClock) -> None:
    clock.at(OPENING - timedelta(days=3))


def terms(**values: Any) -> dict[str, Any]:
    return {
        "name_zh": "紫金理财",
        "name_en": "Purple Gold",
        "risk_level": 2,
        "rate_bp": 320,
        "quota_fen": 10_000_000,
        "opens_at": OPENING.isoformat(),
        "closes_at": (OPENING + timedelta(days=1)).isoformat(),
        "value_on": "2026-03-27",
        "matures_on": "2026-05-01",
        "why": "CASE-26",
        **values,
    }


class TestLaunch(OnceWithBody):
    status = 201
    other_body = {"rate_bp": 330}

    def case(self) -> Case:
        return Case(an_operator(), "/platform/v1/term-products", terms())

    def test_it_is_on_sale_when_another_has_approved(self, client: FlaskClient) -> None:
        case, other = self.case(), an_operator()
        asked = self.send(client, case).get_json()
        path = f"/platform/v1/approvals/{asked['approval_id']}/approval"

        before = client.get(case.path, headers=other.headers).get_json()["items"]
        own = client.post(path, headers=case.person.once())
        approved = client.post(path, headers=other.once())
        [product, *_] = client.get(case.path, headers=other.headers).get_json()["items"]

        assert asked["approval_id"] not in [one["product_id"] for one in before]
        assert_problem(own, 403, "own_approval")
        assert approved.status_code == 200, approved.text
        assert product["product_id"] == asked["approval_id"]
        assert (product["left_fen"], product["pays_on"], product["cap_fen"]) == (10_000_000, "2026-05-06", 5_000_000)

    @pytest.mark.parametrize(
        "field, value",
        [
            ("quota_fen", 10_050_000),
            ("quota_fen", 50_000),
            ("cap_fen", 99_999),
            ("opens_at", (OPENING - timedelta(days=3)).isoformat()),
            ("closes_at", OPENING.isoformat()),
            ("value_on", "2026-03-26"),
            ("matures_on", "2026-03-27"),
            ("early_rate_bp", 1),
        ],
    )
    def test_terms_that_do_not_fit_together_are_refused_by_field(
        self, client: FlaskClient, field: str, value: object
    ) -> None:
        refused = self.send(client, self.case(), body=terms(**{field: value}))

        assert_problem(refused, 422, "term_terms_invalid", pointer=f"/{field}")

    def test_one_whose_opening_has_passed_cannot_be_approved(self, client: FlaskClient, clock: BusinessClock) -> None:
        asked = self.send(client, self.case()).get_json()
        clock.at(OPENING)

        path = f"/platform/v1/approvals/{asked['approval_id']}/approval"
        late = client.post(path, headers=an_operator().once())

        assert_problem(late, 422, "term_terms_invalid", pointer="/opens_at")


class TestList(Endpoint):
    def case(self) -> Case:
        return Case(an_operator(), "/platform/v1/term-products")
