"""Search: what is found, in what order, page by page; what is refused; what is remembered."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest

from app.core.search.ranking import PARTS
from app.kernel.geo import distance_m
from app.usecases.finding.read_names import read_names
from tests.factories import (
    Person,
    Shop,
    a_community,
    a_merchant_with_shop,
    a_resident,
    an_address,
    an_offer,
    an_operator,
)
from tests.factories.orders import a_placed_checkout
from tests.factories.rows import change, look, look_one
from tests.support.ladder import Case, Endpoint, Once, OnceWithBody, assert_problem

if TYPE_CHECKING:
    from flask.testing import FlaskClient

    from tests.support.business_clock import BusinessClock

OFFERS, SHOPS = "/user/v1/search/offers", "/user/v1/search/shops"


def at(shop: Shop) -> dict[str, str]:
    return {"lat": f"{shop.lat:.6f}", "lng": f"{shop.lng:.6f}"}


def search(client: FlaskClient, shop: Shop, path: str = OFFERS, **query: object) -> Any:
    response = client.get(path, headers=a_resident().headers, query_string={**at(shop), **query})
    assert response.status_code == 200, response.text
    return response.get_json()


def names(page: Any) -> list[str]:
    return [item["name"] for item in page["items"] if not item["is_advertisement"]]


def a_shelf(*offered: str, **overrides: Any) -> Shop:
    shop = a_merchant_with_shop(**overrides)
    for name in offered:
        an_offer(shop, name=name)
    return shop


def read_all_names() -> None:
    while read_names():
        pass


class TestSearchOffers(Endpoint):
    def case(self) -> Case:
        return Case(a_resident(), OFFERS, query={**at(a_shelf("鲜牛奶")), "words": "牛奶"})

    @pytest.mark.parametrize(
        "words",
        [
            "土",
            "土豆",
            "豆 5",
            "马铃薯",
            "馬鈴薯",
            "洋芋",
            "农家土豆５００Ｇ",
            "td",
            "tudou",
            "nongjiatudou",
            "tud",
            "NJTD",
            "土\u200b豆\ufe0f",
            "\u202e农\u00ad家\u2060土豆\ufeff",
        ],
    )
    def test_one_thing_is_found_by_many_ways_of_writing_it(self, client: FlaskClient, words: str) -> None:
        shop = a_shelf("農家土豆 500g", "鲜牛奶")
        read_all_names()

        assert names(search(client, shop, words=words)) == ["農家土豆 500g"]

    def test_a_name_kept_with_marks_that_nobody_sees_is_found_without_them(self, client: FlaskClient) -> None:
        shop = a_shelf("鲜\u200b牛\ufe0f奶")

        assert names(search(client, shop, words="鲜牛奶")) == ["鲜\u200b牛\ufe0f奶"]

    def test_what_fits_best_comes_first(self, client: FlaskClient) -> None:
        shop = a_shelf("老坛酸牛奶", "牛奶糖", "牛奶")

        assert names(search(client, shop, words="牛奶")) == ["牛奶", "牛奶糖", "老坛酸牛奶"]

    def test_a_character_wrong_in_a_longer_word_is_forgiven_and_said(self, client: FlaskClient) -> None:
        shop = a_shelf("农夫矿泉水")

        for words in ("矿全水", "矿泉", "矿水泉", "农夫矿泉泉水"):
            page = search(client, shop, words=words)
            assert names(page) == ["农夫矿泉水"]
            assert page["is_corrected"] is (words != "矿泉")
        assert names(search(client, shop, words="矿井")) == []

    @pytest.mark.parametrize("hostile", ["%", "_", "\\", "' OR 1=1 --", "%%%%", "🥛", "((((", "[a-z]*", "\\u0000"])
    def test_hostile_words_are_words(self, client: FlaskClient, hostile: str) -> None:
        assert names(search(client, a_shelf("鲜牛奶", "50%果汁" if hostile == "%" else "水"), words=hostile)) == (
            ["50%果汁"] if hostile == "%" else []
        )

    def test_a_wide_search_finds_the_same_by_the_index(self, client: FlaskClient) -> None:
        shop = a_shelf("農家土豆 500g", "鲜牛奶")
        read_all_names()

        for words in ("土", "土豆", "马铃薯", "td", "tudou", "农家土逗"):
            wide = search(client, shop, words=words, radius_m=50_000, is_delivered="false")
            assert names(wide) == ["農家土豆 500g"], words

    def test_the_price_is_that_of_the_cheapest_sku_that_is_left(self, client: FlaskClient) -> None:
        shop = a_merchant_with_shop()
        offer = an_offer(shop, price_fen=900, on_hand=0)
        assert search(client, shop, words="牛奶")["items"] == []

        change("UPDATE stock SET received = 3, on_hand = 3 WHERE sku_id = :id", id=offer.sku_id)

        (item,) = search(client, shop, words="牛奶")["items"]
        assert (item["sku_id"], item["price_fen"], item["sku_count"]) == (str(offer.sku_id), 900, 1)
        assert (item["delivery_fen"], item["distance_m"]) == (300, 0)

    def test_a_change_of_price_name_or_shelf_is_seen_by_the_next_search(self, client: FlaskClient) -> None:
        shop = a_merchant_with_shop()
        offer = an_offer(shop, price_fen=900)
        path = f"/merchant/v1/shops/{shop.shop_id}"

        client.put(f"{path}/skus/{offer.sku_id}", headers=shop.owner.once(), json={"price_fen": 700})
        priced = search(client, shop, price_fen_max=700)["items"]
        client.put(f"{path}/offers/{offer.offer_id}", headers=shop.owner.once(), json={"name": "冰淇淋"})
        renamed = names(search(client, shop, words="雪糕"))
        client.put(f"{path}/offers/{offer.offer_id}", headers=shop.owner.once(), json={"state": "paused"})

        assert [item["price_fen"] for item in priced] == [700]
        assert renamed == ["冰淇淋"]
        assert search(client, shop)["items"] == []

    def test_the_last_piece_is_gone_with_the_order_that_takes_it(self, client: FlaskClient) -> None:
        shop, resident = a_merchant_with_shop(), a_resident()
        offer = an_offer(shop, on_hand=1)
        address_id = an_address(resident, near=shop)
        before = search(client, shop)["items"]

        a_placed_checkout(resident, address_id, [(offer, 1)])

        assert len(before) == 1
        assert search(client, shop)["items"] == []

    def test_filters_hold_together(self, client: FlaskClient) -> None:
        shop = a_shelf("鲜牛奶", minimum_fen=2_000)
        an_offer(shop, name="啤酒", price_fen=5_000)

        def own(page: Any) -> list[str]:
            return [item["name"] for item in page["items"] if item["shop_id"] == str(shop.shop_id)]

        assert own(search(client, shop, price_fen_min=2_000)) == ["啤酒"]
        assert own(search(client, shop, price_fen_max=2_000)) == ["鲜牛奶"]
        assert own(search(client, shop, minimum_fen_max=1_999)) == []
        assert own(search(client, shop, delivery_fen_max=299)) == []
        assert own(search(client, shop, vertical="food")) == []
        assert own(search(client, shop, category="不存在")) == []
        assert sorted(own(search(client, shop, category="日用", delivery_fen_max=300))) == ["啤酒", "鲜牛奶"]

    def test_a_category_is_a_group_of_the_shelf_or_a_code_with_those_below_it(self, client: FlaskClient) -> None:
        shop = a_shelf("鲜牛奶")
        an_offer(shop, name="矿泉水", offer={"category_code": "retail.drinks.water"})

        def names(category: str) -> list[str]:
            found = search(client, shop, category=category)["items"]
            return sorted(item["name"] for item in found if item["shop_id"] == str(shop.shop_id))

        assert names("日用") == ["矿泉水", "鲜牛奶"]
        assert names("retail.drinks.water") == names("retail.drinks") == ["矿泉水"]
        assert names("retail.drin") == names("retail_drinks") == []

    def test_a_size_that_was_taken_off_the_shelf_is_neither_shown_nor_priced(self, client: FlaskClient) -> None:
        shop = a_shelf("鲜牛奶")
        offer = an_offer(shop, name="酸奶", price_fen=900)

        def own() -> list[str]:
            items = search(client, shop)["items"]
            return sorted(item["name"] for item in items if item["shop_id"] == str(shop.shop_id))

        before = own()
        change("UPDATE skus SET removed_at = business_now() WHERE sku_id = :id", id=offer.sku_id)

        assert before == ["酸奶", "鲜牛奶"]
        assert own() == ["鲜牛奶"]
        assert not look("SELECT 1 FROM searched_offers WHERE offer_id = :id", id=offer.offer_id)

    def test_a_shop_that_does_not_deliver_here_is_shown_only_when_asked_for(self, client: FlaskClient) -> None:
        shop = a_shelf("鲜牛奶", radius_m=50)
        away = {"lat": f"{shop.lat + 0.001:.6f}"}

        assert names(search(client, shop, **away)) == []
        assert names(search(client, shop, **away, is_delivered="false")) == ["鲜牛奶"]
        assert names(search(client, shop, **away, is_delivered="false", radius_m=100)) == []

    def test_a_closed_shop_says_when_it_opens_and_comes_later(self, client: FlaskClient, clock: BusinessClock) -> None:
        clock.at(datetime(2026, 3, 2, 4, tzinfo=UTC))
        closed = a_shelf("牛奶", hours={"2": [["08:30", "21:00"]]})
        open_one = a_shelf("牛奶", community=closed.community)

        page = search(client, closed, words="牛奶")
        only_open = search(client, closed, words="牛奶", only_open="true")

        assert [item["shop_id"] for item in page["items"]] == [str(open_one.shop_id), str(closed.shop_id)]
        assert [item["is_open"] for item in page["items"]] == [True, False]
        assert [item["opens_at"] for item in page["items"]] == [None, "2026-03-03T00:30:00Z"]
        assert [item["shop_id"] for item in only_open["items"]] == [str(open_one.shop_id)]
        opened = f"/merchant/v1/shops/{closed.shop_id}/opening"
        body = {"is_open": True, "hours": {str(day): [["00:00", "24:00"]] for day in range(1, 8)}}
        assert client.put(opened, headers=closed.owner.once(), json=body).status_code == 200
        assert len(search(client, closed, words="牛奶", only_open="true")["items"]) == 2

    @pytest.mark.parametrize("sort", ["relevance", "distance", "price", "delivery_fee"])
    @pytest.mark.parametrize("radius_m", [3_000, 30_000])
    def test_pages_neither_skip_nor_repeat_while_stock_changes(
        self, client: FlaskClient, sort: str, radius_m: int
    ) -> None:
        shop = a_merchant_with_shop()
        offers = [an_offer(shop, name=f"牛奶{number}", price_fen=500 + number % 3, on_hand=5) for number in range(9)]
        seen: list[str] = []
        cursor: dict[str, str] = {}
        expected = {str(offer.offer_id) for offer in offers}

        for turn in range(9):
            page = search(client, shop, words="牛奶", sort=sort, limit=2, radius_m=radius_m, **cursor)
            seen += [item["offer_id"] for item in page["items"]]
            if turn == 0:  # one that was seen and one that was not yet sell out
                gone = [next(o for o in offers if str(o.offer_id) == seen[0])]
                gone += [next(o for o in offers if str(o.offer_id) not in seen)]
                for offer in gone:
                    change("UPDATE stock SET received = 0, on_hand = 0 WHERE sku_id = :id", id=offer.sku_id)
                expected.discard(str(gone[1].offer_id))
            if page["next_cursor"] is None:
                break
            cursor = {"cursor": page["next_cursor"]}

        assert len(seen) == len(set(seen))
        assert set(seen) == expected

    def test_a_cursor_of_another_question_is_refused(self, client: FlaskClient) -> None:
        shop = a_shelf("牛奶一", "牛奶二")
        cursor = search(client, shop, words="牛奶", limit=1)["next_cursor"]

        for other in ({"words": "牛"}, {"words": "牛奶", "sort": "price"}, {"words": "牛奶", "only_open": "true"}):
            query = {**at(shop), **other, "limit": 1, "cursor": cursor}
            response = client.get(OFFERS, headers=a_resident().headers, query_string=query)
            assert_problem(response, 422, "cursor_invalid", pointer="/cursor")

    @pytest.mark.parametrize("cursor", ["x", "W10", "AAAA", "WzEsMiwzLDQsNV0", "bnVsbA", "*", "=" * 50])
    def test_a_made_up_cursor_is_refused(self, client: FlaskClient, cursor: str) -> None:
        query = {**at(a_merchant_with_shop()), "cursor": cursor}
        response = client.get(OFFERS, headers=a_resident().headers, query_string=query)

        assert_problem(response, 422, "cursor_invalid", pointer="/cursor")

    @pytest.mark.parametrize(
        "query, code, pointer",
        [
            ({}, "place_missing", "/address_id"),
            ({"lat": "40"}, "place_missing", "/lng"),
            (
                {"lat": "40", "lng": "116", "address_id": "018f0000-0000-7000-8000-000000000000"},
                "place_missing",
                "/lat",
            ),
            ({"lat": "116.4", "lng": "39.9"}, "place_outside", "/lat"),
            ({"lat": "0", "lng": "0"}, "place_outside", "/lat"),
            ({"lat": "nan", "lng": "116"}, "input_invalid", "/lat"),
            ({"lat": "1e400", "lng": "116"}, "input_invalid", "/lat"),
            ({"lat": "40", "lng": "116", "words": ""}, "input_invalid", "/words"),
            ({"lat": "40", "lng": "116", "words": "　"}, "input_invalid", "/words"),
            ({"lat": "40", "lng": "116", "words": "\u200b\u3164"}, "input_invalid", "/words"),
            ({"lat": "40", "lng": "116", "words": "牛" * 1_000}, "input_invalid", "/words"),
            ({"lat": "40", "lng": "116", "words": "a\x00b"}, "input_invalid", "/words"),
            ({"lat": "40", "lng": "116", "words": "甲 乙 丙 丁 戊 己 庚 辛 壬"}, "words_invalid", "/words"),
            ({"lat": "40", "lng": "116", "radius_m": "0"}, "input_invalid", "/radius_m"),
            ({"lat": "40", "lng": "116", "radius_m": "-5"}, "input_invalid", "/radius_m"),
            ({"lat": "40", "lng": "116", "radius_m": "50001"}, "input_invalid", "/radius_m"),
            ({"lat": "40", "lng": "116", "radius_m": "20000"}, "search_too_wide", "/radius_m"),
            ({"lat": "40", "lng": "116", "sort": "random"}, "input_invalid", "/sort"),
            ({"lat": "40", "lng": "116", "datum": "bd09"}, "input_invalid", "/datum"),
            ({"lat": "40", "lng": "116", "limit": "0"}, "input_invalid", "/limit"),
            (
                {"lat": "40", "lng": "116", "price_fen_min": "501", "price_fen_max": "500"},
                "input_invalid",
                "/price_fen_min",
            ),
            ({"lat": "40", "lng": "116", "colour": "red"}, "input_invalid", "/colour"),
        ],
    )
    def test_what_cannot_be_searched_for_is_refused_by_name(
        self, client: FlaskClient, query: dict[str, str], code: str, pointer: str
    ) -> None:
        response = client.get(OFFERS, headers=a_resident().headers, query_string=query)

        problem = assert_problem(response, 422, code, pointer=pointer)
        if code == "place_outside":
            assert problem["is_swapped"] is (query["lat"] == "116.4")

    def test_a_name_that_stands_twice_in_the_query_is_refused_whichever_was_meant(self, client: FlaskClient) -> None:
        query = [("lat", "40"), ("lng", "116"), ("words", "牛奶"), ("words", "牛奶")]
        response = client.get(OFFERS, headers=a_resident().headers, query_string=query)

        problem = assert_problem(response, 422, "input_invalid", pointer="/words")
        assert [one["detail"] for one in problem["errors"]] == ["stands there more than once"]

    def test_anothers_address_looks_absent_and_ones_own_is_searched_around(self, client: FlaskClient) -> None:
        shop, resident = a_shelf("鲜牛奶"), a_resident()
        query = {"address_id": str(an_address(resident, near=shop))}

        own = client.get(OFFERS, headers=resident.headers, query_string=query)
        others = client.get(OFFERS, headers=a_resident().headers, query_string=query)

        assert names(own.get_json()) == ["鲜牛奶"]
        assert_problem(others, 404, "address_not_found", pointer="/address_id")

    def test_a_suspended_shop_and_one_without_a_license_are_not_found(self, client: FlaskClient) -> None:
        shop = a_shelf("鲜牛奶", state="suspended")
        a_shelf("鲜牛奶", community=shop.community, license_expires_on="2020-01-01")

        assert search(client, shop)["items"] == []

    def test_paid_places_are_marked_and_take_nobodys_place(self, client: FlaskClient, clock: BusinessClock) -> None:
        community = a_community()
        shops = [a_shelf("牛奶", community=community, lat=community.lat + at_m / 1e5) for at_m in range(3)]
        operator = an_operator()
        days = {"starts_on": "2026-01-01", "ends_on": "2026-06-30"}
        clock.at(clock.now().replace(year=2026, month=3, day=2))
        path = f"/platform/v1/shops/{shops[2].shop_id}/advertisement"

        assert client.put(path, headers=operator.once(), json=days).status_code == 200
        items = search(client, shops[0], words="牛奶")["items"]

        assert [item["shop_id"] for item in items] == [str(s.shop_id) for s in (shops[2], *shops)]
        assert [item["label"] for item in items] == ["广告", None, None, None]
        clock.at(clock.now().replace(month=7))
        assert not any(item["is_advertisement"] for item in search(client, shops[0], words="牛奶")["items"])


class TestSearchShops(Endpoint):
    def case(self) -> Case:
        return Case(a_resident(), SHOPS, query=at(a_merchant_with_shop()))

    def test_a_shop_is_found_by_its_name_before_those_that_sell_it(self, client: FlaskClient) -> None:
        named = a_merchant_with_shop(name="牛奶铺子")
        selling = a_shelf("鲜牛奶", community=named.community)
        a_shelf("啤酒", community=named.community)

        found = search(client, named, SHOPS, words="牛奶")["items"]

        assert [item["shop_id"] for item in found] == [str(named.shop_id), str(selling.shop_id)]

    def test_the_nearest_open_shops_come_page_by_page(self, client: FlaskClient) -> None:
        community = a_community()
        shops = [a_merchant_with_shop(community=community, lat=community.lat + at_m / 1e5) for at_m in (0, 40, 90)]
        query = {"sort": "distance", "only_open": "true", "limit": 2}

        pages = [search(client, shops[0], SHOPS, **query)]
        while (cursor := pages[-1]["next_cursor"]) and len(pages) < 10:
            pages.append(search(client, shops[0], SHOPS, **query, cursor=cursor))

        own = [str(shop.shop_id) for shop in shops]
        found = [item["shop_id"] for page in pages for item in page["items"]]
        assert [shop_id for shop_id in found if shop_id in own] == own  # another test may have a shop beside
        assert len(found) == len(set(found))
        assert pages[-1]["next_cursor"] is None

    def test_the_nearest_of_many_are_nearest_by_meters_not_by_degrees(self, client: FlaskClient) -> None:
        shop = a_merchant_with_shop()
        change(
            """
            INSERT INTO shops SELECT (jsonb_populate_record(s, jsonb_build_object(
                'shop_id', gen_random_uuid(), 'lat', s.lat + sin(n * 1.7) * 0.02, 'lng', s.lng + sin(n * 2.9) * 0.02,
                'state', CASE WHEN n % 3 = 0 THEN 'resting' ELSE 'open' END))).*
            FROM shops AS s CROSS JOIN generate_series(1, 300) AS n WHERE s.shop_id = :id
            """,
            id=shop.shop_id,
        )
        kept = look(
            "SELECT shop_id, lat, lng FROM shops WHERE merchant_id = :id AND state = 'open'", id=shop.merchant_id
        )
        meters = {one.shop_id: distance_m(one.lat, one.lng, shop.lat, shop.lng) for one in kept}
        farthest = max(meters, key=lambda shop_id: meters[shop_id])
        change(
            "INSERT INTO advertisements VALUES (:id, '2000-01-01', '2999-12-31', :by, now())",
            id=farthest,
            by=an_operator().account_id,
        )

        found = search(client, shop, SHOPS, sort="distance", only_open="true", is_delivered="false", limit=20)["items"]

        nearest = sorted(meters, key=lambda shop_id: (meters[shop_id], shop_id))[:20]
        assert [item["shop_id"] for item in found if not item["is_advertisement"]] == [str(one) for one in nearest]
        assert [item["shop_id"] for item in found if item["is_advertisement"]] == [str(farthest)]

    def test_a_shop_is_found_by_the_reading_of_its_name(self, client: FlaskClient) -> None:
        shop = a_merchant_with_shop(name="重庆小面馆")
        read_all_names()

        assert len(search(client, shop, SHOPS, words="chongqing")["items"]) == 1

    def test_coordinates_of_phones_are_converted_at_the_door(self, client: FlaskClient) -> None:
        shop = a_merchant_with_shop(lat=39.90, lng=116.30)

        (item,) = search(client, shop, SHOPS, lat="39.90", lng="116.30", datum="gcj02")["items"][:1]

        assert 300 < item["distance_m"] < 900


class TestSuggestions(Endpoint):
    def case(self) -> Case:
        return Case(a_resident(), "/user/v1/search/suggestions", query={**at(a_shelf("鲜牛奶")), "words": "鲜"})

    def test_ones_own_words_come_before_what_is_sold_near(self, client: FlaskClient) -> None:
        shop, resident = a_shelf("鲜牛奶", "冰鲜鸡"), a_resident()
        client.put("/user/v1/recent-searches", headers=resident.headers, json={"words": "鲜花"})

        query = {**at(shop), "words": "鲜"}
        response = client.get("/user/v1/search/suggestions", headers=resident.headers, query_string=query)

        found = [(item["words"], item["source"]) for item in response.get_json()["items"]]
        assert found == [("鲜花", "recent"), ("鲜牛奶", "nearby"), ("冰鲜鸡", "nearby")]

    def test_letters_suggest_what_is_read_so(self, client: FlaskClient) -> None:
        shop = a_shelf("鲜牛奶")
        read_all_names()

        page = search(client, shop, "/user/v1/search/suggestions", words="xn")

        assert [item["words"] for item in page["items"]] == ["鲜牛奶"]


class TestRecentSearches(Endpoint):
    path = "/user/v1/recent-searches"

    def case(self) -> Case:
        return Case(a_resident(), self.path)

    def remember(self, client: FlaskClient, person: Person, *words: str) -> None:
        for one in words:
            assert client.put(self.path, headers=person.headers, json={"words": one}).status_code == 204

    def recent(self, client: FlaskClient, person: Person) -> list[str]:
        return [item["words"] for item in client.get(self.path, headers=person.headers).get_json()["items"]]

    def test_the_newest_comes_first_each_once_and_only_to_oneself(self, client: FlaskClient) -> None:
        resident = a_resident()
        self.remember(client, resident, "牛奶", "啤酒", "牛奶 ")

        assert self.recent(client, resident) == ["牛奶", "啤酒"]
        assert self.recent(client, a_resident()) == []

    def test_the_oldest_of_more_than_thirty_is_forgotten(self, client: FlaskClient) -> None:
        resident = a_resident()
        self.remember(client, resident, *(f"牛奶{number}" for number in range(31)))

        found = self.recent(client, resident)

        assert (len(found), found[0], found[-1]) == (30, "牛奶30", "牛奶1")

    def test_one_or_all_are_forgotten(self, client: FlaskClient) -> None:
        resident = a_resident()
        self.remember(client, resident, "牛奶", "啤酒", "面包")

        client.delete(self.path, headers=resident.headers, query_string={"words": "啤酒"})
        after_one = self.recent(client, resident)
        client.delete(self.path, headers=resident.headers)

        assert after_one == ["面包", "牛奶"]
        assert self.recent(client, resident) == []

    def test_a_search_by_itself_leaves_nothing_behind(self, client: FlaskClient) -> None:
        resident, shop = a_resident(), a_shelf("鲜牛奶")

        client.get(OFFERS, headers=resident.headers, query_string={**at(shop), "words": "牛奶"})

        assert self.recent(client, resident) == []

    def test_nothing_is_not_remembered(self, client: FlaskClient) -> None:
        response = client.put(self.path, headers=a_resident().headers, json={"words": "甲 乙 丙 丁 戊 己 庚 辛 壬"})

        assert_problem(response, 422, "words_invalid", pointer="/words")


class TestPopularSearches(Endpoint):
    path = "/user/v1/popular-searches"

    def case(self) -> Case:
        return Case(a_resident(), self.path)

    def test_what_five_people_searched_for_is_popular_and_what_four_did_is_not(self, client: FlaskClient) -> None:
        words = [f"词{a_resident().account_id.hex[-8:]}{letter}" for letter in "ab"]
        for number in range(5):
            person = a_resident()
            for one in words[: 2 if number < 4 else 1]:
                client.put("/user/v1/recent-searches", headers=person.headers, json={"words": one})

        response = client.get(self.path, headers=a_resident().headers, query_string={"limit": 50})

        found = {item["words"]: item["people_count"] for item in response.get_json()["items"]}
        assert found.get(words[0]) == 5
        assert words[1] not in found


class TestExplain(Endpoint):
    def case(self) -> Case:
        query = {**at(a_shelf("鲜牛奶")), "words": "牛奶"}
        return Case(an_operator(), "/platform/v1/search/explanations", query=query)

    def test_the_points_of_the_parts_are_the_score(self, client: FlaskClient) -> None:
        case = self.case()

        (item,) = self.send(client, case).get_json()["items"]

        assert [part["name"] for part in item["parts"]] == [part.name for part in PARTS]
        assert abs(sum(part["points"] for part in item["parts"]) - item["score"]) <= len(PARTS)
        assert item["score"] > 0


class TestAdvertise(OnceWithBody):
    method = "PUT"
    other_body = {"ends_on": "2099-02-02"}

    def case(self) -> Case:
        path = f"/platform/v1/shops/{a_merchant_with_shop().shop_id}/advertisement"
        return Case(an_operator(), path, {"starts_on": "2099-01-01", "ends_on": "2099-01-31"})

    @pytest.mark.parametrize(
        "starts_on, ends_on", [("2099-01-02", "2099-01-01"), ("2020-01-01", "2020-02-01"), ("2099-01-01", "2100-01-02")]
    )
    def test_days_that_cannot_be_are_refused(self, client: FlaskClient, starts_on: str, ends_on: str) -> None:
        response = self.send(client, self.case(), body={"starts_on": starts_on, "ends_on": ends_on})

        assert_problem(response, 422, "advertisement_dates_invalid", pointer="/ends_on")

    def test_a_shop_that_is_not_there_gets_none(self, client: FlaskClient) -> None:
        case = self.case()

        assert_problem(self.send(client, case, path=case.absent_path), 404, "shop_not_found")


class TestEndAdvertisement(Once):
    method = "DELETE"

    def case(self) -> Case:
        return Case(an_operator(), f"/platform/v1/shops/{a_merchant_with_shop().shop_id}/advertisement")

    def test_it_is_over_at_once(self, client: FlaskClient) -> None:
        shop, operator = a_merchant_with_shop(), an_operator()
        path = f"/platform/v1/shops/{shop.shop_id}/advertisement"
        client.put(path, headers=operator.once(), json={"starts_on": "2099-01-01", "ends_on": "2099-01-31"})

        client.delete(path, headers=operator.once())

        assert look_one("SELECT count(*) FROM advertisements WHERE shop_id = :id", id=shop.shop_id) == 0
