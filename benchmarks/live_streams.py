"""How many listeners one live-event process bears: memory of each, and how late an event reaches the last of them.

A thousand listeners of one topic stand open; events are published one by one and each goes to all. Listeners run in the
process of the benchmark and take their time on the same processors, so the figures are an upper bound. Latency is from
the commit of the event to its being read by a listener.

``python -m benchmarks.live_streams postgresql://…`` makes a scratch database on that server and drops it at the end.
"""

from __future__ import annotations

import asyncio
import statistics
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import psutil

from app.cli.dev.environment import HOST, allow_open_files
from tests.support.live_streams import LiveProcess, Relay, live_database, live_process

AUDIENCE = 40
AUDIENCES = 25
EVENTS = 30
PAUSE_S = 0.1
TOPIC = "community:0197a000-0000-7000-8000-000000000001"
RSS_KB_MAX = 64
P95_MS_MAX = 500


@dataclass(frozen=True)
class Figures:
    """What one run showed.

    :param rss_kb: growth of the process per stream, KiB.
    :param cpu_us: processor time of the process per event delivered, microseconds.
    """

    streams: int
    rss_kb: float
    cpu_us: float
    p50_ms: float
    p95_ms: float
    p99_ms: float


async def _listen(port: int, ticket: str, count: int, opened: asyncio.Semaphore) -> list[tuple[int, float]]:
    """Return position and time of each of ``count`` events."""
    reader, writer = await asyncio.open_connection(HOST, port)
    heard: list[tuple[int, float]] = []
    try:
        writer.write(f"GET /live?ticket={ticket} HTTP/1.1\r\nHost: {HOST}\r\n\r\n".encode())
        await writer.drain()
        status = await reader.readline()
        assert b" 200 " in status, status
        opened.release()
        while len(heard) < count:
            line = await reader.readline()
            assert line, "the stream ended"
            if line.startswith(b"id: "):
                heard.append((int(line[4:]), time.monotonic()))
    finally:
        writer.close()
    return heard


async def _run(live: LiveProcess, relay: Relay) -> Figures:
    process = _worker(live)
    before = process.memory_info().rss
    opened = asyncio.Semaphore(0)
    tasks: list[asyncio.Task[list[tuple[int, float]]]] = []
    for audience in range(AUDIENCES):
        for _ in range(AUDIENCE):
            ticket = relay.ticket(TOPIC, f"courier:{audience}")
            tasks.append(asyncio.create_task(_listen(live.port, ticket, EVENTS, opened)))
        for _ in range(AUDIENCE):
            await opened.acquire()
    grown = process.memory_info().rss - before
    cpu_before = sum(process.cpu_times()[:2])
    published: dict[int, float] = {}
    for _ in range(EVENTS):
        position = await asyncio.to_thread(relay.publish, TOPIC)
        published[position] = time.monotonic()
        await asyncio.sleep(PAUSE_S)
    heard = [pair for pairs in await asyncio.gather(*tasks) for pair in pairs]
    cpu = sum(process.cpu_times()[:2]) - cpu_before
    assert len(heard) == len(tasks) * EVENTS, "an event was lost"
    late_ms = [max(0.0, 1000 * (at - published[position])) for position, at in heard]
    cuts = statistics.quantiles(late_ms, n=100)
    return Figures(
        streams=len(tasks),
        rss_kb=grown / 1024 / len(tasks),
        cpu_us=1e6 * cpu / len(heard),
        p50_ms=cuts[49],
        p95_ms=cuts[94],
        p99_ms=cuts[98],
    )


def _worker(live: LiveProcess) -> psutil.Process:
    """Return the process that serves, which is the largest of the server's."""
    main = psutil.Process(live.process.pid)
    return max([main, *main.children(recursive=True)], key=lambda process: process.memory_info().rss)


def measure(database_url: str) -> Figures:
    """Run once on a scratch database of the server of ``database_url``."""
    allow_open_files(4 * AUDIENCE * AUDIENCES)
    with (
        tempfile.TemporaryDirectory() as folder,
        live_database(database_url) as scratch,
        Relay(scratch) as relay,
        live_process(scratch, Path(folder)) as live,
    ):
        return asyncio.run(_run(live, relay))


def main(database_url: str) -> Figures:
    """Print the figures and return them."""
    figures = measure(database_url)
    is_met = figures.rss_kb <= RSS_KB_MAX and figures.p95_ms <= P95_MS_MAX
    print(f"live streams, {figures.streams} listeners of one process, {EVENTS} events to each")
    print(f"  memory per stream    {figures.rss_kb:8.1f} KiB")
    print(f"  CPU per delivery     {figures.cpu_us:8.1f} µs")
    print(f"  latency p50/p95/p99  {figures.p50_ms:8.1f} / {figures.p95_ms:.1f} / {figures.p99_ms:.1f} ms")
    print(f"  aim: {RSS_KB_MAX} KiB and p95 of {P95_MS_MAX} ms; {'met' if is_met else 'MISSED'}")
    return figures


if __name__ == "__main__":
    main(sys.argv[1])
