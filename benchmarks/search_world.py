"""A nation of shops for benchmarks of search: listings, shops around the same cities, offers; made once and kept."""

from __future__ import annotations

import csv
import io
import itertools
import os
import resource
import sys
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING
from uuid import NAMESPACE_OID, UUID, uuid5

import numpy as np
import orjson
import psycopg

from app.cli.demo.words import BRANDS, EVERYDAY, HOUSEHOLD, dishes, foods
from app.cli.directory.invented import invent
from app.core.search.pinyin import reading_of
from app.core.search.words import normal
from app.kernel.ids import new_id

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from app.cli.dev.stack import Stack

LISTINGS, SHOPS, OFFERS = 5_000_000, 51_900, 2_000_000
SEED = 7
DISHES = ("aquatic", "breakfast", "dessert", "drink", "meat_dish", "soup", "staple", "vegetable_dish")
FOODS = (*EVERYDAY, "street_food")
BLOCK = 20_000
SPECS = ("", " 500g", " 250g", " 1kg", " 330ml", " 6×330ml", " 大份", " 小份", " 散装", " 礼盒")
HOURS = (
    {str(day): [["00:00", "24:00"]] for day in range(1, 8)},
    {str(day): [["07:00", "23:00"]] for day in range(1, 8)},
    {str(day): [["10:00", "14:00"], ["16:30", "21:30"]] for day in range(1, 7)},
)
_INDEXES = {
    "ix_searched_offers_shop_id": "CREATE INDEX IF NOT EXISTS ix_searched_offers_shop_id ON searched_offers (shop_id)",
    "ix_searched_offers_tokens": "CREATE INDEX IF NOT EXISTS ix_searched_offers_tokens ON searched_offers"
    " USING gin (search_index(words, pinyin, lat, lng)) WITH (fastupdate = off)",
}


@dataclass(frozen=True, slots=True)
class Size:
    """How much of everything."""

    listings: int
    shops: int
    offers: int

    @classmethod
    def of(cls, scale: float) -> Size:
        """Return the whole nation times ``scale``."""
        return cls(round(LISTINGS * scale), round(SHOPS * scale), round(OFFERS * scale))


def words_of_food() -> list[str]:
    """Return food words and dishes that the demo has, without repetition."""
    groups = [word for group in FOODS for word in foods(group)]
    return list(dict.fromkeys([*groups, *HOUSEHOLD, *(dish.name for dish in dishes(*DISHES))]))


def is_made(connection: psycopg.Connection, size: Size) -> bool:
    """Say whether the shops and offers of ``size`` are there."""
    row = connection.execute("SELECT (SELECT count(*) FROM shops), (SELECT count(*) FROM searched_offers)").fetchone()
    return row is not None and row[0] >= size.shops and row[1] >= size.offers


def make_listings(stack: Stack, url: str, size: Size) -> None:
    """Fill the directory from a file by the operator's command, and say what it took; not what making the file took."""
    with psycopg.connect(url) as connection:
        row = connection.execute(
            "SELECT count(*) FROM listing_imports WHERE row_count = %s", (size.listings,)
        ).fetchone()
    if row is not None and row[0]:
        return
    file = stack.data_dir / "listings.csv"
    with file.open("w", encoding="utf-8", newline="") as lines:
        writer = csv.writer(lines)
        writer.writerow(("name", "category", "lat", "lng", "address", "source"))
        writer.writerows((o.name, o.category, o.lat, o.lng, o.address, o.source) for o in invent(size.listings, SEED))
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    began = time.monotonic()
    said = stack.run_linli("directory", "import", str(file))
    seconds, after = time.monotonic() - began, resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu_s = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    print(
        f"  listings: {said.strip().splitlines()[-1]} ({seconds:.0f} s with its start, {cpu_s:.0f} s of them its CPU;"
        f" load {os.getloadavg()[0]:.1f})",
        flush=True,
    )
    file.unlink()


def make_shops(url: str, size: Size) -> None:
    """Write shops and offers as their owner writes tables: by COPY, with triggers off and indexes made afterwards."""
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("SET statement_timeout = 0")
        connection.execute("SET synchronous_commit = off")
        connection.execute("SET maintenance_work_mem = '512MB'")
        if not is_made(connection, size):
            _fill(connection, size)
        for name, statement in _INDEXES.items():
            began = time.monotonic()
            connection.execute(statement)
            if time.monotonic() - began > 1:
                print(f"  {name}: {time.monotonic() - began:.0f} s", flush=True)
        if connection.execute("SELECT 1 FROM unread_names LIMIT 1").fetchone():
            connection.execute("TRUNCATE unread_names")
            connection.execute("VACUUM ANALYZE")


def made_id(name: str) -> UUID:
    """Return the id of what the nation has one of: a product by its word, the resident, an address by its point."""
    return uuid5(NAMESPACE_OID, name)


def make_products(url: str, words: Sequence[str], points: Sequence[tuple[float, float]]) -> None:
    """Tie what is named by each word to one standard product, and give a resident an address at each point, once."""
    resident_id = made_id("resident")
    with psycopg.connect(url) as connection:
        if connection.execute("SELECT 1 FROM accounts WHERE account_id = %s", (resident_id,)).fetchone():
            return
        connection.execute("SET statement_timeout = 0")
        connection.execute(
            "INSERT INTO accounts (account_id, phone_sealed, phone_index, verification_level) VALUES (%s, '', %s, 3)",
            (resident_id, resident_id.bytes),
        )
        for lat, lng in points:
            connection.execute(
                "INSERT INTO addresses (address_id, account_id, community_id, lat, lng, door_sealed)"
                " SELECT %s, %s, community_id, %s, %s, '' FROM communities LIMIT 1 ON CONFLICT DO NOTHING",
                (made_id(f"{lat} {lng}"), resident_id, lat, lng),
            )
        connection.execute("ALTER TABLE skus DISABLE TRIGGER USER")
        for word in words:
            connection.execute(
                "INSERT INTO standard_products (standard_product_id, name, match_key) VALUES (%s, %s, %s)",
                (made_id(word), word, word),
            )
            connection.execute(
                "UPDATE skus AS k SET standard_product_id = %s, cell = map_cell(s.lat, s.lng, 12)"
                " FROM offers AS f JOIN shops AS s ON s.shop_id = f.shop_id"
                " WHERE f.offer_id = k.offer_id AND f.name LIKE %s AND k.standard_product_id IS NULL",
                (made_id(word), f"%{word}%"),
            )
        connection.execute("ALTER TABLE skus ENABLE TRIGGER USER")
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("VACUUM ANALYZE skus")


def _fill(connection: psycopg.Connection, size: Size) -> None:
    began = time.monotonic()
    for name in _INDEXES:
        connection.execute(f"DROP INDEX IF EXISTS {name}")
    for table in ("offers", "skus"):
        connection.execute(f"ALTER TABLE {table} DISABLE TRIGGER USER")
    try:
        _copy_offers(connection, _copy_shops(connection, size.shops), size.offers)
    finally:
        for table in ("offers", "skus"):
            connection.execute(f"ALTER TABLE {table} ENABLE TRIGGER USER")
    print(f"  shops and offers: {time.monotonic() - began:.0f} s", flush=True)


def places(count: int, seed: int) -> list[tuple[float, float]]:
    """Return points where merchants are."""
    return [(round(one.lat, 6), round(one.lng, 6)) for one in invent(count, seed)]


def _copy_shops(connection: psycopg.Connection, count: int) -> list[tuple[UUID, float, float]]:
    store_id, community_id, merchant_id = new_id(), new_id(), new_id()
    place = (39.9, 116.4)
    connection.execute("INSERT INTO stores VALUES (%s, '测试体验店', '测试区', %s, %s)", (store_id, *place))
    connection.execute(
        "INSERT INTO communities (community_id, store_id, name, district, street, lat, lng)"
        " VALUES (%s, %s, '测试小区', '测试区', '测试街道', %s, %s)",
        (community_id, store_id, *place),
    )
    connection.execute("INSERT INTO merchants (merchant_id, name) VALUES (%s, '测试商户')", (merchant_id,))
    columns = (
        "shop_id, merchant_id, community_id, name, vertical, lat, lng, radius_m, minimum_fen, packing_fen,"
        " preparation_minutes, commission_bp, hours, fee_tiers, license_number, license_expires_on"
    )
    tiers = '[{"up_to_m": 1000, "fee_fen": 300}, {"up_to_m": 5000, "fee_fen": 500}]'
    hours = [orjson.dumps(one).decode() for one in HOURS]
    shops = []
    with connection.cursor() as cursor, cursor.copy(f"COPY shops ({columns}) FROM STDIN") as copy:
        for number, one in enumerate(invent(count, SEED + 1)):
            shop_id = new_id()
            shops.append((shop_id, one.lat, one.lng))
            vertical = ("retail", "food", "retail", "home_service", "leisure")[number % 5]
            copy.write_row(
                (shop_id, merchant_id, community_id, one.name, vertical, one.lat, one.lng, 2_000 + number % 4 * 1_000,
                 number % 5 * 500, 0, 15, 500, hours[number % 3], tiers, "BENCH", "2099-01-01")
            )  # fmt: skip
    return shops


def _copy_offers(connection: psycopg.Connection, shops: Sequence[tuple[UUID, float, float]], count: int) -> None:
    words = words_of_food()
    rng = np.random.default_rng(SEED)
    popularity = 1 / np.sqrt(np.arange(1, len(words) + 1))
    order = rng.permutation(len(words))
    popularity = popularity[order] / popularity.sum()
    forms = {word: (normal(word), reading_of(normal(word))) for word in (*words, *BRANDS, "农家", "进口", "有机")}
    makes = ("", "农家", "进口", "有机", *BRANDS)
    forms[""] = ("", "")
    numbers = itertools.count()
    is_terminal = sys.stderr.isatty()
    for start in range(0, count, BLOCK):
        size = min(BLOCK, count - start)
        picks = rng.choice(len(words), size, p=popularity)
        more = rng.integers(0, 1 << 30, (size, 2)).tolist()
        prices = np.clip(rng.lognormal(7.2, 0.7, size).astype(int), 50, 99_900).tolist()
        files = {name: io.StringIO() for name in _TABLES}
        for pick, (one, two), price in zip(picks.tolist(), more, prices, strict=True):
            number = next(numbers)
            shop_id, lat, lng = shops[number * len(shops) // count]
            make, spec = makes[one % len(makes)], SPECS[two % len(SPECS)]
            word, offer_id, sku_id = words[pick], new_id(), new_id()
            spoken = f"{forms[make][1]}{forms[word][1]}{normal(spec) and ' ' + normal(spec)}"
            files["offers"].write(f"{offer_id}\t{shop_id}\tgoods\t{make}{word}{spec}\t日用\t{number}\n")
            files["skus"].write(f"{sku_id}\t{offer_id}\t{shop_id}\t{price}\n")
            files["searched_offers"].write(
                f"{offer_id}\t{shop_id}\t{forms[make][0]}{forms[word][0]}{normal(' x' + spec)[1:]}\t{spoken}\t{price}"
                f"\t{lat}\t{lng}\n"
            )
            if one & 1:
                files["stock"].write(f"{sku_id}\t100\t{0 if two % 50 == 0 else 100}\t{100 if two % 50 == 0 else 0}\n")
        with connection.transaction(), connection.cursor() as cursor:
            for name, file in files.items():
                with cursor.copy(f"COPY {name} ({_TABLES[name]}) FROM STDIN") as copy:
                    copy.write(file.getvalue())
        if is_terminal:
            print(f"\r  offers: {start + size:,} of {count:,}", end="", file=sys.stderr, flush=True)


_TABLES = {
    "offers": "offer_id, shop_id, kind, name, category, position",
    "skus": "sku_id, offer_id, shop_id, price_fen",
    "stock": "sku_id, received, on_hand, sold",
    "searched_offers": "offer_id, shop_id, words, pinyin, price_fen, lat, lng",
}


def samples(words: Sequence[str], length: int, count: int) -> Iterator[str]:
    """Yield parts of words, ``length`` characters long, over and over."""
    parts = [word[:length] for word in words if len(word) >= length]
    return itertools.islice(itertools.cycle(parts), count)
