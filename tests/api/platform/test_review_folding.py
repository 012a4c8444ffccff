from __future__ import annotations

from typing import TYPE_CHECKING

from tests.factories import an_operator
from tests.factories.reviews import a_folded_review, a_reviewed_order, an_appealed_review, counted
from tests.support.ladder import Case, Endpoint, OnceWithBody, assert_problem

if TYPE_CHECKING:
    from flask.testing import FlaskClient


class TestFold(OnceWithBody):
    other_body = {"reason": "辱骂"}

    def case(self) -> Case:
        order = a_reviewed_order()
        return Case(an_operator(), f"/platform/v1/orders/{order.order_id}/review-folding", {"reason": "含广告。" * 20})

    def test_a_folded_review_no_longer_counts_for_shop_and_offer(self, client: FlaskClient) -> None:
        order = a_reviewed_order(stars=1, offer_stars=1)
        path = f"/platform/v1/orders/{order.order_id}/review-folding"

        answer = client.post(path, headers=an_operator().once(), json={"reason": "含广告"})

        assert answer.get_json()["state"] == "folded"
        assert counted(order.shop) == (0, 0)

    def test_what_is_folded_is_not_folded_again(self, client: FlaskClient) -> None:
        case = self.case()
        order = a_folded_review()

        again = self.send(client, case, path=f"/platform/v1/orders/{order.order_id}/review-folding")

        assert_problem(again, 409, "illegal_transition")
        assert counted(order.shop) == (0, 0)

    def test_a_review_that_is_not_there_is_not_folded(self, client: FlaskClient) -> None:
        case = self.case()

        assert_problem(self.send(client, case, path=case.absent_path), 404, "review_not_found")


class TestDecideReview(OnceWithBody):
    other_body = {"is_folded": True}

    def case(self) -> Case:
        order = an_appealed_review()
        body = {"is_folded": False, "reason": "并非广告"}
        return Case(an_operator(), f"/platform/v1/orders/{order.order_id}/review-decision", body)

    def test_a_restored_review_counts_again_and_is_never_folded_again(self, client: FlaskClient) -> None:
        order, operator = an_appealed_review(), an_operator()
        at = f"/platform/v1/orders/{order.order_id}"

        answer = client.post(
            f"{at}/review-decision", headers=operator.once(), json={"is_folded": False, "reason": "可"}
        )
        again = client.post(f"{at}/review-folding", headers=operator.once(), json={"reason": "再折叠"})

        assert answer.get_json()["state"] == "restored"
        assert_problem(again, 409, "illegal_transition")
        assert counted(order.shop) == (1, 1)

    def test_who_folded_does_not_decide(self, client: FlaskClient) -> None:
        operator = an_operator()
        order = an_appealed_review(by=operator)
        path = f"/platform/v1/orders/{order.order_id}/review-decision"

        answer = client.post(path, headers=operator.once(), json={"is_folded": True, "reason": "维持"})

        assert_problem(answer, 409, "own_folding")

    def test_an_upheld_one_stays_folded_with_both_reasons(self, client: FlaskClient) -> None:
        order, operator = an_appealed_review(), an_operator()
        path = f"/platform/v1/orders/{order.order_id}/review-decision"

        client.post(path, headers=operator.once(), json={"is_folded": True, "reason": "确系广告"})

        own = client.get(f"/user/v1/orders/{order.order_id}/review", headers=order.resident.headers).get_json()
        assert (own["state"], own["fold_reason"], own["decision"]) == ("upheld", "含广告", "确系广告")
        assert counted(order.shop) == (0, 0)

    def test_without_an_appeal_there_is_nothing_to_decide(self, client: FlaskClient) -> None:
        order = a_folded_review()
        path = f"/platform/v1/orders/{order.order_id}/review-decision"

        answer = client.post(path, headers=an_operator().once(), json={"is_folded": False, "reason": "可"})

        assert_problem(answer, 409, "illegal_transition")


class TestListReviewAppeals(Endpoint):
    def case(self) -> Case:
        return Case(an_operator(), "/platform/v1/review-appeals")

    def test_what_waits_is_listed_with_its_reasons(self, client: FlaskClient) -> None:
        order = an_appealed_review()

        items = self.send(client, self.case()).get_json()["items"]

        [mine] = [item for item in items if item["order_id"] == str(order.order_id)]
        assert (mine["fold_reason"], mine["appeal"]) == ("含广告", "并非广告")
