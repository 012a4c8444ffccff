"""Lists that are broken off, repeated or wrong; claims and decisions at once."""

from __future__ import annotations

import math
import random
import sys
from collections import Counter
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest
from click.testing import CliRunner

from app.cli import directory as commands
from app.cli.directory import directory_commands
from app.core.directory.cells import cell_of
from app.core.directory.rules import SAME_M_MAX, Listed, bands_of
from app.kernel.geo import EARTH_RADIUS_M
from app.kernel.ids import new_id
from app.usecases.listing.claim import decide_claim
from app.usecases.listing.merge import merge
from app.usecases.listing.take_in import TakenElsewhere
from tests.factories import a_claim, a_community, a_merchant_with_shop, an_operator
from tests.factories.listings import a_listing, a_listing_claim, taken_in
from tests.factories.rows import change, look, look_one
from tests.support.races import a_seed, at_once

if TYPE_CHECKING:
    from pathlib import Path
    from uuid import UUID

    from flask import Flask

    from app.usecases.listing.claim import ClaimMoved
    from tests.factories import Person

HEADER = "名称,类别,纬度,经度,地址"


def run(app: Flask, monkeypatch: pytest.MonkeyPatch, *arguments: str) -> tuple[int, str]:
    monkeypatch.setattr("app.create_app", lambda: app)
    done = CliRunner().invoke(directory_commands, [*arguments])
    assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
    return done.exit_code, done.output + done.stderr


def a_list(path: Path, rows: list[str], encoding: str = "utf-8") -> str:
    path.write_bytes("\r\n".join([HEADER, *rows]).encode(encoding))
    return str(path)


def rows_at(count: int) -> tuple[str, list[str]]:
    community, mark = a_community(), new_id().hex[-8:]
    return mark, [
        f"{mark}店{n},便利店,{community.lat + n * 0.002:.6f},{community.lng:.6f},路{n}号" for n in range(count)
    ]


def known(mark: str) -> int:
    return int(look_one("SELECT count(*) FROM listings WHERE name LIKE :name", name=f"{mark}%"))


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gbk"])
def test_a_list_is_recognized_by_its_bytes(
    app: Flask, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, encoding: str
) -> None:
    mark, rows = rows_at(3)

    code, _ = run(app, monkeypatch, "import", a_list(tmp_path / "list.csv", rows, encoding))

    assert code == 0
    assert known(mark) == 3


@pytest.mark.parametrize("content", [b"\xff\xfen\0a\0", b"PK\x03\x04\0\0", b"\x81\xff\xff\xff", b"", b"a,b,c\n1,2,3\n"])
def test_what_is_no_list_is_refused_whole(
    app: Flask, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: bytes
) -> None:
    path = tmp_path / "list.csv"
    path.write_bytes(content)

    code, output = run(app, monkeypatch, "import", str(path))

    assert code == 1
    assert output.startswith("Error: ")


def test_bad_rows_are_named_by_line_and_the_others_taken_in_or_none_as_asked(
    app: Flask, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mark, rows = rows_at(4)
    rows[1:1] = ["", '"没有,关上', f"{mark}坏,便利店,x,116,路"]
    rows += [f"{mark}反,便利店,116.4,39.9,路"]
    rows[2] = f"{mark}少,便利店"
    path = a_list(tmp_path / "list.csv", rows)

    refused = run(app, monkeypatch, "import", path, "--all-or-none")
    none_taken = known(mark)
    taken = run(app, monkeypatch, "import", path)

    assert refused[0] == taken[0] == 1
    assert none_taken == 0
    assert known(mark) == 4
    for line in ("第 4 行：只有 2 列", "第 5 行：纬度不是数字", "第 9 行：经度与纬度填反"):
        assert line in refused[1]
        assert line in taken[1]


def test_an_open_quotation_mark_does_not_swallow_the_list(
    app: Flask, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mark, rows = rows_at(400)
    rows[0] = '"' + rows[0]

    code, output = run(app, monkeypatch, "import", a_list(tmp_path / "list.csv", rows))

    assert code == 1
    assert "CSV 有误" in output
    assert known(mark) > 100


def test_the_same_list_again_changes_nothing_and_a_longer_one_adds_the_rest(
    app: Flask, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mark, rows = rows_at(6)
    path = a_list(tmp_path / "list.csv", rows[:4])
    run(app, monkeypatch, "import", path)

    again = run(app, monkeypatch, "import", path)
    longer = run(app, monkeypatch, "import", a_list(tmp_path / "longer.csv", rows))

    assert "4 rows were read before" in again[1]
    assert "2 new, 4 known already" in longer[1]
    assert known(mark) == 6


@pytest.mark.parametrize("point", ["arrive", "merge", "finish"])
def test_a_run_that_was_broken_off_goes_on_where_it_stopped(
    app: Flask, monkeypatch: pytest.MonkeyPatch, point: str
) -> None:
    monkeypatch.setattr("app.cli.directory.BATCH", 100)
    monkeypatch.setattr("app.usecases.listing.merge.BAND", 60)
    doing, calls = getattr(commands, point), []

    def fail_at_third(*given: Any, **more: Any) -> Any:
        calls.append(1)
        if len(calls) == (1 if point == "finish" else 3):
            raise SystemExit(9)
        return doing(*given, **more)

    seed = str(new_id().int % 2**60)
    monkeypatch.setattr(commands, point, fail_at_third)
    broken, _ = run(app, monkeypatch, "generate", "--count", "450", "--seed", seed)
    monkeypatch.setattr(commands, point, doing)
    code, output = run(app, monkeypatch, "generate", "--count", "450", "--seed", seed)

    (row,) = look("SELECT * FROM listing_imports WHERE name = :name", name=f"synthetic 450 {seed}")
    read_before = 200 if point == "arrive" else 450
    assert (broken, code) == (9, 0)
    assert f"{450 - read_before} rows read" in output
    assert f"{read_before} rows were read before" in output
    assert (row.row_count, row.inserted_count + row.merged_count) == (450, 450)
    assert row.inserted_count > 400
    assert not look("SELECT 1 FROM arrived_listings WHERE import_number = :number", number=row.import_number)


def test_rows_that_a_crash_of_the_server_lost_are_read_anew(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    seed = str(new_id().int % 2**60)
    monkeypatch.setattr(commands, "merge", lambda *_: sys.exit(9))
    run(app, monkeypatch, "generate", "--count", "80", "--seed", seed)
    number = look_one("SELECT import_number FROM listing_imports WHERE name = :name", name=f"synthetic 80 {seed}")
    change("DELETE FROM arrived_listings WHERE import_number = :number", number=number)
    monkeypatch.setattr(commands, "merge", merge)

    code, output = run(app, monkeypatch, "generate", "--count", "80", "--seed", seed)

    assert code == 0
    assert "80 rows read" in output
    assert "rows were read before" not in output


def test_duplicates_by_name_and_distance_are_one_listing(app: Flask) -> None:
    community = a_community()

    def listed(name: str, north_m: float, address: str = "") -> Listed:
        return Listed(name, "便利店", community.lat + north_m / 111_195, community.lng, address, "test")

    rows = [
        listed("大峪便利店", 0),
        listed("大峪 便利店", 90, "人民路1号"),
        listed("大峪便利店", 150),
        listed("大峪便利店二店", 0),
        listed("大峪便利店", 0, "人民路2号"),
    ]
    first = taken_in(rows)
    second = taken_in([listed("大峪便利店", 40, "人民路1号"), listed("大峪便利店二店", 40, "新华街3号")])

    kept = look("SELECT name, address FROM listings WHERE lat = :lat AND lng = :lng ORDER BY name",
                lat=community.lat, lng=community.lng)  # fmt: skip
    assert (first.inserted, first.merged) == (3, 2)
    assert (second.inserted, second.merged) == (0, 2)
    assert [tuple(row) for row in kept] == [("大峪便利店", "人民路2号"), ("大峪便利店二店", "新华街3号")]


@pytest.mark.parametrize("few", [0, 20_000])
def test_merging_in_sets_is_what_comparing_one_by_one_would_be(
    app: Flask, monkeypatch: pytest.MonkeyPatch, few: int
) -> None:
    monkeypatch.setattr("app.usecases.listing.merge.FEW", few)
    monkeypatch.setattr("app.usecases.listing.merge.BAND", 30)
    chance, community, mark = random.Random(a_seed()), a_community(), new_id().hex[-8:]
    kept: list[Listed] = []

    for _ in range(2):
        rows = [
            Listed(
                f"{mark}{chance.randrange(3)}",
                "便利店",
                community.lat + chance.uniform(-0.01, 0.01),
                community.lng + chance.uniform(-0.003, 0.003),
                "",
                "test",
            )
            for _ in range(150)
        ]
        counts = Counter(cell_of(row.lat, row.lng) >> 31 for row in rows)
        for begin, end in bands_of(sorted(counts.items()), 30):
            for row in rows:
                is_here = begin <= cell_of(row.lat, row.lng) >> 31 < end
                if is_here and not any(is_same(row, other) for other in kept):
                    kept.append(row)

        taken_in(rows)

        found = look("SELECT name, lat, lng FROM listings WHERE name LIKE :mark", mark=f"{mark}%")
        assert {tuple(row) for row in found} == {(one.name, one.lat, one.lng) for one in kept}


def is_same(one: Listed, other: Listed) -> bool:
    lat, lng, lat2, lng2 = map(math.radians, (one.lat, one.lng, other.lat, other.lng))
    half = math.sin((lat2 - lat) / 2) ** 2 + math.cos(lat) * math.cos(lat2) * math.sin((lng2 - lng) / 2) ** 2
    return one.name == other.name and 2 * EARTH_RADIUS_M * math.asin(math.sqrt(half)) <= SAME_M_MAX


def test_of_two_runs_of_one_list_at_once_one_takes_it_in(app: Flask) -> None:
    community, mark, digest = a_community(), new_id().hex[-8:], new_id().bytes
    batch = [Listed(f"{mark}{n}", "便利店", community.lat + n * 0.001, community.lng, "", "test") for n in range(50)]

    def load() -> int:
        try:
            return taken_in(batch, digest).inserted
        except TakenElsewhere:
            return 0

    outcomes = at_once(app, [load] * 4)

    assert {outcome.answer for outcome in outcomes} <= {0, 50}
    assert known(mark) == 50


def test_two_lists_of_the_same_merchants_at_once_make_each_listing_once(app: Flask) -> None:
    community, mark = a_community(), new_id().hex[-8:]
    batch = [Listed(f"{mark}{n}", "便利店", community.lat + n * 0.001, community.lng, "", "test") for n in range(50)]

    outcomes = at_once(app, [partial(taken_in, batch)] * 4)

    assert sum(outcome.answer.inserted for outcome in outcomes) == 50
    assert known(mark) == 50


def approve(who: Person, claim_id: UUID) -> ClaimMoved:
    return decide_claim(who.actor, a_claim(who, "decide"), claim_id=claim_id, is_approved=True, reason=None)


def test_of_two_claims_that_are_approved_at_once_one_wins_and_the_other_is_lost(app: Flask) -> None:
    chance = random.Random(a_seed())
    for _ in range(3):
        shops = [a_merchant_with_shop() for _ in range(4)]
        listing_id = a_listing(shops[0].community)
        claims = [a_listing_claim(shop, listing_id) for shop in shops]
        operators = [an_operator() for _ in claims]
        chance.shuffle(claims)

        outcomes = at_once(
            app,
            [partial(approve, who, claim_id) for who, claim_id in zip(operators, claims, strict=True)],
        )

        states = sorted(
            row.state for row in look("SELECT state FROM listing_claims WHERE listing_id = :id", id=listing_id)
        )
        assert sum(outcome.is_done for outcome in outcomes) == 1
        assert {outcome.refusal for outcome in outcomes} <= {None, "illegal_transition"}
        assert states == ["approved", "lost", "lost", "lost"]


def test_of_two_owners_who_claim_at_once_each_has_one_claim_that_waits(app: Flask) -> None:
    shops = [a_merchant_with_shop() for _ in range(2)]
    listing_id = a_listing(shops[0].community)

    outcomes = at_once(app, [partial(a_listing_claim, shop, listing_id) for shop in shops for _ in range(3)])

    assert sorted(str(outcome.refusal) for outcome in outcomes) == ["None"] * 2 + ["claim_waits"] * 4
