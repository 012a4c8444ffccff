"""Near and wide, by shops or by the index of words, search finds what a plain ``LIKE`` finds, and nothing else."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.cli.dev.bench_search import search_at
from app.core.search.words import contains, read_words
from app.kernel.transaction import read
from app.usecases.finding.read_names import read_names
from tests.factories import a_merchant_with_shop, an_offer
from tests.factories.rows import look

if TYPE_CHECKING:
    from flask import Flask

    from tests.factories import Shop

NAMES = (
    "土豆", "农家土豆 500g", "馬鈴薯粉", "鲜牛奶", "牛奶糖", "酸奶", "优酪乳", "啤酒", "50%果汁", "a_b", "A4纸",
    "矿泉水 6×330ml", "ＣＯＬＡ可乐", "重庆小面", "豆腐", "黄豆", "酱油", "生抽", "老北京炸酱面", "牛",
    "奶", "𠮷野家牛丼",
    "it's", "c:\\d",
)  # fmt: skip
_OURS = "SELECT offer_id FROM searched_offers WHERE shop_id = :shop_id"
PARTS = sorted({name[start : start + length] for name in NAMES for start in range(len(name)) for length in (1, 2, 3)})


@pytest.fixture(scope="module")
def shop(app: Flask) -> Shop:
    with app.app_context():
        made = a_merchant_with_shop()
        for name in NAMES:
            an_offer(made, name=name)
        while read_names():
            pass
        return made


@settings(
    max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(words=st.lists(st.sampled_from(PARTS) | st.sampled_from(["td", "nn", "tudou", "cq"]), min_size=1, max_size=2))
def test_search_finds_what_like_finds(app: Flask, shop: Shop, words: list[str]) -> None:
    asked = read_words(" ".join(words))
    if asked is None:
        return
    ours = {row.offer_id for row in look(_OURS, shop_id=shop.shop_id)}
    expected = set(ours)
    for term in asked.terms:
        rows = look(
            f"{_OURS} AND (words LIKE ANY (CAST(:patterns AS text[])) OR pinyin ~ CAST(:reading AS text))",
            shop_id=shop.shop_id,
            patterns=[contains(other) for other in term.alternatives],
            reading="|".join(term.readings) or None,
        )
        expected &= {row.offer_id for row in rows}

    for radius_m in ("3000", "50000"):
        search = search_at(shop.lat, shop.lng, " ".join(words), radius_m=radius_m, is_delivered="false")
        statement, params = search.statement(is_whole=True)
        found = {row.offer_id for row in read(statement, {**params, "moment": None})}
        assert found & ours == expected
