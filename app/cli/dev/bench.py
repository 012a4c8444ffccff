"""``dev.py bench``: ledger, orders, lists and memory, each against a floor measured in the same run."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import UUID

import psutil
import psycopg

from app import create_app
from app.cli.dev.environment import HOST, ROOT, free_ports, libpq_url
from app.cli.dev.stack import Stack
from app.kernel import wire
from app.kernel.ids import new_id
from app.settings import read_settings

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from flask import Flask

    from benchmarks.orders import Client, Errand, Run
    from benchmarks.world import Resident, Shop, Someone, World

CHECKOUTS = 1_000
SHOPS = 2
"""Of a checkout in part (b), so as many orders: one of each shop."""
LIVES = 400
READS = 4_000
AUTHORIZATION_ROUNDS = 4
SERVERS = ("web", "postgres")


def main(arguments: Sequence[str]) -> int:
    """Run the benchmarks; ``--skip-ledger`` leaves out the long one."""
    from benchmarks import ledger_posting, orders, quote  # noqa: PLC0415 - benchmarks stand beside the package
    from benchmarks.world import make_world  # noqa: PLC0415

    with tempfile.TemporaryDirectory(prefix="linli-bench-") as folder:
        ports = free_ports()
        with Stack(Path(folder), ports) as stack:
            os.environ.update({**stack.settings, "LINLI_POOL_SIZE": "4"})
            stack.wait_ready()
            app = create_app(read_settings())
            world = make_world(app, residents=200, shops=64, couriers=200)
            orders.name_shops(world)
            _count_round_trips(app, world)
            with floor_server(stack) as floor:
                _measure(stack, world, ports.web, floor)
            _authorization(app, stack, world.residents[0], ports.web)
            quote.main()
            _memory(stack)
            if "--skip-ledger" not in arguments:
                assert stack.postgres is not None, "bench starts its own server"
                print("\n(a) ledger posting, 8 clients")
                ledger_posting.main(stack.postgres.url("postgres", "postgres"))
    return 0


def _measure(stack: Stack, world: World, port: int, floor: tuple[int, int]) -> None:
    from benchmarks import orders  # noqa: PLC0415
    from benchmarks.orders import Client, Meter, run_clients  # noqa: PLC0415

    floor_port, floor_pid = floor
    meter = Meter({**{name: stack.pids[name] for name in ("web", "postgres", "worker")}, "floor": floor_pid})
    setup = Client(port)

    def commits(count: int) -> orders.Run:
        return run_clients(floor_port, [lambda client: client.send("POST", "/commit")] * count, meter)

    def reads(count: int) -> orders.Run:
        return run_clients(floor_port, [lambda client: client.send("GET", "/read")] * count, meter)

    def placements(count: int, shops: int) -> tuple[list[orders.Run], list[orders.Run]]:
        """Return the runs of placing and paying, and those of buying the grants between the two."""
        runs, grants = [], []
        while count > 0:
            some = world.residents[: min(count, len(world.residents))]
            bodies = [
                (one, orders.fill_cart(setup, one, [world.shops[(i + k * 7) % 64] for k in range(shops)]))
                for i, one in enumerate(some)
            ]
            carts = [_Cart(one, body) for one, body in bodies]
            runs.append(run_clients(port, [cart.place for cart in carts], meter))
            grants.append(run_clients(port, [cart.confirm for cart in carts], meter))
            runs.append(run_clients(port, [cart.pay for cart in carts], meter))
            count -= len(some)
        return runs, grants

    commits(500), reads(500), placements(200, 2)
    print("(b) place and pay from the e-account, two shops, 8 clients")
    floor_commit = commits(4_000)
    runs, grants = placements(CHECKOUTS, SHOPS)
    count, seconds = sum(run.count for run in grants), sum(run.seconds for run in runs)
    orders_count = count * SHOPS
    cpu = {name: sum(run.cpu[name] for run in runs) * 1000 / orders_count for name in ("web", "postgres", "worker")}
    print(f"  floor: one durable commit   {floor_commit.rate:8.0f}/s")
    print(
        f"  place + pay: orders         {orders_count / seconds:8.0f}/s"
        f"   ratio {orders_count / seconds / floor_commit.rate:.2f}"
        f" (aim 0.15)   CPU web {cpu['web']:.2f} + PostgreSQL {cpu['postgres']:.2f} ="
        f" {cpu['web'] + cpu['postgres']:.2f} ms an order (aim 4); worker {cpu['worker']:.2f} ms"
    )
    print(
        f"  checkouts of {SHOPS} orders       {count / seconds:8.0f}/s"
        f"   ratio {count / seconds / floor_commit.rate:.2f}: one request to place it, one to pay it"
    )
    spent = {name: sum(run.cpu[name] for run in grants) * 1000 / count for name in SERVERS}
    print(
        f"  the grant, not counted above{count / sum(run.seconds for run in grants):8.0f}/s"
        f"   CPU web {spent['web']:.2f} + PostgreSQL {spent['postgres']:.2f} = {sum(spent.values()):.2f} ms"
    )
    shop, resident = world.shops[0], world.residents[0]
    floor_read = reads(READS)
    path = f"/user/v1/shops/{shop.shop_id}/offers?limit=20"
    shelf = run_clients(port, [lambda client: client.send("GET", path, resident.token)] * READS, meter)
    print(f"  floor: one indexed read     {floor_read.rate:8.0f}/s")
    print(f"  list of 20 offers           {shelf.rate:8.0f}/s   ratio {shelf.rate / floor_read.rate:.2f} (aim 0.5)")

    print("(c) a whole order life, 8 flows")
    known = _Known(stack)
    ways = (
        ("8 acts", known.errand, known.grant),
        ("8 acts, grant, 4 look-ups", orders.look_up, orders.buy_grant),
    )
    for name, learn, confirm in ways:
        total: list[orders.Run] = []
        for _ in range(LIVES // len(world.residents)):
            tasks = [
                partial(
                    orders.live,
                    resident=one,
                    shop=world.shops[i % 64],
                    courier=world.couriers[i % 200],
                    body=orders.fill_cart(setup, one, [world.shops[i % 64]]),
                    learn=learn,
                    confirm=confirm,
                )
                for i, one in enumerate(world.residents)
            ]
            total.append(run_clients(port, tasks, meter))
        count, seconds = sum(run.count for run in total), sum(run.seconds for run in total)
        cpu = {name: sum(run.cpu[name] for run in total) * 1000 / count for name in ("web", "postgres", "worker")}
        print(
            f"  {name:26s}  {count / seconds:8.0f}/s   CPU web {cpu['web']:.2f} + PostgreSQL {cpu['postgres']:.2f}"
            f" + worker {cpu['worker']:.2f} = {sum(cpu.values()):.2f} ms (aim 15)"
        )
    print("(d) shops near an address")
    path = f"/user/v1/shops?address_id={resident.address_id}&limit=20"
    near = run_clients(port, [lambda client: client.send("GET", path, resident.token)] * 2_000, meter)
    print(
        f"  20 of {len(world.shops)} shops              {near.rate:8.0f}/s   p50 {near.percentile_ms(50):.1f}"
        f"  p95 {near.percentile_ms(95):.1f} ms"
    )


def _authorization(app: Flask, stack: Stack, resident: Resident, port: int) -> None:
    """Print what authorization adds to a read; rounds alternate, so that the noise of the host is in both."""
    from app.web.tokens import Verifier  # noqa: PLC0415
    from benchmarks import authorization  # noqa: PLC0415
    from benchmarks.orders import Meter, run_clients  # noqa: PLC0415

    actor = Verifier(app.config["LINLI"].token_keys).verify(resident.token, None)
    asker = {"BENCH_ASKER": f"{actor.account_id}:{actor.session_id}"}
    print("(e) an authenticated read, against the same read without authorization")
    runs: dict[int, list[Run]] = {}
    with _served(stack, "benchmarks.unguarded:app", asker) as (bare_port, bare_pid):
        meter = Meter({**{name: stack.pids[name] for name in SERVERS}, "bare web": bare_pid})
        for turn in range(AUTHORIZATION_ROUNDS + 1):
            for one in (port, bare_port):
                tasks = [lambda client: client.send("GET", authorization.PATH, resident.token)] * (READS // 4)
                run = run_clients(one, tasks, meter)
                if turn:  # the first warms up
                    runs.setdefault(one, []).append(run)
    guarded, bare = (_joined(runs[one]) for one in (port, bare_port))
    check = authorization.token_check(app.config["LINLI"].token_keys, resident.token)
    with app.app_context():
        authorization.tell(guarded, bare, authorization.statements_of(app, resident.token), check)


def _joined(runs: Sequence[Run]) -> Run:
    """Return several runs as one."""
    from benchmarks.orders import Run  # noqa: PLC0415

    return Run(
        count=sum(run.count for run in runs),
        seconds=sum(run.seconds for run in runs),
        latencies=[latency for run in runs for latency in run.latencies],
        cpu={name: sum(run.cpu[name] for run in runs) for name in runs[0].cpu},
    )


class _Known:
    """Reads what people tell one another from the database and derives their codes: the acts are measured alone."""

    def __init__(self, stack: Stack) -> None:
        assert stack.postgres is not None, "bench starts its own server"
        self._url = libpq_url(stack.postgres.url("postgres", "linli"))
        self._mine = threading.local()

    def errand(self, _client: Client, _resident: Resident, _shop: Shop, _courier: Someone, order_id: str) -> Errand:
        """Return the errand of an order."""
        from app.usecases.delivering.hand_over import door_code, pick_up_code  # noqa: PLC0415
        from benchmarks.orders import Errand  # noqa: PLC0415

        query = "SELECT trip_id, delivery_id FROM deliveries WHERE order_id = %s"
        row = self._connection.execute(query, (order_id,)).fetchone()
        assert row is not None, "an accepted order has a trip"
        trip_id, delivery_id = row
        known = UUID(order_id)
        return Errand(str(trip_id), str(delivery_id), pick_up_code(known), door_code(known))

    def grant(self, _client: Client, resident: Resident, placed: dict[str, Any]) -> str:
        """Write a step-up grant, and return it."""
        grant_id = new_id()
        self._connection.execute(
            "INSERT INTO step_up_grants (grant_id, session_id, purpose, subject_id, amount_fen_max, factor,"
            " expires_at) VALUES (%s, %s, 'pay_checkout', %s, %s, 'pin', clock_timestamp() + interval '5 minutes')",
            (grant_id, resident.session_id, placed["checkout_id"], placed["total_fen"]),
        )
        return str(grant_id)

    @property
    def _connection(self) -> psycopg.Connection[Any]:
        """This thread's connection."""
        if not hasattr(self._mine, "connection"):
            self._mine.connection = psycopg.connect(self._url, autocommit=True)
        connection: psycopg.Connection[Any] = self._mine.connection
        return connection


class _Cart:
    """A cart on its way: placed, confirmed, paid, each measured by itself."""

    def __init__(self, resident: Resident, body: dict[str, Any]) -> None:
        self._resident, self._body = resident, body
        self._placed: dict[str, Any] = {}
        self._grant = ""

    def place(self, client: Client) -> None:
        from benchmarks.orders import place  # noqa: PLC0415

        self._placed = place(client, self._resident, self._body)

    def confirm(self, client: Client) -> None:
        from benchmarks.orders import buy_grant  # noqa: PLC0415

        self._grant = buy_grant(client, self._resident, self._placed)

    def pay(self, client: Client) -> None:
        from benchmarks.orders import pay  # noqa: PLC0415

        pay(client, self._resident, self._placed, self._grant)


def _count_round_trips(app: Flask, world: World) -> None:
    """Print how many exchanges each request of an order's life takes, once its statements are prepared.

    BEGIN and COMMIT are not counted where they go by themselves.
    """
    from benchmarks import orders  # noqa: PLC0415

    counts: list[tuple[str, int]] = []

    class Counting(orders.Client):
        def __init__(self) -> None:
            self._client = app.test_client()

        def send(self, method: str, path: str, token: str = "", body: object = None) -> object:
            statements.clear()
            headers = {"Authorization": f"Bearer {token}", "Idempotency-Key": str(new_id())}
            answer = self._client.open(path, method=method, json=body, headers=headers)
            counts.append((f"{method} {_shape(path)}", len(statements)))
            return answer.get_json()

    statements: list[str] = []
    wire.observers.append(statements.append)
    client = Counting()
    one = world.residents[-1]
    for _ in range(3):
        counts.clear()
        orders.live(client, one, world.shops[2], world.couriers[-1], orders.fill_cart(client, one, world.shops[2:3]))
    alike = dict(counts)
    counts.clear()
    orders.place(client, one, orders.fill_cart(client, one, world.shops[:3], lines=10))
    wire.observers.clear()
    print("SQL round trips per request")
    print(f"  {counts[-1][1]:3d}  {counts[-1][0]}, ten lines of three shops (aim 8)")
    for shape, count in alike.items():
        print(f"  {count:3d}  {shape}")


def _shape(path: str) -> str:
    parts = [":id" if len(part) == 36 else part for part in path.partition("?")[0].split("/")]  # noqa: PLR2004 - a UUID
    return "/".join(parts)


@contextmanager
def floor_server(stack: Stack) -> Iterator[tuple[int, int]]:
    """Serve the floors by the same server on a port of its own."""
    assert stack.postgres is not None, "bench starts its own server"
    with psycopg.connect(libpq_url(stack.postgres.url("postgres", "linli")), autocommit=True) as admin:
        admin.execute("DROP SCHEMA IF EXISTS bench CASCADE")
        admin.execute("CREATE SCHEMA bench")  # rights on the schema of Linli are the migrations' to give
        admin.execute("CREATE TABLE bench.floor (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, at timestamptz)")
        admin.execute("CREATE TABLE bench.shop AS SELECT shop_id FROM shops LIMIT 1")
        admin.execute("GRANT USAGE ON SCHEMA bench TO PUBLIC")
        admin.execute("GRANT ALL ON ALL TABLES IN SCHEMA bench TO PUBLIC")
    with _served(stack, "benchmarks.floor:app", {}) as served:
        yield served


@contextmanager
def _served(stack: Stack, target: str, settings: dict[str, str]) -> Iterator[tuple[int, int]]:
    """Serve an application as the stack serves its own; yield its port and process."""
    from benchmarks.orders import Client  # noqa: PLC0415

    port = free_ports().web
    argv = [sys.executable, "-m", "granian", "--host", HOST, "--port", str(port), "--log-level", "warning"]
    argv += ["--interface", "wsgi", "--workers", "2", "--blocking-threads", "4", target]
    server = subprocess.Popen(argv, cwd=ROOT, env={**os.environ, **stack.settings, **settings})
    try:
        for _ in range(100):
            try:
                Client(port).send("GET", "/health")
                break
            except OSError:
                psutil.Process(server.pid).status()
                time.sleep(0.1)
        yield port, server.pid
    finally:
        server.terminate()
        server.wait(10)


def _memory(stack: Stack) -> None:
    print("memory (resident, MiB)")
    for name, pid in stack.pids.items():
        root = psutil.Process(pid)
        sizes = [process.memory_info().rss for process in [root, *root.children(recursive=True)]]
        print(f"  {name:10s} {sum(sizes) / 2**20:7.0f}  in {len(sizes)} processes (shared pages counted in each)")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
