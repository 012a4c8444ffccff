"""Streets and communities are taken in from lists by a command."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

from click.testing import CliRunner

from app.cli.places import places_commands
from tests.factories import a_community
from tests.factories.rows import look, look_one

if TYPE_CHECKING:
    from pathlib import Path
    from uuid import UUID

    import pytest
    from flask import Flask

_codes = random.SystemRandom()


def run(app: Flask, monkeypatch: pytest.MonkeyPatch, *arguments: str) -> tuple[int, str]:
    monkeypatch.setattr("app.create_app", lambda: app)
    done = CliRunner().invoke(places_commands, [*arguments])
    assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
    return done.exit_code, done.output


def a_folder(path: Path, *streets: str) -> tuple[str, str]:
    """Return a folder of streets in a district of its own, and the code of its first street."""
    district = f"11{_codes.randrange(10_000):04d}"
    code = f"{district}{_codes.randrange(1_000):03d}"
    (path / "provinces.csv").write_text('code,name\n11,"北京市"\n')
    (path / "cities.csv").write_text('code,name,provinceCode\n1101,"市辖区",11\n')
    (path / "areas.csv").write_text(f'code,name,cityCode,provinceCode\n{district},"海淀区",1101,11\n')
    lines = [f'{code},"学院路街道",{district},11,1101', *streets]
    (path / "streets.csv").write_text("\n".join(["code,name,areaCode,provinceCode,cityCode", *lines, ""]))
    return str(path), code


def a_list(path: Path, *rows: str) -> str:
    file = path / "communities.csv"
    file.write_text("\n".join(["store_id,street_code,name,lat,lng", *rows, ""]))
    return str(file)


def communities_of(store_id: UUID) -> list[tuple[str, str, float]]:
    rows = look("SELECT name, street, lat FROM communities WHERE store_id = :id AND street = '学院路街道'", id=store_id)
    return [(row.name, row.street, row.lat) for row in rows]


def test_streets_come_in_by_their_codes_and_a_second_time_change_nothing(
    app: Flask, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    folder, code = a_folder(tmp_path)

    dry = run(app, monkeypatch, "import-streets", folder, "--dry-run")
    nothing = look("SELECT 1 FROM streets WHERE street_code = :code", code=code)
    first = run(app, monkeypatch, "import-streets", folder)
    second = run(app, monkeypatch, "import-streets", folder)

    assert (dry[0], nothing) == (0, [])
    assert "1 new, 0 changed, 0 as before" in first[1]
    assert "0 new, 0 changed, 1 as before" in second[1]
    [row] = look("SELECT name, district, province FROM streets WHERE street_code = :code", code=code)
    assert (row.name, row.district, row.province) == ("学院路街道", "海淀区", "北京市")


def test_rows_that_are_not_sound_are_named_by_line_and_left_out(
    app: Flask, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    folder, code = a_folder(tmp_path, "12,短街道,110101,11,1101", "110101001,无区街道,999999,11,1101")
    store_id = a_community().store_id
    run(app, monkeypatch, "import-streets", folder)
    file = a_list(
        tmp_path,
        f"{store_id},{code},甲小区,39.99,116.35",
        f"{store_id},{code},甲小区,39.98,116.35",
        f"{store_id},{code},乙小区,116.35,39.99",
        f"{store_id},000000000,丙小区,39.99,116.35",
        f"{code},{code},丁小区,39.99,116.35",
        f"{store_id},{code},戊小区,nan,116.35",
    )

    streets = run(app, monkeypatch, "import-streets", folder)
    places = run(app, monkeypatch, "import-communities", file)

    assert (streets[0], places[0]) == (1, 1)
    assert "第 3 行" in streets[1]
    assert "第 4 行" in streets[1]
    assert [f"第 {line} 行：" in places[1] for line in range(2, 8)] == [False, True, True, True, True, True]
    assert communities_of(store_id) == [("甲小区", "学院路街道", 39.99)]


def test_a_row_sent_again_corrects_its_place_and_never_its_store(
    app: Flask, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    folder, code = a_folder(tmp_path)
    run(app, monkeypatch, "import-streets", folder)
    store_id, other_id = a_community().store_id, a_community().store_id
    run(app, monkeypatch, "import-communities", a_list(tmp_path, f"{store_id},{code},甲小区,39.99,116.35"))

    corrected = run(app, monkeypatch, "import-communities", a_list(tmp_path, f"{store_id},{code},甲小区,39.9,116.3"))
    moved = run(app, monkeypatch, "import-communities", a_list(tmp_path, f"{other_id},{code},甲小区,39.8,116.2"))

    assert "0 new, 1 changed, 0 as before" in corrected[1]
    assert (moved[0], "该小区属于另一体验店" in moved[1]) == (1, True)
    assert communities_of(store_id) == [("甲小区", "学院路街道", 39.9)]
    assert look_one("SELECT count(*) FROM communities WHERE store_id = :id", id=other_id) == 1


def test_a_file_without_its_columns_is_no_list(app: Flask, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    file = tmp_path / "communities.csv"
    file.write_text("name,lat\n甲小区,39.99\n")

    code, told = run(app, monkeypatch, "import-communities", str(file))

    assert code == 1
    assert "缺少列" in told
