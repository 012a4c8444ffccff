"""``dev.py bench-store``: figures of stores over 1,000,000 orders and 246,100 residents, till proof, queue, export.

``--scale 0.05`` makes a twentieth. Orders are written without payments and lines, which figures do not read.
"""

from __future__ import annotations

import argparse
import gc
import gzip
import os
import resource
import sys
import time
from datetime import timedelta
from typing import TYPE_CHECKING
from uuid import UUID

import psycopg

from app.cli.dev.bench_database import bench_database
from app.core.accounts.models import PLATFORM_ID
from app.core.operating.models import ExportedTable
from app.kernel.actor import Actor, Side
from app.kernel.clock import SHANGHAI, wall_now
from app.kernel.ids import new_id
from app.kernel.transaction import Claim
from app.store.till_queries import proof
from app.usecases.attributing.refresh import DAYS_MAX, refresh_figures
from app.usecases.operating.exports import ask_export, export_pieces, export_progress, run_export
from app.web.figures import figures_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import date

ORDERS, RESIDENTS, STORES, DAYS = 1_000_000, 246_100, 5, 365
ACTS = 100_000
READ_S_MAX, PROOF_S_MAX, REFRESH_SHARE_MAX, EXPORT_MIB_MAX = 1.0, 0.050, 0.05, 200
REFRESH_EVERY_S = 60.0
_ID = "('00000000-0000-7000-8000-' || lpad({}::text, 12, '0'))::uuid"
_CLERK = UUID("00000000-0000-7000-8000-000000000001")
_TILL = UUID("00000000-0000-7000-9000-000000000001")

_WORLD = (
    f"""INSERT INTO stores (store_id, name, district, lat, lng)
        SELECT {_ID.format("g")}, 'store ' || g, 'd', 40, 116 FROM generate_series(1, %(stores)s) AS g""",
    f"""INSERT INTO communities (community_id, store_id, name, district, street, lat, lng)
        SELECT {_ID.format("g")}, {_ID.format("(1 + g %% %(stores)s)")}, 'c', 'd', 's', 40, 116
        FROM generate_series(1, 10 * %(stores)s) AS g""",
    f"""INSERT INTO accounts (account_id, phone_sealed, phone_index, verification_level, created_at)
        SELECT {_ID.format("g")}, '', int8send(g), 3, now() - (g %% 365) * interval '1 day'
        FROM generate_series(1, %(residents)s) AS g""",
    f"""INSERT INTO addresses (address_id, account_id, community_id, lat, lng, door_sealed)
        SELECT {_ID.format("g")}, {_ID.format("g")}, {_ID.format("(1 + g %% (10 * %(stores)s))")}, 40, 116, ''
        FROM generate_series(1, %(residents)s) AS g""",
    f"""INSERT INTO orders (order_id, number, checkout_id, account_id, shop_id, merchant_id, community_id, store_id,
            state, fulfillment, is_perishable, goods_fen, packing_fen, delivery_fen, discount_fen, total_fen, left_fen,
            commission_fen, payment_id, preparation_minutes, placed_at, paid_at, delivered_at, promised_at, ended_at)
        SELECT {_ID.format("g")}, 'B' || g, {_ID.format("g")}, {_ID.format("(1 + g %% %(residents)s)")},
            {_ID.format("(1 + g %% 10000)")}, {_ID.format("(1 + g %% 10000)")},
            {_ID.format("(1 + g %% (10 * %(stores)s))")}, {_ID.format("(1 + g %% %(stores)s)")}, 'completed',
            'delivery', false, 2000, 0, 300, 0, 2300, 2000, 100, {_ID.format("g")}, 20, t, t, t + interval '30 minutes',
            t + interval '35 minutes', t + interval '1 hour'
        FROM (SELECT g, now() - (g %% 365) * interval '1 day' - interval '1 minute' AS t
              FROM generate_series(1, %(orders)s) AS g) AS o""",
    f"""INSERT INTO memberships (account_id, organization_kind, organization_id, role)
        VALUES ('{_CLERK}', 'store', {_ID.format("1")}, 'clerk'),
            ('{_CLERK}', 'platform', '{PLATFORM_ID}', 'finance')""",
    f"""INSERT INTO tills (till_id, store_id, name, state, cash_fen, last_number, day_in_fen, day_out_fen, proven_seq,
            proven_fen)
        VALUES ('{_TILL}', {_ID.format("1")}, 't', 'closed', %(acts)s, %(acts)s, 0, 0, 0, %(acts)s)""",
    f"""INSERT INTO till_acts (till_act_id, till_id, shift_id, number, kind, amount_fen, cash_after_fen, clerk_id,
            done_at)
        SELECT gen_random_uuid(), '{_TILL}', '{_TILL}', g, 'received', 1, g, '{_CLERK}', now()
        FROM generate_series(1, %(acts)s) AS g""",
    "INSERT INTO figure_dirt (day) SELECT current_date - g FROM generate_series(0, 370) AS g ON CONFLICT DO NOTHING",
)


def main(arguments: Sequence[str]) -> int:
    """Make the world, measure; exit 1 when a figure is wrong."""
    parser = argparse.ArgumentParser(prog="dev.py bench-store", description=__doc__)
    parser.add_argument("--scale", type=float, default=1.0)
    scale = parser.parse_args(list(arguments)).scale
    with bench_database() as url:
        return _measure(url, int(ORDERS * scale), int(RESIDENTS * scale))


def _measure(url: str, orders: int, residents: int) -> int:
    began = time.monotonic()
    known = {"orders": orders, "residents": residents, "stores": STORES, "acts": ACTS}
    with psycopg.connect(url) as admin:
        admin.execute("SET session_replication_role = replica")  # orders without payments
        for statement in _WORLD:
            admin.execute(statement, known)
    with psycopg.connect(url, autocommit=True) as admin:
        admin.execute("VACUUM ANALYZE")
    print(f"{orders:,} orders, {residents:,} residents, {STORES} stores made in {time.monotonic() - began:.0f} s")
    began, days = time.monotonic(), 0
    while (found := refresh_figures()) >= DAYS_MAX:
        days += found
    print(f"figures of {days + found} days made for the first time in {time.monotonic() - began:.1f} s")
    again_s = min(_timed(refresh_figures) for _ in range(3))
    share = again_s / REFRESH_EVERY_S
    print(f"made anew: {again_s * 1_000:.0f} ms each minute, {share:.2%} of a core (aim {REFRESH_SHARE_MAX:.0%})")
    clerk = Actor(account_id=_CLERK, session_id=new_id(), side=Side.STORE, roles=("clerk",))
    operator = Actor(account_id=_CLERK, session_id=new_id(), side=Side.PLATFORM, roles=("finance",))
    today = wall_now().astimezone(SHANGHAI).date()
    first = today - timedelta(days=DAYS)
    read_s = min(_timed(lambda: figures_of(operator, first, today)) for _ in range(3))
    print(f"figures of all stores over a year: {read_s * 1_000:.0f} ms (aim {READ_S_MAX * 1_000:.0f} ms)")
    proof_s = min(_timed(lambda: proof(clerk, till_id=_TILL)) for _ in range(5))
    print(f"till proof, {ACTS:,} acts: {proof_s * 1_000:.0f} ms (aim {PROOF_S_MAX * 1_000:.0f} ms)")
    told = sum(item["figures"]["orders_paid"] for item in figures_of(operator, first, today))
    rows = _export(operator, first, today)
    is_right = told == orders and rows == orders
    print("figures and export hold every order" if is_right else f"WRONG: told {told}, exported {rows} of {orders}")
    return 0 if is_right else 1


def _export(operator: Actor, first: date, today: date) -> int:
    claim = Claim(operator.account_id, "bench", f"bench-{new_id()}", os.urandom(32))
    asked = ask_export(operator, claim, what=ExportedTable.ORDERS, from_on=first, until_on=today)
    gc.collect()
    before, began = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, time.monotonic()
    run_export(asked.export_id)
    written_s = time.monotonic() - began
    size = sum(len(piece) for piece in export_pieces(operator, export_id=asked.export_id))
    after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    lines = sum(gzip.decompress(one).count(b"\n") for one in export_pieces(operator, export_id=asked.export_id)) - 1
    done = export_progress(operator, export_id=asked.export_id)["rows_done"]
    print(
        f"export: {done:,} rows in {written_s:.1f} s, {size / 2**20:.1f} MiB packed; memory {before:.0f} -> {after:.0f}"
        f" MiB (aim {EXPORT_MIB_MAX})"
    )
    return int(lines)


def _timed(act: Callable[[], object]) -> float:
    began = time.monotonic()
    act()
    return time.monotonic() - began


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
