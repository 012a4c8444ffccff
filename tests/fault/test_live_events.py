"""Live events over real HTTP and a real PostgreSQL: at once, once, to whom they belong, and through faults."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import time
from pathlib import Path
from statistics import median_low
from typing import TYPE_CHECKING

import pytest

from app.realtime import door
from app.realtime.hub import Listener
from tests.support.ledger_database import admin_url
from tests.support.live_streams import NAMED_ORIGIN, PUBLIC_URL, LiveProcess, Relay, Stream, live_database, live_process

if TYPE_CHECKING:
    from collections.abc import Iterator

ADMIN_URL = admin_url()
pytestmark = pytest.mark.skipif(ADMIN_URL is None, reason="TEST_DATABASE_URL names no server")

MINE = "account:0197a000-0000-7000-8000-000000000001"
THEIRS = "account:0197a000-0000-7000-8000-000000000002"
SHOP = "shop:0197a000-0000-7000-8000-000000000003"


@pytest.fixture(scope="module")
def database_url() -> Iterator[str]:
    assert ADMIN_URL is not None
    with live_database(ADMIN_URL) as url:
        yield url


@pytest.fixture(scope="module")
def relay(database_url: str) -> Iterator[Relay]:
    with Relay(database_url) as relay:
        relay.record(THEIRS, count=3)  # the process starts on a table that is not empty
        yield relay


@pytest.fixture(scope="module")
def live(database_url: str, relay: Relay, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveProcess]:
    with live_process(database_url, tmp_path_factory.mktemp("live")) as process:
        yield process


@pytest.fixture(autouse=True)
def nobody_listens(live: LiveProcess) -> None:
    """A stream of the test before, closed by its client, is forgotten before the next begins."""
    live.wait(streams=0)


def open_stream(live: LiveProcess, relay: Relay, *topics: str, after: int | str | None = None) -> Stream:
    stream = Stream(live.port, relay.ticket(*topics), after=after)
    assert stream.response.status == 200, stream.response.read()
    return stream


def test_an_event_arrives_within_half_a_second_with_its_number_kind_and_body(live: LiveProcess, relay: Relay) -> None:
    took: list[float] = []
    with open_stream(live, relay, MINE) as stream:
        for _ in range(4):
            began = time.monotonic()
            relay.publish(MINE, SHOP)
            [quick] = stream.take(1)
            took.append(quick.at - began)
        position = relay.publish(MINE, SHOP, body={"order_id": "7", "state": "paid"})
        told = stream.next()

    assert median_low(took) < 0.5, "a machine that is busy for a moment may be late with one or two"
    assert told is not None
    assert (told.id, told.event) == (position, "OrderPaid")
    assert told.data.keys() == {"event_id", "kind", "recorded_at", "order_id", "state"}
    assert told.data["recorded_at"].endswith("Z")


def test_an_event_of_two_topics_comes_once_and_one_of_others_never(live: LiveProcess, relay: Relay) -> None:
    with open_stream(live, relay, MINE, SHOP) as stream:
        first = relay.publish(MINE, SHOP)
        relay.publish(THEIRS, count=5)
        last = relay.publish(SHOP)

        assert [told.id for told in stream.take(2)] == [first, last]


def test_a_returning_listener_gets_what_it_missed_then_what_comes(live: LiveProcess, relay: Relay) -> None:
    seen = relay.publish(MINE)
    relay.publish(THEIRS)
    missed = [relay.publish(MINE) for _ in range(3)]

    with open_stream(live, relay, MINE, after=seen) as stream:
        missed.append(relay.publish(MINE))

        assert [told.id for told in stream.take(4)] == missed


def test_the_position_may_stand_in_the_address(live: LiveProcess, relay: Relay) -> None:
    seen = relay.publish(MINE)
    missed = relay.publish(MINE)

    with Stream(live.port, f"{relay.ticket(MINE)}&last_event_id={seen}") as stream:
        assert [told.id for told in stream.take(1)] == [missed]


def test_coming_back_in_the_middle_of_a_storm_neither_loses_nor_repeats(live: LiveProcess, relay: Relay) -> None:
    last = relay.position
    expected = range(last + 1, last + 301)
    got: list[int] = []
    for _ in range(10):
        relay.publish(MINE, count=15)
        with open_stream(live, relay, MINE, after=last) as stream:
            relay.publish(MINE, count=15)
            got += [told.id for told in stream.take(12)]
        last = got[-1]
    with open_stream(live, relay, MINE, after=last) as stream:
        got += [told.id for told in stream.take(300 - len(got))]

    assert got == list(expected)


@pytest.mark.parametrize("after", ["0", "999999999", "99999999999999999999", "-1", "yesterday"])
def test_a_position_that_is_gone_or_never_was_resynchronizes(live: LiveProcess, relay: Relay, after: str) -> None:
    relay.publish(MINE, count=2)
    relay.thin(below=relay.position)
    live.wait(position=relay.position)

    with open_stream(live, relay, MINE, after=after) as stream:
        now = relay.position
        coming = relay.publish(MINE)
        resync, told = stream.take(2)

    assert (resync.event, resync.data, resync.id) == ("resync", {"reason": "gone"}, now)
    assert told.id == coming


def test_one_that_missed_a_thousand_gets_them_and_one_more_is_too_many(live: LiveProcess, relay: Relay) -> None:
    seen = relay.publish(MINE)
    relay.publish(MINE, count=1000)
    live.wait(position=relay.position)
    with open_stream(live, relay, MINE, after=seen) as stream:
        assert [told.id for told in stream.take(1000)] == list(range(seen + 1, seen + 1001))

    relay.publish(MINE)
    live.wait(position=relay.position)
    with open_stream(live, relay, MINE, after=seen) as stream:
        assert [told.event for told in stream.take(1)] == ["resync"]


def test_a_ticket_opens_one_stream(live: LiveProcess, relay: Relay) -> None:
    ticket = relay.ticket(MINE)
    with Stream(live.port, ticket) as stream:
        assert stream.response.status == 200

    status, headers, problem = live.get(f"/live?ticket={ticket}")

    assert (status, headers["Content-Type"]) == (401, "application/problem+json")
    assert (problem["code"], problem["type"]) == ("ticket_refused", f"{PUBLIC_URL}/problems/ticket_refused")
    assert problem["status"] == 401


@pytest.mark.parametrize("ticket", ["", "unknown", "x" * 500, "%00%ff"])
def test_what_is_no_ticket_opens_nothing(live: LiveProcess, ticket: str) -> None:
    assert live.get(f"/live?ticket={ticket}")[0] == 401


def test_a_ticket_is_over_when_its_time_is(live: LiveProcess, relay: Relay) -> None:
    assert live.get(f"/live?ticket={relay.ticket(MINE, seconds=0)}")[0] == 401


def test_a_refusal_speaks_the_asker_s_language(live: LiveProcess) -> None:
    chinese = live.get("/live?ticket=no")
    english = live.get("/live?ticket=no", headers={"Accept-Language": "en"})

    assert (chinese[1]["Content-Language"], english[1]["Content-Language"]) == ("zh-CN", "en")
    assert chinese[2]["title"] != english[2]["title"]


def test_other_paths_and_methods_are_refused(live: LiveProcess) -> None:
    assert live.get("/elsewhere")[0] == 404
    status, headers, _ = live.get("/live", method="POST")
    assert (status, headers["Allow"]) == (405, "GET")


def test_pages_of_the_public_address_and_of_named_origins_may_read(live: LiveProcess) -> None:
    ours = live.get("/live?ticket=no", headers={"Origin": PUBLIC_URL})[1]
    named = live.get("/live?ticket=no", headers={"Origin": NAMED_ORIGIN})[1]
    others = live.get("/live?ticket=no", headers={"Origin": "https://elsewhere.example"})[1]

    assert ours["Access-Control-Allow-Origin"] == PUBLIC_URL
    assert named["Access-Control-Allow-Origin"] == NAMED_ORIGIN
    assert "Access-Control-Allow-Origin" not in others


def test_a_client_that_goes_away_is_forgotten(live: LiveProcess, relay: Relay) -> None:
    stream = open_stream(live, relay, MINE)
    live.wait(streams=1)

    stream.close()

    live.wait(streams=0)


def test_a_listener_that_stops_reading_is_resynchronized_and_let_go(live: LiveProcess, relay: Relay) -> None:
    told = None
    for _ in range(3):  # where all this takes longer than the stream lingers, it is cut before its last word
        with open_stream(live, relay, MINE) as stream:
            for _ in range(30):
                relay.publish(MINE, count=200, body={"padding": "x" * 10_000})
            live.wait(position=relay.position)
            while (coming := stream.next()) is not None:
                told = coming
        if told is not None and told.event == "resync":
            break

    assert told is not None
    assert (told.event, told.data) == ("resync", {"reason": "slow"})


def test_a_stream_outlives_the_database_connection(live: LiveProcess, relay: Relay) -> None:
    with open_stream(live, relay, MINE) as stream:
        first = relay.publish(MINE)
        assert [told.id for told in stream.take(1)] == [first]

        assert relay.cut() >= 1
        meanwhile = [relay.publish(MINE) for _ in range(3)]

        assert [told.id for told in stream.take(3)] == meanwhile
    with open_stream(live, relay, MINE) as stream:
        later = relay.publish(MINE)
        assert [told.id for told in stream.take(1)] == [later]


def test_a_numbering_that_began_anew_is_told_to_open_streams(live: LiveProcess, relay: Relay) -> None:
    with open_stream(live, relay, MINE) as stream:
        relay.publish(MINE)
        stream.take(1)
        relay.restart()
        assert relay.cut() >= 1
        resync = stream.next()
        relay.publish(MINE)
        told = stream.next()

    assert resync is not None
    assert (resync.event, resync.data) == ("resync", {"reason": "reset"})
    assert told is not None
    assert told.id == 1


def test_too_many_streams_of_one_person_are_refused(live: LiveProcess, relay: Relay) -> None:
    streams = [open_stream(live, relay, THEIRS) for _ in range(50)]
    try:
        status, headers, problem = live.get(f"/live?ticket={relay.ticket(THEIRS)}")
    finally:
        for stream in streams:
            stream.close()

    assert (status, problem["code"]) == (429, "too_many_streams")
    assert int(headers["Retry-After"]) > 0


def test_stopping_the_process_ends_open_streams_soon(
    database_url: str, relay: Relay, live: LiveProcess, tmp_path: Path
) -> None:
    with live_process(database_url, tmp_path) as second, open_stream(second, relay, MINE) as stream:
        began = time.monotonic()
        second.process.terminate()

        assert stream.next() is None
        second.process.wait(door.LINGER_S)
        assert time.monotonic() - began < door.LINGER_S


def test_a_wrong_environment_stops_the_start_with_one_sentence(tmp_path: Path) -> None:
    with (
        pytest.raises(RuntimeError, match="STRIPE_API_BASE must be an http"),
        live_process("postgresql://nobody@127.0.0.1:9/none", tmp_path, STRIPE_API_BASE="ftp://gateway"),
    ):
        pass


def test_a_silent_stream_shows_that_it_lives(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(door, "KEEP_ALIVE_S", 0.01)
    listener, sent = Listener([MINE], 0), []

    async def send(message: door.Message) -> None:
        sent.append(message.get("body"))
        if len(sent) == 4:
            listener.end()

    asyncio.run(door._stream(listener, b"retry: 2000\n\n", [], never, send))

    assert sent == [None, b"retry: 2000\n\n", b":\n\n", b":\n\n", b""]


def test_a_client_that_never_reads_again_is_let_go(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(door, "LINGER_S", 0.01)
    listener = Listener([MINE], 0)

    async def send(message: door.Message) -> None:
        if message.get("body"):
            listener.end()
            await asyncio.Event().wait()

    asyncio.run(asyncio.wait_for(door._stream(listener, b"retry: 2000\n\n", [], never, send), timeout=20))


async def never() -> door.Message:
    await asyncio.Event().wait()
    raise AssertionError


def test_importing_the_application_wants_no_environment_and_no_flask() -> None:
    code = (
        "import sys, app.realtime; print([m for m in ('flask', 'flask_sqlalchemy', 'sqlalchemy') if m in sys.modules])"
    )

    done = subprocess.run(
        [sys.executable, "-c", code], env={}, cwd=Path(__file__).parents[2], capture_output=True, text=True, check=True
    )

    assert done.stdout.strip() == "[]"
