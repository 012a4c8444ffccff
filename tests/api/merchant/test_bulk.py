from __future__ import annotations

import io
import random
import secrets
from typing import TYPE_CHECKING, Any
from uuid import UUID

import pytest

from app.core.accounts.models import MemberRole, MembershipRow, OrganizationKind
from app.core.catalog.models import OfferState
from app.core.catalog.sheet_files import FILE_BYTES_MAX, FileKind, read_rows, write_rows
from app.core.catalog.sheets import HEAD
from app.core.catalog.standing import SKUS_MAX
from app.kernel.transaction import write_alone, write_beside
from app.merchant import bulk
from app.usecases.shopkeeping.imports import run_import
from app.wiring import gateway_of
from app.worker.jobs import make_jobs
from app.worker.sweeps import ask_again
from tests.factories import a_merchant_with_shop, a_resident, an_offer, an_operator
from tests.factories.products import a_barcode, a_product
from tests.factories.rows import change, look, look_one, write
from tests.support.ladder import Case, Endpoint, Once, OnceOwned, OnceWithBody, Owned, assert_problem, row_counts
from tests.support.races import a_seed, at_once

if TYPE_CHECKING:
    from flask import Flask
    from flask.testing import FlaskClient

    from tests.factories import Shop

Cells = dict[str, str]
PRICED = """
    SELECT f.name, f.brand, k.price_fen FROM offers AS f JOIN skus AS k USING (offer_id) WHERE f.shop_id = :id
    ORDER BY k.sku_id
"""
SAID = "SELECT brand, state FROM offers WHERE shop_id = :id"
IMPORTS = "app.usecases.shopkeeping.imports"


def a_sheet(*rows: Cells, kind: FileKind = FileKind.CSV) -> bytes:
    full = [{"货架分组": "饮料", "售价（元）": "2.50", **row} for row in rows]
    return write_rows(kind, [HEAD, *([row.get(title, "") for title in HEAD] for row in full)])


def send_file(client: FlaskClient, shop: Shop, content: bytes, **query: Any) -> Any:
    path = f"/merchant/v1/shops/{shop.shop_id}/imports"
    return client.post(path, headers=shop.owner.once(), data=content, query_string=query)


def imported(client: FlaskClient, shop: Shop, content: bytes, **query: Any) -> dict[str, Any]:
    """Import a file, let the job read it, and return what it came to."""
    asked = send_file(client, shop, content, **query)
    assert asked.status_code == 202, asked.text
    run_import(UUID(asked.get_json()["import_id"]))
    path = f"/merchant/v1/imports/{asked.get_json()['import_id']}"
    found: dict[str, Any] = client.get(path, headers=shop.owner.headers).get_json()
    return found


def shelf(shop: Shop) -> list[Any]:
    return list(
        look(
            """SELECT f.name, k.option, k.price_fen, n.on_hand, k.barcode, k.standard_product_id, f.state, f.position
            FROM offers AS f JOIN skus AS k ON k.offer_id = f.offer_id LEFT JOIN stock AS n ON n.sku_id = k.sku_id
            WHERE f.shop_id = :id ORDER BY f.position, k.price_fen""",
            id=shop.shop_id,
        )
    )


def test_rows_become_offers_with_their_sizes_and_reading_the_same_file_again_makes_nothing_new(
    client: FlaskClient,
) -> None:
    shop = a_merchant_with_shop()
    barcode = a_barcode()
    content = a_sheet(
        {"名称": "矿泉水", "条码": barcode, "库存": "24", "净含量": "550 ml"},
        {"名称": "奶茶", "规格": "中杯", "售价（元）": "9"},
        {"名称": "奶茶", "规格": "大杯", "售价（元）": "12"},
    )

    first = imported(client, shop, content)
    second = imported(client, shop, content)

    assert (first["state"], first["read_count"], first["made_count"], first["changed_count"]) == ("done", 3, 3, 0)
    assert (second["made_count"], second["changed_count"]) == (0, 3)
    rows = shelf(shop)
    assert [(row.name, row.option, row.price_fen, row.on_hand) for row in rows] == [
        ("矿泉水", "", 250, 24), ("奶茶", "中杯", 900, None), ("奶茶", "大杯", 1_200, None),
    ]  # fmt: skip
    assert rows[0].standard_product_id is not None
    assert [row.position for row in rows] == [1, 2, 2]


def test_what_was_exported_and_changed_comes_back_as_changed(client: FlaskClient) -> None:
    shop = a_merchant_with_shop()
    an_offer(shop, name="=HYPERLINK(1)", price_fen=1_000, on_hand=5)
    path = f"/merchant/v1/shops/{shop.shop_id}/shelf-file"

    for kind in FileKind:
        response = client.get(path, headers=shop.owner.headers, query_string={"format": kind.value})
        assert response.status_code == 200
        assert "'=HYPERLINK" in response.text if kind is FileKind.CSV else response.data.startswith(b"PK")
        rows = [list(row) for row in read_rows(response.data)]
        rows[1][HEAD.index("售价（元）")] = "12.00"
        found = imported(client, shop, write_rows(kind, rows))
        assert (found["made_count"], found["changed_count"]) == (0, 1), found

    [row] = shelf(shop)
    assert (row.name, row.price_fen, row.on_hand) == ("=HYPERLINK(1)", 1_200, 5)


def test_a_row_that_names_its_sku_says_the_offer_anew_and_a_column_that_is_not_there_changes_nothing(
    client: FlaskClient,
) -> None:
    shop = a_merchant_with_shop()
    offer = an_offer(shop, name="甲", price_fen=1_000, on_hand=5, packing_fen=30, sku={"per_person_max": 2})
    change("UPDATE offers SET state = 'paused', brand = '山谷' WHERE offer_id = :id", id=offer.offer_id)
    head = ("规格编号", "名称", "货架分组", "规格", "售价")
    new = (str(offer.sku_id), "甲（新）", "清仓", "大", "9.00")

    found = imported(client, shop, write_rows(FileKind.CSV, [head, new]))

    assert (found["state"], found["changed_count"]) == ("done", 1), found
    [row] = look(
        """SELECT f.name, f.category, f.brand, f.state, k.option, k.price_fen, k.packing_fen, k.per_person_max,
            n.on_hand
        FROM offers AS f JOIN skus AS k ON k.offer_id = f.offer_id LEFT JOIN stock AS n ON n.sku_id = k.sku_id
        WHERE f.shop_id = :id""",
        id=shop.shop_id,
    )
    assert tuple(row) == ("甲（新）", "清仓", "山谷", "paused", "大", 900, 30, 2, 5)


def test_what_a_new_shop_says_anew_by_a_file_waits_for_a_look(client: FlaskClient) -> None:
    shop = a_merchant_with_shop()
    renamed, kept = an_offer(shop, name="甲"), an_offer(shop, name="乙")
    change("UPDATE shops SET reviewed_until = now() + interval '9 days' WHERE shop_id = :id", id=shop.shop_id)
    rows: list[Cells] = [
        {"规格编号": str(sku.sku_id), "名称": name, "货架分组": "日用", "状态": "在售"}
        for sku, name in ((renamed, "丙"), (kept, "乙"))
    ]

    imported(client, shop, a_sheet(*rows))

    assert [(row.name, row.state) for row in shelf(shop)] == [("丙", "in_review"), ("乙", "on_sale")]


def test_an_offer_has_no_more_sizes_by_a_file_than_it_may_have(client: FlaskClient) -> None:
    shop = a_merchant_with_shop()
    an_offer(shop, name="奶茶")
    rows: list[Cells] = [{"名称": "奶茶", "货架分组": "日用", "规格": f"第 {n} 种"} for n in range(2, SKUS_MAX + 3)]

    found = imported(client, shop, a_sheet(*rows), mode="correct_rows")

    assert [(one["row"], one["column"]) for one in found["errors"]] == [
        (n, "规格") for n in (SKUS_MAX + 1, SKUS_MAX + 2)
    ]
    assert (found["made_count"], len(shelf(shop))) == (SKUS_MAX - 1, SKUS_MAX)


@pytest.mark.parametrize("by", ["规格编号", "条码"])
def test_however_a_row_finds_its_offer_it_says_it_anew(client: FlaskClient, by: str) -> None:
    shop, barcode = a_merchant_with_shop(), a_barcode()
    offer = an_offer(shop, name="甲", sku={"barcode": barcode, "option": "小"})
    change("UPDATE offers SET brand = '山谷' WHERE offer_id = :id", id=offer.offer_id)
    key = {"规格编号": str(offer.sku_id), "条码": barcode}[by]

    found = imported(client, shop, a_sheet({by: key, "名称": "乙", "规格": "大", "状态": "暂停"}))

    assert (found["made_count"], found["changed_count"]) == (0, 1)
    [row] = look(
        """SELECT f.name, f.category, f.brand, f.state, k.option
        FROM offers AS f JOIN skus AS k ON k.offer_id = f.offer_id WHERE f.shop_id = :id""",
        id=shop.shop_id,
    )
    assert tuple(row) == ("乙", "饮料", "山谷", "paused", "大")


def test_rows_below_one_that_renames_an_offer_find_it_by_its_new_name(client: FlaskClient) -> None:
    shop, barcode = a_merchant_with_shop(), a_barcode()
    first = a_sheet({"名称": "奶茶", "规格": "中杯", "条码": barcode}, {"名称": "奶茶", "规格": "大杯"})
    imported(client, shop, first)
    rows: list[Cells] = [{"名称": "奶茶（新）", "规格": "中杯", "条码": barcode}]
    rows += [
        {"名称": name, "规格": size}
        for name, size in (("奶茶（新）", "大杯"), ("奶茶（新）", "小杯"), ("奶茶", "小杯"))
    ]

    tried = imported(client, shop, a_sheet(*rows), is_dry_run="true")
    found = imported(client, shop, a_sheet(*rows))

    assert (tried["made_count"], tried["changed_count"]) == (found["made_count"], found["changed_count"]) == (2, 2)
    offers = look("SELECT offer_id, name FROM offers WHERE shop_id = :id ORDER BY position", id=shop.shop_id)
    assert [row.name for row in offers] == ["奶茶（新）", "奶茶"]
    assert sorted((row.name, row.option) for row in shelf(shop)) == [
        ("奶茶", "小杯"), ("奶茶（新）", "中杯"), ("奶茶（新）", "大杯"), ("奶茶（新）", "小杯"),
    ]  # fmt: skip


def test_a_sku_that_is_what_its_row_says_is_not_touched(client: FlaskClient) -> None:
    shop = a_merchant_with_shop()
    row = {
        "名称": "水",
        "条码": a_barcode(),
        "规格": "瓶",
        "净含量": "6×550 ml",
        "打包费（元）": "0.1",
        "每人限购": "3",
    }
    changes: list[Cells] = [
        {"售价（元）": "2.60"},
        {"打包费（元）": "0.2"},
        {"每人限购": ""},
        {"规格": "箱"},
        {"净含量": "550 ml"},
    ]
    written: list[int] = []

    for change_of_row in ({}, {}, *changes, {}):
        row |= change_of_row
        assert imported(client, shop, a_sheet(row))["state"] == "done"
        written.append(
            look_one("SELECT CAST(CAST(xmin AS text) AS bigint) FROM skus WHERE shop_id = :id", id=shop.shop_id)
        )

    assert written[0] == written[1]
    assert len(set(written[1:-1])) == len(changes) + 1
    assert written[-2] == written[-1]


def test_what_one_row_of_an_offer_says_holds_for_the_rows_that_leave_it_blank(client: FlaskClient) -> None:
    shop = a_merchant_with_shop()
    content = a_sheet(
        {"名称": "奶茶", "规格": "中杯"}, {"名称": "奶茶", "规格": "大杯", "品牌": "山谷", "状态": "暂停"}
    )
    states = [imported(client, shop, content)["state"] for _ in range(2)]
    brands = [(row.brand, row.state) for row in look(SAID, id=shop.shop_id)]
    sku_id = look_one("SELECT sku_id FROM skus WHERE shop_id = :id AND option = '中杯'", id=shop.shop_id)
    more = a_sheet({"规格编号": str(sku_id), "名称": "奶茶", "品牌": "溪谷"})
    states.append(imported(client, shop, more)["state"])

    assert states == ["done", "done", "done"]
    assert brands == [("山谷", "paused")]
    assert [(row.brand, row.state) for row in look(SAID, id=shop.shop_id)] == [("溪谷", "paused")]


def test_products_of_one_name_and_several_brands_stand_beside_each_other(client: FlaskClient) -> None:
    shop = a_merchant_with_shop()
    barred: list[Cells] = [
        {"名称": "纯牛奶", "品牌": brand, "条码": a_barcode(), "净含量": content, "售价（元）": price}
        for brand, content, price in (("山谷", "250 ml", "3.20"), ("溪谷", "250 ml", "3.50"), ("", "1 L", "9.90"))
    ]
    plain: list[Cells] = [{"名称": "豆腐", "品牌": brand, "售价（元）": "2.00"} for brand in ("山谷", "溪谷")]
    dearer = [{**row, "售价（元）": "4.00"} for row in plain]

    counts = [
        (done["made_count"], done["changed_count"])
        for done in (
            imported(client, shop, a_sheet(*rows)) for rows in (barred, barred, plain, plain[::-1], dearer[1:])
        )
    ]

    assert counts == [(3, 0), (0, 3), (2, 0), (0, 2), (0, 1)]
    assert [(row.name, row.brand, row.price_fen) for row in look(PRICED, id=shop.shop_id)] == [
        ("纯牛奶", "山谷", 320), ("纯牛奶", "溪谷", 350), ("纯牛奶", "山谷", 990),
        ("豆腐", "山谷", 200), ("豆腐", "溪谷", 400),
    ]  # fmt: skip


def test_rows_that_say_one_offer_in_two_ways_are_wrong(client: FlaskClient) -> None:
    shop = a_merchant_with_shop()
    imported(client, shop, a_sheet({"名称": "奶茶", "规格": "中杯"}, {"名称": "奶茶", "规格": "大杯"}))
    ids = look("SELECT sku_id FROM skus WHERE shop_id = :id ORDER BY sku_id", id=shop.shop_id)
    rows: list[Cells] = [{"规格编号": str(row.sku_id), "名称": f"奶茶{n}"} for n, row in enumerate(ids)]

    found = imported(client, shop, a_sheet(*rows))

    assert (found["state"], [(one["row"], one["column"]) for one in found["errors"]]) == ("refused", [(3, "名称")])


def test_the_parts_of_a_long_shelf_hold_every_row_once_and_say_how_many_they_are(
    client: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bulk, "ROWS_MAX", 2)
    shop = a_merchant_with_shop()
    path = f"/merchant/v1/shops/{shop.shop_id}/shelf-file"
    empty = client.get(path, headers=shop.owner.headers, query_string={"format": "csv"})
    sku_ids = {str(an_offer(shop).sku_id) for _ in range(5)}

    def part(number: int) -> Any:
        return client.get(path, headers=shop.owner.headers, query_string={"format": "csv", "part": number})

    parts = [part(number) for number in (1, 2, 3)]

    rows = [list(read_rows(response.data))[1:] for response in parts]
    assert [len(some) for some in rows] == [2, 2, 1]
    assert {row[0] for some in rows for row in some} == sku_ids
    assert {response.headers["Shelf-Parts"] for response in parts} == {"3"}
    assert 'filename="shelf-2-of-3.csv"' in parts[1].headers["Content-Disposition"]
    assert (empty.status_code, empty.headers["Shelf-Parts"]) == (200, "1")
    problem = assert_problem(part(4), 404, "shelf_part_not_found", pointer="/part")
    assert "3" in problem["detail"]


def test_a_file_of_ten_thousand_rows_names_its_seventeen_wrong_ones_and_comes_back_as_a_file(
    client: FlaskClient,
) -> None:
    shop, random_ = a_merchant_with_shop(), random.Random(a_seed())
    wrong = sorted(random_.sample(range(2, 10_002), 17))
    rows: list[Cells] = [{"名称": f"商品 {n}", "库存": "5"} for n in range(2, 10_002)]
    for n in wrong:
        rows[n - 2]["售价（元）"] = "很贵"
    content = a_sheet(*rows, kind=FileKind.XLSX)

    refused = imported(client, shop, content)
    empty = shelf(shop)
    done = imported(client, shop, a_sheet(*rows), mode="correct_rows")
    path = f"/merchant/v1/shops/{shop.shop_id}/shelf-file"
    out = client.get(path, headers=shop.owner.headers, query_string={"format": "csv"})

    assert (refused["state"], refused["read_count"], refused["wrong_count"]) == ("refused", 10_000, 17)
    assert [error["row"] for error in refused["errors"]] == wrong
    assert {error["column"] for error in refused["errors"]} == {"售价"}
    assert empty == []
    assert (done["state"], done["made_count"], done["wrong_count"]) == ("done", 9_983, 17)
    assert len(shelf(shop)) == 9_983
    assert sum(1 for _ in read_rows(out.data)) == 9_984


def test_an_import_says_how_far_it_is_while_it_reads_and_writes_and_is_seen_whole_or_not_at_all(
    app: Flask, client: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop = a_merchant_with_shop()
    told: list[dict[str, Any]] = []
    seen: list[int] = []
    an_offer(shop, name="商品 4", price_fen=100)
    rows: list[Cells] = [{"名称": f"商品 {n}", "货架分组": "日用"} for n in range(2, 8)]
    rows[1]["售价（元）"] = "很贵"
    import_id = send_file(client, shop, a_sheet(*rows), mode="correct_rows").get_json()["import_id"]

    def look_now() -> None:
        path = f"/merchant/v1/imports/{import_id}"
        told.append(client.get(path, headers=shop.owner.headers).get_json())
        seen.append(len(shelf(shop)))

    def look_in(tell: Any) -> Any:
        def told_now(*given: Any) -> None:
            tell(*given)
            at_once(app, [look_now])

        return told_now

    monkeypatch.setattr(f"{IMPORTS}.BATCH", 2)
    monkeypatch.setattr(f"{IMPORTS}.write_alone", look_in(write_alone))
    monkeypatch.setattr(f"{IMPORTS}.write_beside", look_in(write_beside))

    run_import(UUID(import_id))
    path = f"/merchant/v1/imports/{import_id}"
    done = client.get(path, headers=shop.owner.headers).get_json()

    names = ("state", "row_count", "read_count", "right_count", "wrong_count", "written_count", "made_count")
    assert [tuple(some[name] for name in names) for some in told] == [
        ("reading", 6, 1, 1, 0, 0, 0),
        ("reading", 6, 3, 2, 1, 0, 0),
        ("reading", 6, 5, 4, 1, 0, 0),
        ("reading", 6, 6, 5, 1, 0, 0),
        ("writing", 6, 6, 5, 1, 0, 0),
        ("writing", 6, 6, 5, 1, 2, 0),
        ("writing", 6, 6, 5, 1, 4, 0),
        ("writing", 6, 6, 5, 1, 5, 0),
    ]
    assert tuple(done[name] for name in names) == ("done", 6, 6, 5, 1, 5, 4)
    assert set(seen) == {1}
    assert [(row.name, row.price_fen) for row in shelf(shop)] == [
        ("商品 4", 250), *((f"商品 {n}", 250) for n in (2, 5, 6, 7)),
    ]  # fmt: skip


def test_orders_of_a_shop_do_not_wait_for_its_import(
    app: Flask, client: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop = a_merchant_with_shop()
    named: list[Any] = []
    name_shop = "SELECT name FROM shops WHERE shop_id = :id FOR KEY SHARE NOWAIT"  # as a row that refers to it does

    def name_it(*given: Any) -> None:
        write_beside(*given)
        named.extend(at_once(app, [lambda: look_one(name_shop, id=shop.shop_id)]))

    monkeypatch.setattr(f"{IMPORTS}.write_beside", name_it)

    assert imported(client, shop, a_sheet({"名称": "甲"}))["state"] == "done"
    assert len(named) == 2


def test_a_run_that_another_run_of_the_same_import_has_overtaken_writes_nothing(
    client: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop = a_merchant_with_shop()
    sell = "UPDATE stock SET on_hand = 3, sold = 6 WHERE sku_id IN (SELECT sku_id FROM skus WHERE shop_id = :id)"

    def be_overtaken(statement: Any, params: Any) -> None:
        monkeypatch.setattr(f"{IMPORTS}.write_alone", write_alone)
        write_alone(statement, params)
        run_import(params["import_id"])
        assert change(sell, id=shop.shop_id) == 1

    monkeypatch.setattr(f"{IMPORTS}.write_alone", be_overtaken)

    found = imported(client, shop, a_sheet({"名称": "甲", "库存": "9"}))

    assert (found["state"], found["made_count"]) == ("done", 1)
    assert [row.on_hand for row in shelf(shop)] == [3]


def job_of_imports(app: Flask, import_id: str) -> None:
    make_jobs(app, gateway_of(app), "").tasks["import_shelf"].func(subject=import_id)


@pytest.mark.parametrize(
    "language, reason",
    [("zh", "系统原因导入未能完成，货架没有任何改动，请重新上传文件。"), ("en", "Something went wrong on our side")],
)
def test_an_import_that_fails_for_good_says_so_and_another_may_begin(
    app: Flask, client: FlaskClient, monkeypatch: pytest.MonkeyPatch, language: str, reason: str
) -> None:
    shop = a_merchant_with_shop()
    import_id = send_file(client, shop, a_sheet({"名称": "甲"})).get_json()["import_id"]
    monkeypatch.setattr(f"{IMPORTS}._apply", lambda *_: 1 // 0)

    with pytest.raises(ZeroDivisionError):
        job_of_imports(app, import_id)

    headers = {**shop.owner.headers, "Accept-Language": language}
    found = client.get(f"/merchant/v1/imports/{import_id}", headers=headers).get_json()
    assert (found["state"], found["failure"]) == ("failed", "import_failed")
    assert found["reason"].startswith(reason)
    assert found["ended_at"] is not None
    monkeypatch.undo()
    assert imported(client, shop, a_sheet({"名称": "乙"}))["state"] == "done"
    assert [row.name for row in shelf(shop)] == ["乙"]


def test_a_file_that_cannot_be_read_any_more_ends_its_import(client: FlaskClient) -> None:
    shop = a_merchant_with_shop()
    import_id = send_file(client, shop, a_sheet({"名称": "甲"})).get_json()["import_id"]
    change("UPDATE shelf_imports SET file = 'PK' WHERE import_id = :id", id=import_id)

    run_import(UUID(import_id))

    found = client.get(f"/merchant/v1/imports/{import_id}", headers=shop.owner.headers).get_json()
    assert (found["state"], found["failure"]) == ("failed", "file_unreadable")
    assert found["reason"]


def test_an_import_that_never_comes_to_its_end_is_begun_so_often_and_no_more(client: FlaskClient) -> None:
    shop = a_merchant_with_shop()
    import_id = send_file(client, shop, a_sheet({"名称": "甲"})).get_json()["import_id"]
    change("UPDATE shelf_imports SET state = 'writing', try_count = :n WHERE import_id = :id", n=20, id=import_id)

    run_import(UUID(import_id))

    row = look_one("SELECT state || ' ' || failure FROM shelf_imports WHERE import_id = :id", id=import_id)
    assert row == "failed import_failed"
    assert shelf(shop) == []


def test_an_import_whose_job_was_lost_has_one_again(client: FlaskClient) -> None:
    shop = a_merchant_with_shop()
    import_id = send_file(client, shop, a_sheet({"名称": "甲"})).get_json()["import_id"]
    change(
        "UPDATE shelf_imports SET state = 'reading', asked_at = asked_at - interval '2 minutes' WHERE import_id = :id",
        id=import_id,
    )
    jobs = "SELECT count(*) FROM procrastinate_jobs WHERE task_name = 'import_shelf' AND args ->> 'subject' = :id"

    ask_again()
    ask_again()

    assert look_one(jobs, id=import_id) == 1
    run_import(UUID(import_id))


@pytest.mark.parametrize("gives_up_at", [0, 2, 4])
def test_what_is_given_up_while_it_is_written_goes_back_at_once_and_another_may_begin(
    app: Flask, client: FlaskClient, monkeypatch: pytest.MonkeyPatch, gives_up_at: int
) -> None:
    shop = a_merchant_with_shop()
    rows: list[Cells] = [{"名称": f"商品 {n}"} for n in range(4)]
    import_id = send_file(client, shop, a_sheet(*rows)).get_json()["import_id"]
    path = f"/merchant/v1/imports/{import_id}"
    answers: list[Any] = []
    told: list[int] = []

    def ask(act: Any) -> Any:
        [outcome] = at_once(app, [act])
        return outcome.answer

    def give_up(statement: Any, params: Any) -> None:
        write_beside(statement, params)
        told.append(params["written_count"])
        if params["written_count"] == gives_up_at:
            answers.append(ask(lambda: send_file(client, shop, a_sheet({"名称": "乙"}))))
            answers.append(ask(lambda: client.post(f"{path}/cancellation", headers=shop.owner.once())))
            answers.append(ask(lambda: send_file(client, shop, a_sheet({"名称": "乙"}))))

    monkeypatch.setattr(f"{IMPORTS}.BATCH", 2)
    monkeypatch.setattr(f"{IMPORTS}.write_beside", give_up)

    run_import(UUID(import_id))

    assert told[-1] == gives_up_at
    assert_problem(answers[0], 409, "import_running")
    assert (answers[1].status_code, answers[1].get_json()["state"]) == (200, "canceled")
    assert answers[2].status_code == 202
    found = client.get(path, headers=shop.owner.headers).get_json()
    assert (found["state"], found["written_count"], found["reason"]) == ("canceled", 0, None)
    assert shelf(shop) == []


class TestCancelImport(OnceOwned):
    absent_code = "import_not_found"

    def case(self) -> Case:
        self.shop = a_merchant_with_shop()
        import_id = look_one(
            """INSERT INTO shelf_imports (import_id, shop_id, account_id, state, mode, is_dry_run, asked_at)
            VALUES (gen_random_uuid(), :shop, :account, 'waiting', 'all_or_none', false, now()) RETURNING import_id""",
            shop=self.shop.shop_id,
            account=self.shop.owner.account_id,
        )
        return Case(self.shop.owner, f"/merchant/v1/imports/{import_id}/cancellation")

    def test_another_may_begin_then_and_what_has_ended_stays(self, client: FlaskClient) -> None:
        case = self.case()
        assert_problem(send_file(client, self.shop, a_sheet({"名称": "甲"})), 409, "import_running")

        self.send(client, case)

        assert_problem(self.send(client, case), 409, "import_ended")
        assert imported(client, self.shop, a_sheet({"名称": "甲"}))["state"] == "done"


def test_names_of_a_file_are_kept_without_marks_that_nobody_sees(client: FlaskClient) -> None:
    shop, barcode = a_merchant_with_shop(), a_barcode()

    imported(client, shop, a_sheet({"名称": "\u202e矿\u200b泉水👩\u200d🚒", "条码": f"\u200e{barcode}\u2060"}))

    assert [(row.name, row.barcode) for row in shelf(shop)] == [("矿泉水👩\u200d🚒", barcode)]


def test_a_dry_run_tells_what_would_be_and_changes_nothing(client: FlaskClient) -> None:
    shop = a_merchant_with_shop()
    an_offer(shop, name="鲜牛奶")
    before = shelf(shop)

    found = imported(client, shop, a_sheet({"名称": "鲜牛奶", "货架分组": "日用"}, {"名称": "新品"}), is_dry_run="true")

    assert (found["state"], found["made_count"], found["changed_count"]) == ("done", 1, 1)
    assert shelf(shop) == before


def test_one_thing_twice_and_anothers_sku_are_wrong_rows(client: FlaskClient) -> None:
    shop, anothers = a_merchant_with_shop(), an_offer(a_merchant_with_shop())
    barcode = a_barcode()

    found = imported(
        client,
        shop,
        a_sheet({"名称": "甲"}, {"名称": "甲"}, {"名称": "乙", "条码": barcode}, {"名称": "丙", "条码": barcode},
                {"名称": "丁", "规格编号": str(anothers.sku_id)}),
    )  # fmt: skip

    assert [error["row"] for error in found["errors"]] == [3, 5, 6]
    assert look_one("SELECT price_fen FROM skus WHERE sku_id = :id", id=anothers.sku_id) == 1_000


@pytest.mark.parametrize(
    "content, code",
    [(b"\x89PNG\r\n\x1a\n\0", "file_unreadable"), (b"PK\x03\x04", "file_unreadable"), (b"", "file_lacking"),
     ("名称,备注\n甲,乙\n".encode(), "columns_lacking"),
     ("名称,品名,分组,售价\n甲,乙,丙,1\n".encode(), "columns_repeated"),
     (b"name,category,price\n" + b"a,b,1\n" * 10_001, "too_many_rows")],
    ids=["a picture", "no zip", "nothing", "other columns", "a column twice", "too many rows"],
)  # fmt: skip
def test_a_file_that_is_none_is_refused_and_nothing_is_kept(client: FlaskClient, content: bytes, code: str) -> None:
    shop = a_merchant_with_shop()
    before = row_counts()

    response = send_file(client, shop, content)

    assert_problem(response, 422, code)
    assert row_counts() == before


def test_a_form_with_a_file_in_it_is_told_to_send_the_file_itself(client: FlaskClient) -> None:
    shop = a_merchant_with_shop()

    response = client.post(
        f"/merchant/v1/shops/{shop.shop_id}/imports?mode=all_or_none",
        headers=shop.owner.once(),
        data={"file": (io.BytesIO(a_sheet({"名称": "甲"})), "shelf.csv")},
    )

    assert_problem(response, 422, "file_lacking")


def test_a_file_over_the_bound_is_not_read(client: FlaskClient) -> None:
    response = send_file(client, a_merchant_with_shop(), b"a" * (FILE_BYTES_MAX + 1))

    assert_problem(response, 413, "body_too_large")


def test_a_shop_has_one_import_at_a_time(client: FlaskClient) -> None:
    shop = a_merchant_with_shop()
    send_file(client, shop, a_sheet({"名称": "甲"}))

    assert_problem(send_file(client, shop, a_sheet({"名称": "乙"})), 409, "import_running")


class TestImport(OnceOwned):
    status = 202
    absent_code = "shop_not_found"

    def case(self) -> Case:
        shop = a_merchant_with_shop()
        return Case(shop.owner, f"/merchant/v1/shops/{shop.shop_id}/imports")

    def send(self, client: FlaskClient, case: Case, **given: Any) -> Any:
        headers = case.person.once() if given.get("headers") is None else given["headers"]
        return client.post(given.get("path") or case.path, headers=headers, data=a_sheet({"名称": "甲"}))


class TestReadImport(Owned):
    absent_code = "import_not_found"

    def case(self) -> Case:
        shop = a_merchant_with_shop()
        import_id = look_one(
            """INSERT INTO shelf_imports (import_id, shop_id, account_id, state, mode, is_dry_run, asked_at)
            VALUES (gen_random_uuid(), :shop, :account, 'done', 'all_or_none', false, now()) RETURNING import_id""",
            shop=shop.shop_id,
            account=shop.owner.account_id,
        )
        return Case(shop.owner, f"/merchant/v1/imports/{import_id}")


class TestExport(Owned):
    absent_code = "shop_not_found"

    def case(self) -> Case:
        shop = a_merchant_with_shop()
        return Case(shop.owner, f"/merchant/v1/shops/{shop.shop_id}/shelf-file")


class TestTemplate(Endpoint):
    def case(self) -> Case:
        return Case(a_merchant_with_shop().owner, "/merchant/v1/shelf-template", query={"format": "csv"})


class TestChangeMany(OnceWithBody, OnceOwned):
    absent_code = "shop_not_found"
    other_body: dict[str, Any] = {"items": []}

    def case(self) -> Case:
        shop = a_merchant_with_shop()
        items = [
            {"sku_id": str(an_offer(shop).sku_id), "price_fen": 700},
            {"sku_id": str(an_offer(shop).sku_id), "on_hand": 3},
        ]
        return Case(shop.owner, f"/merchant/v1/shops/{shop.shop_id}/sku-changes", {"items": items})

    def test_a_key_used_with_another_body_is_refused(self, client: FlaskClient) -> None:
        case = self.case()
        headers = case.person.once()
        self.send(client, case, headers=headers)

        response = self.send(client, case, headers=headers, body={"items": case.body["items"][:1]})  # type: ignore[index]

        assert_problem(response, 409, "idempotency_key_reused")

    def test_prices_and_counts_are_set_together(self, client: FlaskClient) -> None:
        case = self.case()

        self.send(client, case)

        shop_id = case.path.split("/")[4]
        rows = look(
            """SELECT k.price_fen, n.on_hand FROM skus AS k LEFT JOIN stock AS n ON n.sku_id = k.sku_id
            WHERE k.shop_id = :id ORDER BY k.price_fen""",
            id=shop_id,
        )
        assert [tuple(row) for row in rows] == [(700, None), (1_000, 3)]

    def test_a_change_of_nothing_is_refused(self, client: FlaskClient) -> None:
        case = self.case()
        items = [{"sku_id": case.body["items"][0]["sku_id"]}]  # type: ignore[index]

        assert_problem(self.send(client, case, body={"items": items}), 422, "input_invalid",
                       pointer="/items/0/price_fen")  # fmt: skip

    @pytest.mark.parametrize("which", ["anothers", "twice"])
    def test_one_that_is_not_the_shops_or_named_twice_stops_all(self, client: FlaskClient, which: str) -> None:
        case = self.case()
        items = list(case.body["items"])  # type: ignore[index]
        other = {"sku_id": str(an_offer(a_merchant_with_shop()).sku_id), "price_fen": 1}
        before = look_one("SELECT count(*) FROM price_changes")

        response = self.send(client, case, body={"items": [*items, other if which == "anothers" else items[0]]})

        assert_problem(response, 422, "sku_not_in_shop", pointer="/items/2/sku_id")
        assert look_one("SELECT count(*) FROM price_changes") == before


class TestCopyShelf(OnceWithBody, OnceOwned):
    status = 201
    absent_code = "shop_not_found"

    def case(self, **values: Any) -> Case:
        shop, other = a_merchant_with_shop(), a_merchant_with_shop(**values)
        self.other_body = {"to_shop_id": str(shop.shop_id)}
        write(
            MembershipRow,
            account_id=shop.owner.account_id,
            organization_kind=OrganizationKind.MERCHANT.value,
            organization_id=other.merchant_id,
            role=MemberRole.OWNER.value,
        )
        an_offer(shop, name="甲", price_fen=700, on_hand=9, sku={"standard_product_id": a_product()})
        an_offer(shop, name="乙")
        an_offer(other, name="乙", price_fen=5)
        self.other = other
        body = {"to_shop_id": str(other.shop_id)}
        return Case(shop.owner, f"/merchant/v1/shops/{shop.shop_id}/shelf-copies", body)

    def test_what_is_not_there_yet_is_copied_with_an_empty_count(self, client: FlaskClient) -> None:
        answer = self.send(client, self.case()).get_json()

        assert answer["sku_count"] == 1
        rows = shelf(self.other)
        assert [(row.name, row.price_fen, row.on_hand) for row in rows] == [("乙", 5, None), ("甲", 700, 0)]
        assert rows[1].standard_product_id is not None

    def test_shelves_of_other_verticals_are_not_copied(self, client: FlaskClient) -> None:
        assert_problem(self.send(client, self.case(vertical="food")), 409, "shops_differ")

    def test_a_new_shops_copies_are_looked_at_first(self, client: FlaskClient) -> None:
        case = self.case()
        change("UPDATE shops SET reviewed_until = now() + interval '9 days' WHERE shop_id = :id", id=self.other.shop_id)

        self.send(client, case)

        assert [row.state for row in shelf(self.other)] == ["on_sale", "in_review"]


class TestScan(Endpoint):
    def case(self) -> Case:
        barcode = a_barcode()
        a_product(barcode=barcode, name="矿泉水", content_amount=550, content_unit="ml")
        return Case(a_merchant_with_shop().owner, "/merchant/v1/standard-products", query={"barcode": barcode})

    def test_what_others_said_of_it_fills_the_form(self, client: FlaskClient) -> None:
        found = self.send(client, self.case()).get_json()

        assert (found["name"], found["content"]) == ("矿泉水", {"amount": 550, "unit": "ml", "count": 1})

    def test_a_wrong_check_digit_is_told(self, client: FlaskClient) -> None:
        case = Case(a_merchant_with_shop().owner, "/merchant/v1/standard-products", query={"barcode": "6901028075832"})

        assert_problem(self.send(client, case), 422, "barcode_invalid", pointer="/barcode")

    def test_a_barcode_that_nobody_sold_is_not_known(self, client: FlaskClient) -> None:
        case = Case(a_merchant_with_shop().owner, "/merchant/v1/standard-products", query={"barcode": a_barcode()})

        assert_problem(self.send(client, case), 404, "product_not_found")


class TestProposals(Owned):
    absent_code = "sku_not_found"

    def case(self) -> Case:
        shop, own = a_merchant_with_shop(), secrets.token_hex(6)
        offer = an_offer(
            shop, name=f"某牌 {own} 250ml", offer={"brand": "某牌"}, sku={"content_amount": 250, "content_unit": "ml"}
        )
        self.product = a_product(match_key=f"某牌|{own}|1x250ml", barcode=None)
        return Case(shop.owner, f"/merchant/v1/shops/{shop.shop_id}/skus/{offer.sku_id}/product-proposals")

    def test_what_reads_alike_is_proposed(self, client: FlaskClient) -> None:
        items = self.send(client, self.case()).get_json()["items"]

        assert str(self.product) in {item["standard_product_id"] for item in items}


class TestConfirm(OnceWithBody, OnceOwned):
    method = "PUT"
    absent_code = "sku_not_found"
    other_body = {"standard_product_id": None}

    def case(self) -> Case:
        proposals = TestProposals()
        case = proposals.case()
        path = case.path.replace("product-proposals", "product")
        return Case(case.person, path, {"standard_product_id": str(proposals.product)})

    def test_a_person_ties_it(self, client: FlaskClient) -> None:
        case = self.case()

        self.send(client, case)

        tied = look_one("SELECT standard_product_id FROM skus WHERE sku_id = :id", id=case.path.split("/")[6])
        assert str(tied) == case.body["standard_product_id"]  # type: ignore[index]

    def test_another_product_is_refused(self, client: FlaskClient) -> None:
        case = self.case()

        response = self.send(client, case, body={"standard_product_id": str(a_product(match_key="别的"))})

        assert_problem(response, 409, "product_differs")


class TestReviewOffer(OnceWithBody, Once):
    other_body = {"is_approved": False, "reason": "名称夸大"}

    def case(self) -> Case:
        offer = an_offer(a_merchant_with_shop(), state="in_review")
        return Case(an_operator(), f"/platform/v1/offers/{offer.offer_id}/review", {"is_approved": True})

    def test_what_is_approved_is_on_sale_and_asked_about_no_more(self, client: FlaskClient) -> None:
        case = self.case()

        self.send(client, case)

        assert look_one("SELECT state FROM offers WHERE offer_id = :id", id=case.path.split("/")[4]) == "on_sale"
        assert_problem(self.send(client, case), 409, "offer_not_in_review")

    @pytest.mark.parametrize("hand", ["copy", "file", "words", "while it waits"])
    def test_what_was_paused_comes_back_paused(self, client: FlaskClient, hand: str) -> None:
        shop = a_merchant_with_shop()
        path = f"/merchant/v1/shops/{shop.shop_id}"
        change("UPDATE shops SET reviewed_until = now() + interval '9 days' WHERE shop_id = :id", id=shop.shop_id)
        if hand == "file":
            imported(client, shop, a_sheet({"名称": "甲", "状态": "暂停"}))
        elif hand == "copy":
            source = a_merchant_with_shop()
            an_offer(source, state="paused")
            write(
                MembershipRow,
                account_id=source.owner.account_id,
                organization_kind=OrganizationKind.MERCHANT.value,
                organization_id=shop.merchant_id,
                role=MemberRole.OWNER.value,
            )
            body = {"to_shop_id": str(shop.shop_id)}
            url = f"/merchant/v1/shops/{source.shop_id}/shelf-copies"
            assert client.post(url, headers=source.owner.once(), json=body).status_code == 201
        else:
            offer = an_offer(shop, state="paused" if hand == "words" else "in_review")
            body = {"name": "乙"} if hand == "words" else {"state": "paused"}
            client.put(f"{path}/offers/{offer.offer_id}", headers=shop.owner.once(), json=body)
        [offer_id] = [row.offer_id for row in look("SELECT offer_id FROM offers WHERE shop_id = :id", id=shop.shop_id)]
        case = Case(an_operator(), f"/platform/v1/offers/{offer_id}/review", {"is_approved": True})

        assert self.send(client, case).get_json()["state"] == "paused"
        assert look_one("SELECT state FROM offers WHERE offer_id = :id", id=offer_id) == "paused"

    def test_a_sensitive_category_waits_for_a_look_and_is_not_sold_before(self, client: FlaskClient) -> None:
        shop = a_merchant_with_shop()
        body = {"kind": "goods", "name": "奶粉", "category": "母婴", "price_fen": 100,
                "category_code": "retail.mother_baby.infant_formula"}  # fmt: skip
        made = client.post(f"/merchant/v1/shops/{shop.shop_id}/offers", headers=shop.owner.once(), json=body).get_json()
        waiting = client.get("/platform/v1/offers", headers=an_operator().headers).get_json()["items"]

        response = client.put(
            f"/user/v1/cart/lines/{made['sku_id']}", headers=a_resident().headers, json={"quantity": 1}
        )

        assert made["state"] == OfferState.IN_REVIEW
        assert made["offer_id"] in {item["offer_id"] for item in waiting}
        assert_problem(response, 404, "sku_not_found")
