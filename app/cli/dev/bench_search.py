"""``dev.py bench-search``: how fast search is over a nation of shops, beside LIKE and beside floors."""

from __future__ import annotations

import argparse
import os
import random
import re
import resource
import statistics
import sys
import time
from contextlib import ExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode
from uuid import UUID

import psycopg
from sqlalchemy import text

from app import create_app
from app.cli.dev.bench import floor_server
from app.cli.dev.environment import ROOT, data_dir_from, free_ports, libpq_url
from app.cli.dev.stack import OWNER_ROLE, Stack
from app.core.search.statements import RADIUS_M_MAX
from app.kernel.actor import Actor, Side
from app.kernel.transaction import read
from app.settings import read_settings
from app.usecases.shopping.comparing import Sought, compare_basket, compare_product
from app.user.comparisons import LIMIT
from app.web.finding import Search, asked_of, point_of
from app.web.finding_schemas import OfferSearchQuery, ShopSearchQuery
from app.web.listings import listings

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

ASKED = 200
"""Questions of each kind; each is asked once before it is measured."""
HTTP_ASKED = 800
LIKE_ASKED = 24
PLACES_SEED = 99
POSTGRES = {"shared_buffers": "1GB", "maintenance_work_mem": "512MB", "max_wal_size": "4GB"}
_SHOP_QUERY, _OFFER_QUERY = ShopSearchQuery(), OfferSearchQuery()
"""As a door keeps them."""
TWO = ("牛奶", "土豆", "鸡蛋", "大米", "面粉", "啤酒", "豆腐", "黄瓜", "红薯", "蜂蜜")

_SIZES = text(
    """
    SELECT c.relname AS name, pg_relation_size(c.oid) AS heap, (
        SELECT json_object_agg(i.relname, pg_relation_size(i.oid)) FROM pg_index AS x JOIN pg_class AS i
            ON i.oid = x.indexrelid WHERE x.indrelid = c.oid) AS indexes
    FROM pg_class AS c WHERE c.relname IN ('listings', 'searched_offers', 'searched_shops') ORDER BY 1
    """
)


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of question: what it is called, what is aimed at (milliseconds, 95 of 100), and how it is asked."""

    name: str
    aim_ms: float
    ask: Callable[[float, float, str], object]


def folder_of(scale: float) -> Path:
    """Return where the nation of a scale is kept: under ``DATA_DIR``, or ``var``."""
    return data_dir_from(os.environ, ROOT / "var") / f"bench-search-{scale:g}"


def database_of(scale: float) -> Stack:
    """Return a stack of the nation's database alone."""
    return Stack(folder_of(scale), free_ports(), postgres_settings=POSTGRES, services=lambda *_: [])


def nation(stack: Stack, scale: float) -> None:
    """Make the nation in ``stack``, unless it is there."""
    from benchmarks.search_world import Size, make_listings, make_products, make_shops, places  # noqa: PLC0415 - beside the package

    size = Size.of(scale)
    print(f"{size.listings:,} listings, {size.shops:,} shops, {size.offers:,} offers", flush=True)
    assert stack.postgres is not None, "bench starts its own server"
    url = libpq_url(stack.postgres.url(OWNER_ROLE, "linli"))
    make_listings(stack, url, size)
    children_mb = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
    print(f"  largest child process so far {children_mb:.0f} MB resident (aim 1024)")
    make_shops(url, size)
    make_products(url, TWO, places(ASKED, PLACES_SEED))


def search_at(lat: float, lng: float, words: str | None, *, is_of_shops: bool = False, **query: Any) -> Search:
    """Return a question as the door would make it."""
    schema = _SHOP_QUERY if is_of_shops else _OFFER_QUERY
    asked = schema.load({"lat": str(lat), "lng": str(lng), **({"words": words} if words else {}), **query})
    names = ["is_delivered", "vertical", "minimum_fen_max", "only_open", "delivery_fen_max"]
    names += [] if is_of_shops else ["price_fen_min", "price_fen_max", "category"]
    filters = {name: asked[name] for name in names}
    return Search(asked_of(words), point_of(lat, lng), filters, asked["sort"], asked["radius_m"], is_of_shops)


def _page(search: Search) -> object:
    return search.run(limit=20, cursor=None, is_almost=False)


def _asker() -> Actor:
    from benchmarks.search_world import made_id  # noqa: PLC0415 - beside the package

    return Actor(account_id=made_id("resident"), session_id=made_id("session"), side=Side.USER)


def _sought(word: str) -> Sought:
    from benchmarks.search_world import made_id  # noqa: PLC0415 - beside the package

    return Sought(standard_product_id=made_id(word), barcode=None, quantity=1)


def _address_id(lat: float, lng: float) -> UUID:
    from benchmarks.search_world import made_id  # noqa: PLC0415 - beside the package

    return made_id(f"{lat} {lng}")


def _compared(lat: float, lng: float, word: str) -> object:
    return compare_product(_asker(), address_id=_address_id(lat, lng), sought=_sought(word), limit=LIMIT)


def _basket(lat: float, lng: float, _: str) -> object:
    return compare_basket(_asker(), address_id=_address_id(lat, lng), sought=[_sought(word) for word in TWO])


KINDS = (
    Kind(
        "20 nearest open shops", 5,
        lambda lat, lng, _: _page(search_at(lat, lng, None, is_of_shops=True, sort="distance", only_open="true",
                                            is_delivered="false")),
    ),
    Kind("two characters within 3 km", 5, lambda lat, lng, word: _page(search_at(lat, lng, word, radius_m="3000"))),
    Kind("one character within 3 km", 5, lambda lat, lng, word: _page(search_at(lat, lng, word[0], radius_m="3000"))),
    Kind("everything within 3 km", 20, lambda lat, lng, _: _page(search_at(lat, lng, None, radius_m="3000"))),
    Kind(
        "two characters, the whole city", 100,
        lambda lat, lng, word: _page(search_at(lat, lng, word, radius_m=str(RADIUS_M_MAX), is_delivered="false")),
    ),
    Kind("initials, the whole city", 300,
         lambda lat, lng, _: _page(search_at(lat, lng, "td", radius_m=str(RADIUS_M_MAX), is_delivered="false"))),
    Kind("comparison of one product", 10, _compared),
    Kind(f"basket of {len(TWO)} products", 50, _basket),
    Kind(
        "listings within 1 km, 20 nearest", 10,
        lambda lat, lng, _: listings(lat=lat, lng=lng, datum="wgs84", words=None, category=None, radius_m=1_000,
                                     limit=20, cursor=None),
    ),
    Kind(
        "listings of a rare category, 3 km", 10,
        lambda lat, lng, _: listings(lat=lat, lng=lng, datum="wgs84", words=None, category="宠物", radius_m=3_000,
                                     limit=20, cursor=None),
    ),
)  # fmt: skip


def main(arguments: Sequence[str]) -> int:
    """Make the nation once, ask, and print; ``--scale`` makes a smaller one."""
    parser = argparse.ArgumentParser(prog="dev.py bench-search")
    parser.add_argument("--scale", type=float, default=1.0, help="a part of the nation, 0.05 is a city")
    scale = parser.parse_args(arguments).scale
    folder = folder_of(scale)  # said before the settings of a stack name another
    with ExitStack() as closing:
        stack = closing.enter_context(database_of(scale))
        os.environ.update({**stack.settings, "LINLI_POOL_SIZE": "4"})
        nation(stack, scale)
        assert stack.postgres is not None, "bench starts its own server"
        closing.enter_context(create_app(read_settings()).app_context())
        _sizes()
        _in_database(libpq_url(stack.postgres.url("postgres", "linli")))
    ports = free_ports()
    with Stack(folder, ports, postgres_settings=POSTGRES) as stack:
        os.environ.update(stack.settings)
        _over_http(stack, ports.web)
    return 0


def _questions() -> Iterator[tuple[float, float, str]]:
    from benchmarks.search_world import places  # noqa: PLC0415 - beside the package

    chance = random.Random(1)  # noqa: S311 - repeatable questions
    return iter([(lat, lng, chance.choice(TWO)) for lat, lng in places(ASKED, PLACES_SEED)])


def _taken_ms(ask: Callable[[float, float, str], object], questions: list[tuple[float, float, str]]) -> list[float]:
    taken = []
    for lat, lng, word in questions:
        ask(lat, lng, word)
        began = time.perf_counter()
        ask(lat, lng, word)
        taken.append((time.perf_counter() - began) * 1000)
    return taken


def _in_database(url: str) -> None:
    print(f"\nin the database and back over its socket, warm, {ASKED} places, milliseconds")
    print(f"  {'':<36}{'median':>8}{'p95':>8}{'aim':>8}")
    questions = list(_questions())
    medians: dict[str, float] = {}
    for kind in KINDS:
        taken = _taken_ms(kind.ask, questions)
        medians[kind.name] = statistics.median(taken)
        p95 = statistics.quantiles(taken, n=100)[94]
        print(f"  {kind.name:<36}{statistics.median(taken):>8.2f}{p95:>8.2f}{kind.aim_ms:>8.0f}", flush=True)

    from benchmarks.floor import LIKE  # noqa: PLC0415 - it makes its pool when it is imported

    statement = re.sub(r":(\w+)", r"%(\1)s", LIKE)
    with psycopg.connect(url) as connection:

        def like(lat: float, lng: float, word: str) -> object:
            asked = {"pattern": f"%{word}%", "lat": lat, "lng": lng, "radius_m": 3_000}
            return connection.execute(statement, asked).fetchall()

        taken = _taken_ms(like, questions[:3])
    ratio = statistics.median(taken) / medians["two characters within 3 km"]
    print(f"  {'the same by LIKE over the tables':<36}{statistics.median(taken):>8.0f}   {ratio:.0f} times as long")


def _sizes() -> None:
    print("\nsizes, MB")
    for row in read(_SIZES):
        indexes = {name: size / 1e6 for name, size in row.indexes.items()}
        shown = ", ".join(f"{name} {size:.0f}" for name, size in indexes.items())
        share = sum(indexes.values()) / max(row.heap / 1e6, 0.001)
        print(f"  {row.name:<18}heap {row.heap / 1e6:.0f}; {shown}; together {share:.2f} of the heap")


def _over_http(stack: Stack, port: int) -> None:
    from benchmarks.orders import Client, Meter, run_clients  # noqa: PLC0415 - beside the package
    from benchmarks.world import make_world  # noqa: PLC0415

    token = make_world(create_app(read_settings()), residents=1, shops=1, couriers=0).residents[0].token
    questions = list(_questions())
    print(f"\nover HTTP, 8 clients, {HTTP_ASKED} requests")
    with floor_server(stack) as (floor_port, floor_pid):
        meter = Meter({**{name: stack.pids[name] for name in ("web", "postgres")}, "floor": floor_pid})
        floor = run_clients(floor_port, [lambda client: client.send("GET", "/read")] * HTTP_ASKED, meter)
        paths = [
            "/user/v1/search/offers?" + urlencode({"lat": lat, "lng": lng, "words": word, "radius_m": 3000})
            for lat, lng, word in questions
        ]

        def task(path: str) -> Callable[[Client], None]:
            return lambda client: client.send("GET", path, token)

        likes = ["/like?" + path.partition("?")[2] for path in paths[:LIKE_ASKED]]
        like = run_clients(floor_port, [task(path) for path in likes], meter)
        run_clients(port, [task(path) for path in paths], meter)
        ours = run_clients(port, [task(paths[place % len(paths)]) for place in range(HTTP_ASKED)], meter)
    for name, run in (
        ("floor: one row by its key", floor),
        ("two characters within 3 km", ours),
        ("the same by LIKE", like),
    ):
        print(
            f"  {name:<28}{run.rate:6.0f}/s, median {run.percentile_ms(50):.1f} ms, p95 {run.percentile_ms(95):.1f} ms"
        )
    print(f"  CPU web {ours.cpu_ms('web'):.2f} + PostgreSQL {ours.cpu_ms('postgres'):.2f} ms each; p95 aimed at 60 ms")
    ratio = like.percentile_ms(50) / ours.percentile_ms(50)
    print(f"  LIKE takes {ratio:.0f} times as long (aim 10)")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
