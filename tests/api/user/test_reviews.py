from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

import pytest
from PIL import Image

from app.core.orders.states import OrderState
from app.core.reviews.ratings import rating_hundredths
from tests.factories import a_merchant_with_shop, a_resident, an_address, an_order
from tests.factories.reviews import (
    a_completed_order,
    a_folded_review,
    a_reviewed_order,
    an_appealed_review,
    counted,
    rating_of,
)
from tests.factories.rows import change, look_one
from tests.support.ladder import Case, Endpoint, OnceOwned, OnceWithBody, Owned, assert_problem, row_counts

if TYPE_CHECKING:
    from flask import Flask
    from flask.testing import FlaskClient
    from werkzeug.test import TestResponse

    from tests.factories import AnOrder, Person
    from tests.support.business_clock import BusinessClock


def a_picture(color: str = "red") -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (80, 80), color).save(out, "PNG")
    return out.getvalue()


def upload(client: FlaskClient, order: AnOrder, color: str = "red", person: Person | None = None) -> TestResponse:
    headers = {**(person or order.resident).once(), "Content-Type": "image/png"}
    return client.post(f"/user/v1/orders/{order.order_id}/review-pictures", headers=headers, data=a_picture(color))


def review(client: FlaskClient, order: AnOrder, **body: Any) -> TestResponse:
    path = f"/user/v1/orders/{order.order_id}/review"
    return client.post(path, headers=order.resident.once(), json={"stars": 5, **body})


def of_shop(client: FlaskClient, order: AnOrder, **query: Any) -> dict[str, Any]:
    path = f"/user/v1/shops/{order.shop.shop_id}/reviews"
    answer: dict[str, Any] = client.get(path, headers=a_resident().headers, query_string=query).get_json()
    return answer


class TestWriteReview(OnceWithBody, OnceOwned):
    status = 201
    absent_code = "order_not_found"
    other_body = {"stars": 1}

    def case(self) -> Case:
        order = a_completed_order()
        offers = [{"offer_id": str(order.offers[0].offer_id), "stars": 4}]
        body = {"stars": 5, "words": "新鲜，准时", "offers": offers}
        return Case(order.resident, f"/user/v1/orders/{order.order_id}/review", body)

    def test_it_counts_for_the_shop_and_its_offers_and_everybody_reads_it_without_a_name(
        self, client: FlaskClient
    ) -> None:
        order = a_completed_order()
        offer_id = str(order.offers[0].offer_id)

        assert (
            review(client, order, stars=3, words="一般", offers=[{"offer_id": offer_id, "stars": 2}]).status_code == 201
        )

        shown = of_shop(client, order)
        [item] = shown["items"]
        assert (item["stars"], item["words"], item["offers"]) == (3, "一般", [{"offer_id": offer_id, "stars": 2}])
        assert not {"account_id", "order_id", "state"} & item.keys()
        assert (shown["review_count"], shown["rating_hundredths"]) == (1, rating_hundredths(1, 3))
        assert counted(order.shop) == (1, 3)
        assert of_shop(client, order, offer_id=offer_id)["items"] == [item]

    @pytest.mark.parametrize("state", [OrderState.AWAITING_PAYMENT, OrderState.DELIVERED, OrderState.CANCELED])
    def test_what_is_not_completed_is_not_reviewed(self, client: FlaskClient, state: OrderState) -> None:
        order = an_order(state=state)
        before = row_counts()

        assert_problem(review(client, order), 409, "not_reviewable")
        assert row_counts() == before

    def test_one_each(self, client: FlaskClient) -> None:
        order = a_reviewed_order()

        assert_problem(review(client, order, stars=1), 409, "review_given")
        assert counted(order.shop) == (1, 5)

    def test_after_thirty_days_it_is_too_late(self, client: FlaskClient, clock: BusinessClock) -> None:
        order = a_completed_order()
        clock.ahead(days=30, minutes=1)

        assert_problem(review(client, order), 409, "review_too_late")

    @pytest.mark.parametrize("stars", [0, 6, True, "5", 4.5, None])
    def test_stars_are_one_to_five(self, client: FlaskClient, stars: Any) -> None:
        assert_problem(review(client, a_completed_order(), stars=stars), 422, "input_invalid", pointer="/stars")

    def test_words_are_bounded(self, client: FlaskClient) -> None:
        order = a_completed_order()

        assert_problem(review(client, order, words="好" * 1_001), 422, "input_invalid", pointer="/words")

    def test_an_offer_of_another_order_or_named_twice_is_refused(self, client: FlaskClient) -> None:
        order, other = a_completed_order(), a_completed_order()
        own = {"offer_id": str(order.offers[0].offer_id), "stars": 5}
        foreign = {"offer_id": str(other.offers[0].offer_id), "stars": 1}

        for offers in ([own, foreign], [own, own]):
            refused = review(client, order, offers=offers)
            assert_problem(refused, 422, "offer_not_of_order", pointer="/offers/1/offer_id")

    def test_pictures_were_uploaded_for_this_order_before(self, client: FlaskClient) -> None:
        order, other = a_completed_order(), a_completed_order()
        mine = upload(client, order).get_json()["picture"]
        foreign = upload(client, other, "blue").get_json()["picture"]

        for pictures in ([mine, foreign], [mine, mine]):
            assert_problem(
                review(client, order, pictures=pictures), 422, "review_picture_unknown", pointer="/pictures/1"
            )
        assert review(client, order, pictures=[mine]).status_code == 201

        [item] = of_shop(client, order)["items"]
        assert item["pictures"] == [mine]
        assert client.get(f"/pictures/{mine}.jpg").status_code == 200


class TestUploadReviewPicture:
    def test_a_picture_is_kept_once_and_eighteen_are_all(self, client: FlaskClient) -> None:
        order = a_completed_order()
        change(
            "INSERT INTO review_pictures (order_id, digest, uploaded_at)"
            " SELECT :id, n::text, business_now() FROM generate_series(1, 17) AS n",
            id=order.order_id,
        )

        first, again = upload(client, order), upload(client, order)

        assert (first.status_code, again.status_code) == (201, 201)
        assert first.get_json() == again.get_json()
        assert_problem(upload(client, order, "blue"), 409, "too_many_review_pictures")

    def test_it_is_refused_for_anothers_order_and_before_completion(self, client: FlaskClient) -> None:
        order = an_order(state=OrderState.AWAITING_PAYMENT)

        assert_problem(upload(client, a_completed_order(), person=a_resident()), 404, "order_not_found")
        assert_problem(upload(client, order), 409, "not_reviewable")

    def test_what_is_no_picture_is_refused(self, client: FlaskClient) -> None:
        order = a_completed_order()
        headers = {**order.resident.once(), "Content-Type": "image/png"}

        answer = client.post(f"/user/v1/orders/{order.order_id}/review-pictures", headers=headers, data=b"GIF89a")

        assert_problem(answer, 422, "picture_invalid")


class TestReadReview(Owned):
    absent_code = "review_not_found"

    def case(self) -> Case:
        order = a_reviewed_order()
        return Case(order.resident, f"/user/v1/orders/{order.order_id}/review")

    def test_an_order_without_a_review_has_none(self, client: FlaskClient) -> None:
        order = a_completed_order()

        answer = client.get(f"/user/v1/orders/{order.order_id}/review", headers=order.resident.headers)

        assert_problem(answer, 404, "review_not_found")


class TestWriteAddition(OnceWithBody, OnceOwned):
    status = 201
    absent_code = "review_not_found"
    other_body = {"words": "还是好"}

    def case(self) -> Case:
        order = a_reviewed_order()
        return Case(order.resident, f"/user/v1/orders/{order.order_id}/review-addition", {"words": "用了一周，很好"})

    def test_once_and_it_stands_below_the_review(self, client: FlaskClient, clock: BusinessClock) -> None:
        order = a_reviewed_order()
        path = f"/user/v1/orders/{order.order_id}/review-addition"
        clock.ahead(days=100)

        first = client.post(path, headers=order.resident.once(), json={"words": "用了一周"})
        second = client.post(path, headers=order.resident.once(), json={"words": "又一周"})

        assert first.status_code == 201
        assert_problem(second, 409, "addition_given")
        [item] = of_shop(client, order)["items"]
        assert (item["words"], item["added_words"]) == ("新鲜", "用了一周")

    def test_after_half_a_year_it_is_too_late(self, client: FlaskClient, clock: BusinessClock) -> None:
        case = self.case()
        clock.ahead(days=181)

        assert_problem(self.send(client, case), 409, "review_too_late")


class TestAppealReview(OnceWithBody, OnceOwned):
    absent_code = "review_not_found"
    other_body = {"reason": "请复核"}

    def case(self) -> Case:
        order = a_folded_review()
        return Case(order.resident, f"/user/v1/orders/{order.order_id}/review-appeal", {"reason": "并非广告"})

    def test_what_is_not_folded_or_was_appealed_for_is_not_appealed_for(self, client: FlaskClient) -> None:
        for order in (a_reviewed_order(), an_appealed_review()):
            path = f"/user/v1/orders/{order.order_id}/review-appeal"
            refused = client.post(path, headers=order.resident.once(), json={"reason": "请复核"})
            assert_problem(refused, 409, "illegal_transition")

    def test_after_thirty_days_it_is_too_late(self, client: FlaskClient, clock: BusinessClock) -> None:
        case = self.case()
        clock.ahead(days=31)

        assert_problem(self.send(client, case), 409, "review_too_late")


class TestListReviews(Endpoint):
    def case(self) -> Case:
        return Case(a_resident(), f"/user/v1/shops/{a_reviewed_order().shop.shop_id}/reviews")

    def test_pages_are_newest_first_and_lose_nothing(self, client: FlaskClient) -> None:
        shop = a_merchant_with_shop()
        orders = [a_reviewed_order(shop=shop, stars=stars) for stars in (1, 2, 3)]

        first = of_shop(client, orders[0], limit=2)
        second = of_shop(client, orders[0], limit=2, cursor=first["next_cursor"])

        assert [item["stars"] for item in first["items"] + second["items"]] == [3, 2, 1]
        assert second["next_cursor"] is None

    def test_a_folded_review_is_read_by_who_asks_and_does_not_count(self, client: FlaskClient) -> None:
        order = a_folded_review()

        shown, folded = of_shop(client, order), of_shop(client, order, is_folded="true")

        assert (shown["items"], shown["folded_count"], shown["review_count"]) == ([], 1, 0)
        assert shown["rating_hundredths"] == 400
        [item] = folded["items"]
        assert (item["words"], item["is_folded"], item["fold_reason"]) == ("新鲜", True, "含广告")

    def test_a_shop_that_is_not_there_looks_absent(self, client: FlaskClient) -> None:
        case = self.case()

        assert_problem(self.send(client, case, path=case.absent_path), 404, "shop_not_found")


def test_ratings_are_shown_where_shops_are_and_found_ones_are_sorted_by_them(app: Flask, client: FlaskClient) -> None:
    good, resident = a_reviewed_order(stars=5), a_resident()
    bad = a_merchant_with_shop(community=good.shop.community)
    a_reviewed_order(stars=1, shop=bad)
    address = str(an_address(resident, near=good.shop))

    listed = client.get("/user/v1/shops", headers=resident.headers, query_string={"address_id": address}).get_json()
    query = {"address_id": address, "sort": "rating"}
    found = client.get("/user/v1/search/shops", headers=resident.headers, query_string=query).get_json()

    expected = {str(good.shop.shop_id): rating_of(good.shop), str(bad.shop_id): rating_of(bad)}
    for answer in (listed, found):
        ratings = {item["shop_id"]: item["rating_hundredths"] for item in answer["items"]}
        assert ratings.items() >= expected.items()
    assert [item["shop_id"] for item in found["items"] if item["shop_id"] in expected] == list(expected)


def test_the_database_reckons_a_rating_as_the_rule_does(app: Flask) -> None:
    for count, total in [(0, 0), (1, 1), (1, 5), (7, 23), (999, 4_001), (123_456, 543_210)]:
        assert look_one("SELECT rating_hundredths(:n, :s)", n=count, s=total) == rating_hundredths(count, total)
    assert look_one("SELECT rating_hundredths(NULL, NULL)") == 400


def test_erasure_takes_the_words_and_leaves_the_stars(app: Flask) -> None:
    from app.core.privacy.register import REGISTER  # noqa: PLC0415
    from app.usecases.privacy.erasure import _statement  # noqa: PLC0415

    order = a_reviewed_order(stars=2)
    [holding] = [one for one in REGISTER if one.table == "reviews"]
    change(str(_statement(holding)), account_id=order.resident.account_id)

    assert look_one("SELECT words FROM reviews WHERE order_id = :id", id=order.order_id) == ""
    assert counted(order.shop) == (1, 2)
