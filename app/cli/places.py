"""``linli places``: take streets and communities in from lists."""

import csv
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

import click

from app.core.communities.imports import (
    COMMUNITY_COLUMNS,
    STREET_FILES,
    RowInvalid,
    read_place,
    read_street,
)
from app.usecases.placing.take_in import TakenIn, put_communities, put_streets

T = TypeVar("T")

BAD_ROWS_SHOWN_MAX = 20


@click.group("places")
def places_commands() -> None:
    """Take streets and communities in from lists."""


@places_commands.command("import-streets")
@click.argument("folder", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--dry-run", is_flag=True, help="Only say which rows are not sound.")
def import_streets(folder: Path, *, dry_run: bool) -> None:
    """Take streets in from a folder with provinces.csv, cities.csv, areas.csv and streets.csv, UTF-8.

    Rows that are not sound are named with their lines and left out; exit code 1 says that there were some.
    """
    provinces, cities = (_names(folder, name) for name in ("provinces.csv", "cities.csv"))
    areas = {
        row["code"]: (row["name"], cities.get(row["cityCode"], ""), provinces.get(row["provinceCode"], ""))
        for _, row in _rows(folder / "areas.csv", STREET_FILES["areas.csv"])
    }
    found, refused = _sound(
        folder / "streets.csv", STREET_FILES["streets.csv"], lambda row: read_street(row, areas),
        lambda street: street.street_code,
    )  # fmt: skip
    with _application():
        taken = put_streets([street for _, street in found], is_dry=dry_run)
    _tell(len(found), taken, refused, is_dry=dry_run)


@places_commands.command("import-communities")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--dry-run", is_flag=True, help="Only say which rows are not sound.")
def import_communities(file: Path, *, dry_run: bool) -> None:
    """Take communities in from a CSV, UTF-8: store_id, street_code, name, lat, lng (WGS-84).

    A community is known by its street and name; the same list again changes nothing. Rows that are not sound, and
    communities that belong to another store, are named with their lines and left out; exit code 1 says so.
    """
    found, refused = _sound(file, COMMUNITY_COLUMNS, read_place, lambda place: str(place.community_id))
    with _application():
        taken = put_communities([place for _, place in found], is_dry=dry_run)
    refused += [
        (line, taken.refused[place.community_id]) for line, place in found if place.community_id in taken.refused
    ]
    _tell(len(found) - len(taken.refused), taken, refused, is_dry=dry_run)


@contextmanager
def _application() -> Iterator[None]:
    from app import create_app  # noqa: PLC0415 - a list that cannot be read needs no application

    with create_app().app_context():
        yield


def _names(folder: Path, name: str) -> dict[str, str]:
    return {row["code"]: row["name"] for _, row in _rows(folder / name, STREET_FILES[name])}


def _sound(
    file: Path, columns: Sequence[str], read_row: Callable[[Mapping[str, str]], T], key_of: Callable[[T], str]
) -> tuple[list[tuple[int, T]], list[tuple[int, str]]]:
    """Return the rows that are sound and why the others are not, by lines; what a list names twice is named once."""
    found: list[tuple[int, T]] = []
    refused: list[tuple[int, str]] = []
    lines: dict[str, int] = {}
    for line, row in _rows(file, columns):
        try:
            one = read_row(row)
        except RowInvalid as error:
            refused.append((line, str(error)))
            continue
        first = lines.setdefault(key_of(one), line)
        if first == line:
            found.append((line, one))
        else:
            refused.append((line, f"与第 {first} 行重复"))
    return found, refused


def _rows(file: Path, columns: Sequence[str]) -> Iterator[tuple[int, dict[str, str]]]:
    try:
        with file.open(encoding="utf-8-sig", newline="") as lines:
            reader = csv.DictReader(lines, restval="")
            missing = [name for name in columns if name not in (reader.fieldnames or ())]
            if missing:
                raise click.ClickException(f"{file.name} 缺少列：{'、'.join(missing)}")
            for row in reader:
                yield reader.line_num, {name: row[name] for name in columns}
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise click.ClickException(f"{file.name} 无法读取：{error}") from None


def _tell(sound: int, taken: TakenIn, refused: list[tuple[int, str]], *, is_dry: bool) -> None:
    for line, why in sorted(refused)[:BAD_ROWS_SHOWN_MAX]:
        click.echo(f"第 {line} 行：{why}", err=True)
    if len(refused) > BAD_ROWS_SHOWN_MAX:
        click.echo("… 其余行不再逐条显示", err=True)
    if is_dry:
        click.echo(f"{sound} rows are sound, {len(refused)} are not; nothing was taken in")
    else:
        known = sound - taken.new_count - taken.changed_count
        click.echo(f"{taken.new_count} new, {taken.changed_count} changed, {known} as before, {len(refused)} not sound")
    if refused:
        raise SystemExit(1)
