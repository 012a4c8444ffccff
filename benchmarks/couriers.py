"""Couriers over HTTP: a thousand who say where they are every five seconds, and two hundred who grab one trip.

The positions come by a clock, not as fast as they can: 200 a second, spread evenly, half of the couriers with a trip
in hand, so that a point a minute of their way is kept. CPU is that of web and PostgreSQL alone, so the client's
share of the machine does not count; a late client is told as the rate that was reached.
"""

from __future__ import annotations

import http.client
import selectors
import socket
import statistics
import time
from collections import Counter
from contextlib import ExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import orjson
import psycopg
from rich.progress import Progress

from app.kernel.clock import wall_now
from app.kernel.ids import new_id
from benchmarks.world import LAT, LNG, Someone

if TYPE_CHECKING:
    from collections.abc import Sequence

    from benchmarks.orders import Meter

EVERY_S = 5.0
RACERS = 200


@dataclass(frozen=True, slots=True)
class Heard:
    """What a run of positions cost.

    :ivar cpu_share: CPU of web and PostgreSQL, as a share of one core; ``cpu_ms`` of each, for one position.
    :ivar position_bytes: growth of the table of last positions, bytes; ``rows`` it holds afterwards.
    """

    sent: int
    rate: float
    statuses: Counter[int]
    cpu_share: float
    cpu_ms: dict[str, float]
    p95_ms: float
    rows: int
    position_bytes: int
    trail_rows: int


def report_positions(port: int, couriers: Sequence[Someone], meter: Meter, url: str, *, seconds: float) -> Heard:
    """Let ``couriers`` report every five seconds for ``seconds``, after a first round that is not counted."""
    with psycopg.connect(url, autocommit=True) as admin:
        some = "SELECT shift_id FROM courier_shifts WHERE ended_at IS NULL LIMIT %s"
        admin.execute(f"UPDATE courier_shifts SET active_trips = 1 WHERE shift_id IN ({some})", (len(couriers) // 2,))
        _run_senders(port, couriers, EVERY_S)
        before = _measure(admin)
        meter.start()
        began = time.perf_counter()
        statuses, latencies = _run_senders(port, couriers, seconds)
        took = time.perf_counter() - began
        cpu = meter.read()
        after = _measure(admin)
    return Heard(
        sent=len(latencies),
        rate=len(latencies) / took,
        statuses=statuses,
        cpu_ms={name: used * 1000 / len(latencies) for name, used in cpu.items()},
        cpu_share=(cpu["web"] + cpu["postgres"]) / took,
        p95_ms=statistics.quantiles(latencies, n=100)[94] * 1000,
        rows=after["rows"],
        position_bytes=after["bytes"] - before["bytes"],
        trail_rows=after["trail"] - before["trail"],
    )


def _measure(admin: psycopg.Connection[Any]) -> dict[str, int]:
    row = admin.execute(
        "SELECT (SELECT count(*) FROM courier_positions), pg_total_relation_size('courier_positions'),"
        " (SELECT count(*) FROM courier_trail)"
    ).fetchone()
    assert row is not None, "a count answers"
    return {"rows": row[0], "bytes": row[1], "trail": row[2]}


def _run_senders(port: int, couriers: Sequence[Someone], seconds: float) -> tuple[Counter[int], list[float]]:
    """Let each courier report by a connection of their own; one thread sends what is due and takes what has come.

    :raises TimeoutError: a courier had no answer when the next report was due.
    """
    statuses: Counter[int] = Counter()
    latencies: list[float] = []
    sent_at: dict[int, float] = {}
    total = max(1, round(seconds / EVERY_S)) * len(couriers)
    with ExitStack() as closing, selectors.DefaultSelector() as waiting, Progress(transient=True) as progress:
        task = progress.add_task("positions", total=total)

        def take_until(due: float) -> None:
            while (rest := due - time.perf_counter()) > 0 and len(latencies) < total:
                for key, _ in waiting.select(rest):
                    statuses[_status(key.fileobj)] += 1  # type: ignore[arg-type] - what was registered
                    latencies.append(time.perf_counter() - sent_at.pop(key.data))
                    progress.advance(task)

        phones = [closing.enter_context(socket.create_connection(("127.0.0.1", port), timeout=30)) for _ in couriers]
        for place, phone in enumerate(phones):
            waiting.register(phone, selectors.EVENT_READ, place)
        begin = time.perf_counter() + 0.2
        for number in range(total):
            turn, place = divmod(number, len(couriers))
            take_until(begin + EVERY_S * number / len(couriers))
            if place in sent_at:
                raise TimeoutError(f"courier {place} had no answer within {EVERY_S} s")
            sent_at[place] = time.perf_counter()
            phones[place].sendall(_position(port, couriers[place], place, turn))
        take_until(time.perf_counter() + EVERY_S)
    return statuses, latencies


def _position(port: int, courier: Someone, place: int, turn: int) -> bytes:
    """Return the request by which a courier says where they are."""
    body = orjson.dumps(
        {
            "lat": LAT + (place % 100 + turn) * 1e-5,
            "lng": LNG + place * 1e-6,
            "measured_at": wall_now().isoformat(),
        }
    )
    lines = (
        "PUT /courier/v1/position HTTP/1.1", f"Host: 127.0.0.1:{port}", f"Content-Length: {len(body)}",
        "Content-Type: application/json", f"Authorization: Bearer {courier.token}", "", "",
    )  # fmt: skip
    return "\r\n".join(lines).encode() + body


def _status(connection: socket.socket) -> int:
    """Take the answer that has come over ``connection`` and return its status."""
    answer = http.client.HTTPResponse(connection)
    answer.begin()
    answer.read()
    return answer.status


def grab(port: int, couriers: Sequence[Someone], trip_id: object) -> tuple[Counter[int], list[float]]:
    """Let two hundred couriers claim one trip at the same moment; return statuses and seconds to each answer.

    Their requests are written beforehand, sent over as many connections by one thread, and their answers taken as they
    come: two hundred clients on the server's own processors take little of them.
    """
    statuses: Counter[int] = Counter()
    latencies: list[float] = []
    with ExitStack() as closing, selectors.DefaultSelector() as waiting:
        asked = []
        for courier in couriers[:RACERS]:
            connection = closing.enter_context(socket.create_connection(("127.0.0.1", port), timeout=30))
            waiting.register(connection, selectors.EVENT_READ)
            lines = (
                f"POST /courier/v1/trips/{trip_id}/claim HTTP/1.1", f"Host: 127.0.0.1:{port}", "Content-Length: 0",
                f"Authorization: Bearer {courier.token}", f"Idempotency-Key: {new_id()}", "", "",
            )  # fmt: skip
            asked.append((connection, "\r\n".join(lines).encode()))
        began = time.perf_counter()
        for connection, request in asked:
            connection.sendall(request)
        while len(latencies) < len(asked):
            for key, _ in waiting.select(timeout=30):
                statuses[_status(key.fileobj)] += 1  # type: ignore[arg-type] - what was registered
                latencies.append(time.perf_counter() - began)
                waiting.unregister(key.fileobj)
    return statuses, latencies
