"""``dev.py search-oracle [FILE…]``: what search finds, held to a plain ``LIKE`` over the same rows.

Questions are the lines of the files, the demo's food words, and parts of the names themselves. Each is asked in a
circle that is looked at shop by shop, and in one that is answered from the index of words; the sets must be those that
``LIKE`` finds among all names in normal form. Exit code 1 when one differs.
"""

from __future__ import annotations

import argparse
import os
import random
import sys
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

import psycopg
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from app import create_app
from app.cli.dev.bench_search import database_of, nation, search_at
from app.cli.dev.environment import libpq_url
from app.core.search.statements import RADIUS_M_MAX
from app.core.search.words import NEAR_M_MAX, Asked, contains, read_words
from app.kernel.transaction import read
from app.settings import read_settings

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from uuid import UUID

SCALE = 0.01
ASKED_MAX = 1_000
"""Questions of one file, taken evenly from it."""
SHOWN_MAX = 10
PLACE = (39.9, 116.4)
_BOX = """
    FROM searched_offers AS w JOIN shops AS s ON s.shop_id = w.shop_id
    WHERE round(meters_between(s.lat, s.lng, %(lat)s, %(lng)s)) <= %(radius_m)s
"""


def main(arguments: Sequence[str]) -> int:
    """Ask and compare."""
    parser = argparse.ArgumentParser(prog="dev.py search-oracle")
    parser.add_argument("files", nargs="*", type=Path, help="questions, one a line")
    parser.add_argument("--scale", type=float, default=SCALE, help="a part of the nation of bench-search")
    parser.add_argument("--limit", type=int, default=ASKED_MAX, help="questions of one file")
    asked = parser.parse_args(arguments)
    with ExitStack() as closing:
        stack = closing.enter_context(database_of(asked.scale))
        os.environ.update({**stack.settings, "LINLI_POOL_SIZE": "2"})
        nation(stack, asked.scale)
        closing.enter_context(create_app(read_settings()).app_context())
        assert stack.postgres is not None, "the oracle starts its own server"
        connection = closing.enter_context(psycopg.connect(libpq_url(stack.postgres.url("postgres", "linli"))))
        questions = list(dict.fromkeys(_questions(connection, asked.files, asked.limit)))
        return _compare(connection, questions)


def _questions(connection: psycopg.Connection, files: Sequence[Path], limit: int) -> Iterator[str]:
    from benchmarks.search_world import words_of_food  # noqa: PLC0415 - beside the package

    for file in files:
        lines = [line for line in file.read_text(encoding="utf-8").splitlines() if line.strip()]
        yield from (line.split("\t")[0].strip() for line in _evenly(lines, limit))
    yield from words_of_food()
    chance = random.Random(1)  # noqa: S311 - repeatable questions
    for (name,) in connection.execute("SELECT words FROM searched_offers ORDER BY offer_id LIMIT 300").fetchall():
        start = chance.randrange(len(name))
        yield name[start : start + chance.randint(1, 4)]


def _evenly(lines: Sequence[str], limit: int) -> list[str]:
    step = max(1, len(lines) // limit)
    return list(lines[::step][:limit])


def _compare(connection: psycopg.Connection, questions: Sequence[str]) -> int:
    columns = (TextColumn("search-oracle"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    different, found_count, asked_count = 0, 0, 0
    with Progress(*columns, console=Console(stderr=True)) as bar:
        for question in bar.track(questions):
            asked = read_words(question)
            if asked is None:
                continue
            asked_count += 1
            for radius_m in (NEAR_M_MAX, RADIUS_M_MAX):
                found, expected = _found(question, radius_m), _expected(connection, asked, radius_m)
                found_count += len(expected)
                if found != expected:
                    different += 1
                    if different <= SHOWN_MAX:
                        print(f"{question!r} within {radius_m} m: {len(found)} found, {len(expected)} by LIKE")
    print(
        f"{asked_count} questions, each within {NEAR_M_MAX} m and {RADIUS_M_MAX} m, {found_count} names found by LIKE:"
        f" {different} sets differ"
    )
    return 1 if different else 0


def _found(question: str, radius_m: int) -> set[UUID]:
    search = search_at(*PLACE, question, radius_m=str(radius_m), is_delivered="false")
    statement, params = search.statement(is_whole=True)
    return {row.offer_id for row in read(statement, {**params, "moment": None})}


def _expected(connection: psycopg.Connection, asked: Asked, radius_m: int) -> set[UUID]:
    """Return what ``LIKE`` finds, name by name: every word of the question, under one of its names or as a reading."""
    params: dict[str, object] = {"lat": PLACE[0], "lng": PLACE[1], "radius_m": radius_m}
    conditions = []
    for place, term in enumerate(asked.terms):
        ways = []
        for number, other in enumerate(term.alternatives):
            params[f"w{place}_{number}"] = contains(other)
            ways.append(f"w.words LIKE %(w{place}_{number})s")
        if term.readings:
            params[f"r{place}"] = "|".join(term.readings)
            ways.append(f"w.pinyin ~ %(r{place})s")
        conditions.append(f"({' OR '.join(ways)})")
    statement = f"SELECT w.offer_id {_BOX} AND {' AND '.join(conditions)}"
    return {row[0] for row in connection.execute(statement.encode(), params).fetchall()}


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
