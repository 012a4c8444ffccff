"""Staff of a store visit shops by a checklist, and show samples that residents buy after."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from app.core.orders.states import OrderState
from app.core.visiting.checklist import VERSION
from app.usecases.visiting.samples import code_of
from tests.factories import a_merchant_with_shop, a_resident, a_store_clerk, an_offer, an_operator, an_order
from tests.factories.rows import change, look, look_one
from tests.factories.visiting import a_sample, a_shop_visit, answers
from tests.support.figures import refresh
from tests.support.ladder import Case, Endpoint, Once, OnceOwned, OnceWithBody, assert_problem

if TYPE_CHECKING:
    from uuid import UUID

    from flask.testing import FlaskClient

    from tests.factories import Shop
    from tests.support.business_clock import BusinessClock

NOON = """date_trunc('day', business_now() AT TIME ZONE 'Asia/Shanghai') AT TIME ZONE 'Asia/Shanghai'
    + interval '12 hours'"""


def a_body(shop: Shop, *failed: str) -> dict[str, Any]:
    found = [{"point": point, "answer": answer.value} for point, answer in answers(*failed).items()]
    place = {"lat": shop.lat, "lng": shop.lng}
    return {"shop_id": str(shop.shop_id), "checklist_version": VERSION, "answers": found, **place}


def figures_of(store_id: UUID, *names: str) -> tuple[int, ...]:
    refresh()
    today = "CAST(business_now() AT TIME ZONE 'Asia/Shanghai' AS date)"
    [row] = look(f"SELECT {', '.join(names)} FROM store_days WHERE store_id = :id AND day = {today}", id=store_id)
    return tuple(row)


class TestRecord(OnceWithBody):
    status = 201
    other_body = {"note": "门口有台阶"}

    def case(self) -> Case:
        shop = a_merchant_with_shop()
        return Case(a_store_clerk(shop.store_id), "/store/v1/shop-visits", a_body(shop))

    def test_who_is_elsewhere_or_uses_an_old_list_or_skips_a_point_is_refused(self, client: FlaskClient) -> None:
        case = self.case()
        body = dict(case.body or {})

        far = self.send(client, case, body={**body, "lat": body["lat"] + 0.01})
        old = self.send(client, case, body={**body, "checklist_version": VERSION + 1})
        skipped = self.send(client, case, body={**body, "answers": body["answers"][1:]})
        twice = self.send(client, case, body={**body, "answers": [*body["answers"], body["answers"][0]]})
        foreign = self.send(client, case, body=a_body(a_merchant_with_shop()))

        assert_problem(far, 422, "off_the_spot", pointer="/lat")
        assert_problem(old, 409, "checklist_outdated", pointer="/checklist_version")
        assert_problem(skipped, 422, "answers_invalid", pointer="/answers")
        assert_problem(twice, 422, "answers_invalid", pointer="/answers")
        assert_problem(foreign, 404, "shop_not_found", pointer="/shop_id")

    def test_nobody_visits_the_shop_that_they_belong_to(self, client: FlaskClient) -> None:
        shop = a_merchant_with_shop()
        clerk = a_store_clerk(shop.store_id)
        change(
            "INSERT INTO memberships (account_id, organization_kind, organization_id, role)"
            " VALUES (:id, 'merchant', :merchant, 'clerk')",
            id=clerk.account_id,
            merchant=shop.merchant_id,
        )

        answer = client.post("/store/v1/shop-visits", json=a_body(shop), headers=clerk.once())

        assert_problem(answer, 403, "own_shop")

    def test_what_is_grave_or_asked_for_opens_a_review_and_figures_count_them(
        self, client: FlaskClient, clock: BusinessClock
    ) -> None:
        clock.at(look_one(f"SELECT {NOON}"))
        shop = a_merchant_with_shop()
        clerk = a_store_clerk(shop.store_id)

        def state_of(**other: Any) -> str:
            answer = client.post("/store/v1/shop-visits", json=other, headers=clerk.once())
            return str(answer.get_json()["state"])

        states = [
            state_of(**a_body(shop), opens_review=True),
            state_of(**a_body(shop, "packing")),
            state_of(**a_body(shop, "packing"), opens_review=True),
            state_of(**a_body(shop, "in_date")),
        ]

        assert states == ["recorded", "recorded", "in_review", "in_review"]
        assert figures_of(shop.store_id, "shop_visits", "shop_visits_failed") == (4, 3)


class TestChecklist(Endpoint):
    def case(self) -> Case:
        return Case(a_store_clerk(), "/store/v1/shop-checklist")


class TestListVisits(Endpoint):
    def case(self) -> Case:
        return Case(a_store_clerk(), "/store/v1/shop-visits")


class TestMerchantsVisits(Endpoint):
    def case(self) -> Case:
        shop = a_merchant_with_shop()
        a_shop_visit(shop, "packing")
        return Case(shop.owner, f"/merchant/v1/shops/{shop.shop_id}/visits")


class TestPlatformsVisits(Endpoint):
    def case(self) -> Case:
        return Case(an_operator(), "/platform/v1/shop-visits", query={"state": "in_review"})


class TestClose(OnceWithBody):
    other_body = {"outcome": "已停业整顿"}

    def case(self) -> Case:
        visit = a_shop_visit(None, "in_date")
        return Case(
            an_operator(),
            f"/platform/v1/shop-visits/{visit.shop_visit_id}/closure",
            {"outcome": "过期商品已下架。" * 40},
        )

    def test_it_leaves_the_queue_and_is_closed_once(self, client: FlaskClient) -> None:
        case, operator = self.case(), an_operator()
        visit_id = case.path.split("/")[4]

        def waiting() -> list[str]:
            query = {"kind": "shop_visit", "limit": "100"}
            found = client.get("/platform/v1/queue", headers=operator.headers, query_string=query).get_json()
            return [one["subject_id"] for one in found["items"]]

        before = waiting()
        closed, again = self.send(client, case), self.send(client, case)
        nothing = a_shop_visit()
        none = self.send(client, case, path=f"/platform/v1/shop-visits/{nothing.shop_visit_id}/closure")

        assert visit_id in before
        assert closed.get_json()["state"] == "closed"
        assert_problem(again, 409, "illegal_transition")
        assert visit_id not in waiting()
        assert_problem(none, 404, "shop_visit_not_found")


class TestShow(OnceWithBody):
    status = 201

    def case(self) -> Case:
        shop = a_merchant_with_shop()
        self.other_body = {"offer_id": str(an_offer(shop).offer_id)}
        body = {"store_id": str(shop.store_id), "offer_id": str(an_offer(shop).offer_id)}
        return Case(a_store_clerk(shop.store_id), "/store/v1/samples", body)

    def test_what_is_not_on_sale_or_shown_already_is_refused(self, client: FlaskClient) -> None:
        case = self.case()
        body = dict(case.body or {})

        absent = self.send(client, case, body={**body, "offer_id": body["store_id"]})
        foreign = self.send(client, case, headers=a_store_clerk().once())
        shown, again = self.send(client, case), self.send(client, case)

        assert_problem(absent, 404, "offer_not_for_sample", pointer="/offer_id")
        assert_problem(foreign, 404, "store_not_found", pointer="/store_id")
        assert shown.status_code == 201
        assert_problem(again, 409, "sample_shown", pointer="/offer_id")


class TestWithdraw(OnceOwned):
    absent_code = "sample_not_found"

    def case(self) -> Case:
        sample = a_sample()
        return Case(a_store_clerk(sample.store_id), f"/store/v1/samples/{sample.sample_id}/withdrawal")


class TestListSamples(Endpoint):
    def case(self) -> Case:
        return Case(a_store_clerk(), "/store/v1/samples")


class TestScan(Once):
    status = 201

    def case(self) -> Case:
        return Case(a_resident(), "/user/v1/sample-scans", {"code": code_of(a_sample().sample_id)})

    def test_the_code_leads_to_the_offer_until_the_sample_is_withdrawn(self, client: FlaskClient) -> None:
        shop = a_merchant_with_shop()
        offer = an_offer(shop)
        sample = a_sample(shop, offer)
        resident, clerk, code = a_resident(), a_store_clerk(shop.store_id), code_of(sample.sample_id)

        def scan(code: str) -> Any:
            return client.post("/user/v1/sample-scans", json={"code": code}, headers=resident.once())

        scanned = scan(code)
        forged = scan(code[:-1] + ("0" if code[-1] != "0" else "1"))
        shown = client.get("/store/v1/samples", headers=clerk.headers).get_json()["items"][0]
        client.post(f"/store/v1/samples/{sample.sample_id}/withdrawal", headers=clerk.once())

        assert scanned.get_json()["offer_id"] == str(offer.offer_id)
        assert scanned.get_json()["shop_id"] == str(shop.shop_id)
        assert (shown["code"], shown["scans"]) == (code, 1)
        assert_problem(forged, 404, "sample_not_found", pointer="/code")
        assert_problem(scan(code), 404, "sample_not_found", pointer="/code")

    def test_what_is_bought_within_a_week_counts_for_the_store_that_showed_it_last(
        self, client: FlaskClient, clock: BusinessClock
    ) -> None:
        clock.at(look_one(f"SELECT {NOON}"))
        shop, showroom = a_merchant_with_shop(), a_merchant_with_shop()
        offer, other = an_offer(shop, price_fen=700), an_offer(shop, price_fen=300)
        first, last = a_sample(shop, offer), a_sample(showroom, offer)
        resident, late = a_resident(balance_fen=100_000), a_resident(balance_fen=100_000)
        for who, sample in ((late, last), (resident, first), (resident, last), (resident, last)):
            body = {"code": code_of(sample.sample_id)}
            client.post("/user/v1/sample-scans", json=body, headers=who.once())
            clock.ahead(seconds=1)
        change(
            "UPDATE sample_scans SET scanned_at = scanned_at - interval '8 days' WHERE account_id = :id",
            id=late.account_id,
        )
        for who in (resident, late):
            an_order(shop=shop, resident=who, state=OrderState.PREPARING, lines=[(offer, 2), (other, 1)])

        names = ("sample_scans", "sample_orders", "sample_orders_fen")

        assert figures_of(showroom.store_id, *names) == (2, 1, 1_400)
        assert figures_of(shop.store_id, *names) == (1, 0, 0)
