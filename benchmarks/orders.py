"""How fast orders are, over HTTP, against floors of the same run: place and pay, whole lives, lists; and who uses what.

CPU is counted from the processes themselves (web, PostgreSQL, worker), so it holds on a shared machine too; the client
runs in threads of this process, closed loop: each of the clients sends its next request when the last was answered.
"""

from __future__ import annotations

import http.client
import statistics
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import orjson
import psutil

from app.kernel.ids import new_id
from benchmarks.world import LAT, LNG, PIN, Resident, Shop, Someone, World

CLIENTS = 8


class Client:
    """One keep-alive connection."""

    def __init__(self, port: int) -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)

    def send(self, method: str, path: str, token: str = "", body: Any = None) -> Any:
        """Send a request and return the answer's JSON; any refusal ends the benchmark."""
        headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
        if method != "GET":
            headers["Idempotency-Key"] = str(new_id())
        self._connection.request(method, path, None if body is None else orjson.dumps(body), headers)
        answer = self._connection.getresponse()
        content = answer.read()
        if answer.status >= 400:  # noqa: PLR2004 - a refusal
            raise RuntimeError(f"{method} {path}: {answer.status} {content.decode()}")
        return orjson.loads(content) if content else None


@dataclass(slots=True)
class Meter:
    """CPU seconds of some processes and all below them."""

    pids: dict[str, int]
    _before: dict[str, float] = field(default_factory=dict)

    def _read(self) -> dict[str, float]:
        return {name: _cpu_of(pid) for name, pid in self.pids.items()}

    def start(self) -> None:
        """Begin to count."""
        self._before = self._read()

    def read(self) -> dict[str, float]:
        """Return the seconds used since :meth:`start`, by name."""
        return {name: used - self._before[name] for name, used in self._read().items()}


def _cpu_of(pid: int) -> float:
    root = psutil.Process(pid)
    total = 0.0
    for process in [root, *root.children(recursive=True)]:
        try:
            times = process.cpu_times()
        except psutil.NoSuchProcess:
            continue
        total += times.user + times.system + (times.children_user + times.children_system if process == root else 0)
    return total


@dataclass(frozen=True, slots=True)
class Run:
    """What one measured run gave."""

    count: int
    seconds: float
    latencies: list[float]
    cpu: dict[str, float]

    @property
    def rate(self) -> float:
        """Things done per second."""
        return self.count / self.seconds

    def cpu_ms(self, *names: str) -> float:
        """CPU milliseconds per thing done, of the named processes."""
        return sum(self.cpu[name] for name in names) * 1000 / self.count

    def percentile_ms(self, percent: int) -> float:
        """Latency percentile, milliseconds."""
        return statistics.quantiles(self.latencies, n=100)[percent - 1] * 1000


def run_clients(port: int, tasks: Sequence[Callable[[Client], None]], meter: Meter) -> Run:
    """Do all ``tasks`` by :data:`CLIENTS` clients, each taking the next when it is done."""
    lock, latencies, failures = threading.Lock(), list[float](), list[BaseException]()
    left: Iterator[Callable[[Client], None]] = iter(tasks)

    def work() -> None:
        client = Client(port)
        while not failures:
            with lock:
                task = next(left, None)
            if task is None:
                return
            began = time.perf_counter()
            try:
                task(client)
            except BaseException as failure:  # noqa: BLE001 - told by the main thread
                failures.append(failure)
                return
            latencies.append(time.perf_counter() - began)

    threads = [threading.Thread(target=work) for _ in range(CLIENTS)]
    meter.start()
    began = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    seconds = time.perf_counter() - began
    if failures:
        raise failures[0]
    return Run(len(latencies), seconds, latencies, meter.read())


def fill_cart(client: Client, resident: Resident, shops: Sequence[Shop], *, lines: int = 0) -> dict[str, Any]:
    """Put one thing of each shop, or ``lines`` in turn, into the resident's cart; return the body of the placement."""
    for number in range(lines or len(shops)):
        round_, turn = divmod(number, len(shops))
        sku_id = shops[turn].sku_ids[round_]
        client.send("PUT", f"/user/v1/cart/lines/{sku_id}", resident.token, {"quantity": 2})
    body = {"address_id": str(resident.address_id)}
    quote = client.send("POST", "/user/v1/checkout-quotes", resident.token, body)
    return {**body, "quote_version": quote["quote_version"]}


Placed = dict[str, Any]


def place(client: Client, resident: Resident, body: dict[str, Any]) -> Placed:
    """Place a checkout."""
    placed: Placed = client.send("POST", "/user/v1/checkouts", resident.token, body)
    return placed


def buy_grant(client: Client, resident: Resident, placed: Placed) -> str:
    """Confirm a payment with the PIN, as a resident does."""
    body = {"checkout_id": placed["checkout_id"], "amount_fen": placed["total_fen"], "pin": PIN}
    return str(client.send("POST", "/user/v1/step-up-grants", resident.token, body)["grant_id"])


def pay(client: Client, resident: Resident, placed: Placed, grant: str) -> None:
    """Pay a checkout from the e-account."""
    body = {"method": "e_account", "step_up_grant": grant}
    client.send("POST", f"/user/v1/checkouts/{placed['checkout_id']}/payments", resident.token, body)


Confirm = Callable[[Client, Resident, Placed], str]


@dataclass(frozen=True, slots=True)
class Errand:
    """What people have to know to act on an order: who carries what, and the codes that they tell one another."""

    trip_id: str
    delivery_id: str
    pick_up_code: str
    door_code: str


def look_up(client: Client, resident: Resident, shop: Shop, courier: Someone, order_id: str) -> Errand:
    """Learn an errand as people do, by four reads: the shop's order, the hall, the trip, the resident's order."""
    hall: list[dict[str, Any]] = []
    path = f"/courier/v1/trips/open?lat={LAT}&lng={LNG}&limit=100"
    while not any(shop_name(shop) in trip["shop_names"] for trip in hall):
        hall = client.send("GET", path, courier.token)["items"]
    trip_id = next(trip["trip_id"] for trip in hall if shop_name(shop) in trip["shop_names"])
    return Errand(
        trip_id,
        "",
        client.send("GET", f"/merchant/v1/orders/{order_id}", shop.owner.token)["pick_up_code"],
        client.send("GET", f"/user/v1/orders/{order_id}", resident.token)["door_code"],
    )


Learn = Callable[[Client, Resident, Shop, Someone, str], Errand]


def live(  # noqa: PLR0917 - the parties of an order
    client: Client,
    resident: Resident,
    shop: Shop,
    courier: Someone,
    body: dict[str, Any],
    learn: Learn = look_up,
    confirm: Confirm = buy_grant,
) -> None:
    """Take one order through its life: eight acts, what ``confirm`` does before paying and ``learn`` after."""
    placed = place(client, resident, body)
    pay(client, resident, placed, confirm(client, resident, placed))
    order_id = placed["orders"][0]["order_id"]
    merchant, carrier = shop.owner.token, courier.token
    client.send("POST", f"/merchant/v1/orders/{order_id}/acceptance", merchant)
    client.send("POST", f"/merchant/v1/orders/{order_id}/readiness", merchant)
    errand = learn(client, resident, shop, courier, order_id)
    client.send("POST", f"/courier/v1/trips/{errand.trip_id}/claim", carrier)
    delivery_id = errand.delivery_id
    if not delivery_id:
        trip = client.send("GET", f"/courier/v1/trips/{errand.trip_id}", carrier)
        delivery_id = trip["deliveries"][0]["delivery_id"]
    path = f"/courier/v1/deliveries/{delivery_id}"
    client.send("POST", f"{path}/pick-up", carrier, {"code": errand.pick_up_code})
    client.send("POST", f"{path}/hand-over", carrier, {"code": errand.door_code})
    client.send("POST", f"/user/v1/orders/{order_id}/confirmation", resident.token)


def shop_name(shop: Shop) -> str:
    """Return the name that the world gave a shop."""
    return _names[shop.shop_id.int]


_names: dict[int, str] = {}


def name_shops(world: World) -> None:
    """Remember the shops' names; a flow finds its own trip in the hall by them."""
    _names.update({shop.shop_id.int: f"测试店{number}" for number, shop in enumerate(world.shops)})
