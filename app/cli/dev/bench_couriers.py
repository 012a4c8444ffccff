"""``dev.py bench-couriers``: what positions of a thousand couriers cost, and a trip that two hundred want."""

from __future__ import annotations

import os
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

from app import create_app
from app.cli.dev.environment import free_ports, libpq_url
from app.cli.dev.stack import Stack
from app.settings import read_settings

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

COURIERS = 1_000
SECONDS = 30.0
RACES = 5
WORKER_S = 30.0
CPU_SHARE_MAX = 0.20
RACE_P95_MS_MAX = 200.0


_TO_DO = """
    SELECT (SELECT count(*) FROM outbox) + (SELECT count(*) FROM receipts WHERE state = 'waiting') AS waiting
"""


def _wait_for_worker(to_do: Callable[[], int]) -> None:
    """Wait until the worker has done what the orders left to it, so that the first race has the machine to itself."""
    deadline = time.monotonic() + WORKER_S
    while to_do() and time.monotonic() < deadline:
        time.sleep(0.2)
    time.sleep(1)  # a tick of dispatch that has just begun


def main(arguments: Sequence[str]) -> int:
    """Run both; the first argument is for how many seconds positions are sent."""
    from benchmarks import couriers  # noqa: PLC0415 - benchmarks stand beside the package
    from benchmarks.orders import Meter  # noqa: PLC0415
    from benchmarks.world import make_world  # noqa: PLC0415

    seconds = float(arguments[0]) if arguments else SECONDS
    with tempfile.TemporaryDirectory(prefix="linli-bench-") as folder:
        ports = free_ports()
        with Stack(Path(folder), ports) as stack:
            os.environ.update({**stack.settings, "LINLI_POOL_SIZE": "4"})
            stack.wait_ready()
            assert stack.postgres is not None, "bench starts its own server"
            app = create_app(read_settings())
            world = make_world(app, residents=1, shops=1, couriers=COURIERS)
            meter = Meter({name: stack.pids[name] for name in ("web", "postgres")})
            url = libpq_url(stack.postgres.url("postgres", "linli"))
            heard = couriers.report_positions(ports.web, world.couriers, meter, url, seconds=seconds)
            print(f"positions of {COURIERS} couriers, each every {couriers.EVERY_S:.0f} s, for {seconds:.0f} s")
            print(
                f"  {heard.sent} sent at {heard.rate:.0f}/s, answers {dict(heard.statuses)}, p95 {heard.p95_ms:.1f} ms"
            )
            print(
                f"  CPU web + PostgreSQL {heard.cpu_share:.0%} of one core (aim {CPU_SHARE_MAX:.0%}):"
                f" {heard.cpu_ms['web']:.2f} + {heard.cpu_ms['postgres']:.2f} ms each"
            )
            print(
                f"  last positions: {heard.rows} rows, grown by {heard.position_bytes} bytes;"
                f" trail: {heard.trail_rows} points"
            )
            with app.app_context():
                from app.core.orders.states import OrderState  # noqa: PLC0415
                from tests.factories import (  # noqa: PLC0415 - orders as tests make them
                    Community,
                    a_merchant_with_shop,
                    an_order,
                )
                from tests.factories.rows import look  # noqa: PLC0415

                [home] = look("SELECT community_id, store_id, lat, lng FROM communities")
                shop = a_merchant_with_shop(community=Community(*home))
                trips = [an_order(state=OrderState.PREPARING, shop=shop).trip_id for _ in range(RACES)]
                _wait_for_worker(lambda: int(look(_TO_DO)[0].waiting))
            print(f"one trip, {couriers.RACERS} couriers at once, {RACES} times")
            for number, trip_id in enumerate(trips):
                racers = world.couriers[number * couriers.RACERS % COURIERS :]
                statuses, latencies = couriers.grab(ports.web, racers, trip_id)
                p95_ms = statistics.quantiles(latencies, n=100)[94] * 1000
                print(f"  answers {dict(statuses)}, p95 {p95_ms:.0f} ms (aim {RACE_P95_MS_MAX:.0f})")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
