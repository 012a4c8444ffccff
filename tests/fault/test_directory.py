"""Lists that are broken off, repeated or wrong; claims and decisions at once."""

from __future__ import annotations

import random
from functools import partial
from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner

from app.cli.directory import directory_commands
from app.core.directory.rules import Listed
from app.kernel.ids import new_id
from app.usecases.listing.claim import decide_claim
from app.usecases.listing.take_in import Taken, prepare, take_in, taken_so_far
from tests.factories import a_claim, a_community, a_merchant_with_shop, an_operator
from tests.factories.listings import a_listing, a_listing_claim
from tests.factories.rows import look, look_one
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


def test_a_run_that_was_broken_off_goes_on_where_it_stopped(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.cli.directory.BATCH", 100)
    calls = []

    def fail_at_third(digest: bytes, name: str, batch: object, *, refused: int) -> Taken:
        calls.append(1)
        if len(calls) == 3:
            raise SystemExit(9)
        return take_in(digest, name, batch, refused=refused)  # type: ignore[arg-type]

    seed = str(new_id().int % 2**60)
    monkeypatch.setattr("app.cli.directory.take_in", fail_at_third)
    broken, _ = run(app, monkeypatch, "generate", "--count", "450", "--seed", seed)
    monkeypatch.setattr("app.cli.directory.take_in", take_in)
    before = look_one("SELECT count(*) FROM listings WHERE source = 'synthetic'")
    code, output = run(app, monkeypatch, "generate", "--count", "450", "--seed", seed)

    (row,) = look("SELECT * FROM listing_imports WHERE name = :name", name=f"synthetic 450 {seed}")
    assert (broken, code) == (9, 0)
    assert "250 rows read" in output
    assert "200 rows were read before" in output
    assert row.row_count == 450
    assert look_one("SELECT count(*) FROM listings WHERE source = 'synthetic'") - before <= 250


def test_duplicates_by_name_and_distance_are_one_listing(app: Flask) -> None:
    community = a_community()

    def listed(name: str, north_m: float, address: str = "") -> Listed:
        return Listed(name, "便利店", community.lat + north_m / 111_195, community.lng, address, "test")

    rows = [
        listed("大峪便利店", 0),
        listed("大峪 便利店", 90, "人民路1号"),
        listed("大峪便利店", 150),
        listed("大峪便利店二店", 0),
    ]
    first = take_in(new_id().bytes, "one", [prepare(row) for row in rows], refused=0)
    second = take_in(new_id().bytes, "two", [prepare(listed("大峪便利店", 40, "人民路1号"))], refused=0)

    assert (first.inserted, first.merged) == (3, 1)
    assert (second.inserted, second.merged) == (0, 1)


def test_two_runs_of_one_list_at_once_make_each_listing_once(app: Flask) -> None:
    community, mark = a_community(), new_id().hex[-8:]
    batch = [Listed(f"{mark}{n}", "便利店", community.lat + n * 0.001, community.lng, "", "test") for n in range(50)]

    def load() -> Taken:
        return take_in(new_id().bytes, "race", [prepare(row) for row in batch], refused=0)

    outcomes = at_once(app, [load] * 4)

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
        assert taken_so_far(b"none") == Taken()


def test_of_two_owners_who_claim_at_once_each_has_one_claim_that_waits(app: Flask) -> None:
    shops = [a_merchant_with_shop() for _ in range(2)]
    listing_id = a_listing(shops[0].community)

    outcomes = at_once(app, [partial(a_listing_claim, shop, listing_id) for shop in shops for _ in range(3)])

    assert sorted(str(outcome.refusal) for outcome in outcomes) == ["None"] * 2 + ["claim_waits"] * 4
