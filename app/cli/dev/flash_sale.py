"""``dev.py flash-sale``: many customers at one instant for a quota that a few of them can have, over HTTP."""

from __future__ import annotations

import argparse
import asyncio
import os
import statistics
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import UUID

import orjson
import psutil
import psycopg
from matplotlib.figure import Figure
from rich.progress import Progress

from app import create_app
from app.cli.dev.environment import HOST, free_ports, libpq_url
from app.cli.dev.stack import Stack
from app.core import ledger
from app.kernel.actor import Side
from app.kernel.clock import business_now
from app.kernel.transaction import transaction
from app.settings import read_settings
from app.usecases.people.sign_in import SignedIn
from app.usecases.saving.term_end import TermTerms, launch_term
from app.web.sign_in import access_token

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

LOT_FEN = 5_000_000
WARM_UP_S = 3.0
EARLY_S = 1.0
CONFIRMED_S_MAX, ANSWER_P99_S_MAX, OTHER_P99_S_MAX = 5.0, 2.0, 1.0
_ACCOUNT = "('00000000-0000-7000-8000-' || lpad(n::text, 12, '0'))::uuid"
_SESSION = "('00000000-0000-7000-9000-' || lpad(n::text, 12, '0'))::uuid"
_GRANT = "('00000000-0000-7000-a000-' || lpad(n::text, 12, '0'))::uuid"
_PEOPLE = (
    f"""INSERT INTO accounts (account_id, phone_sealed, phone_index, verification_level)
        SELECT {_ACCOUNT}, '', int8send(n), 3 FROM generate_series(1, %(people)s) AS n""",
    f"""INSERT INTO sessions (session_id, account_id, side, device)
        SELECT {_SESSION}, {_ACCOUNT}, 'user', 'bench' FROM generate_series(1, %(people)s) AS n""",
    f"""INSERT INTO risk_assessments (assessment_id, account_id, questionnaire_version, score, level, taken_at,
            expires_on)
        SELECT gen_random_uuid(), {_ACCOUNT}, 1, 20, 3, now(), '2100-01-01' FROM generate_series(1, %(people)s) AS n""",
    f"""INSERT INTO document_consents (account_id, kind, version, consented_at)
        SELECT {_ACCOUNT}, k, 1, now() FROM generate_series(1, %(people)s) AS n,
            unnest(ARRAY['term_prospectus', 'term_risk_disclosure']) AS k""",
    f"""INSERT INTO step_up_grants (grant_id, session_id, purpose, subject_id, amount_fen_max, factor, expires_at)
        SELECT {_GRANT}, {_SESSION}, 'buy_wealth', %(product)s, 10000000, 'pin', now() + interval '1 hour'
        FROM generate_series(1, %(people)s) AS n""",
    """SELECT ledger.post('bench:' || first, 'opening', NULL, NULL, codes || 'bank_settlement'::text,
            array_fill(6000000::bigint, ARRAY[cardinality(codes)]) || (-6000000::bigint * cardinality(codes)))
        FROM (SELECT min(n) AS first, array_agg('e_account:00000000-0000-7000-8000-' || lpad(n::text, 12, '0')
              ORDER BY n) AS codes FROM generate_series(1, %(people)s) AS n GROUP BY n / 900) AS batch""",
    "ANALYZE",
)
_SOLD = """
    SELECT count(*), coalesce(max(held_at), now()), coalesce(max(confirmed_at), now()),
        count(*) FILTER (WHERE confirmed_at IS NOT NULL), coalesce(min(held_at), now()),
        array_agg(extract(epoch FROM held_at - %(opens_at)s)::float8 ORDER BY held_at)
    FROM term_subscriptions WHERE product_id = %(product)s
"""


@dataclass(frozen=True)
class Answer:
    """One answer: when it came after the opening, how long it took, what it said."""

    at_s: float
    took_s: float
    status: int
    code: str


@dataclass
class Crowd:
    """The customers: open connections that each send the next request when the last one is answered."""

    port: int
    product_id: UUID
    tokens: list[str]
    requests: int
    opens: float
    is_held: bool = False
    answers: list[Answer] = field(default_factory=list)
    confirmations: list[Answer] = field(default_factory=list)
    others: list[Answer] = field(default_factory=list)
    sent: int = 0
    is_over: bool = False

    async def run(self, connections: int, progress: Progress) -> None:
        """Send everything, and other traffic beside it."""
        task = progress.add_task("requests", total=self.requests)
        beside = [asyncio.create_task(self._look_around(number)) for number in range(2)]
        crowd = [asyncio.create_task(self._press()) for _ in range(connections)]
        while not all(one.done() for one in crowd):
            progress.update(task, completed=len(self.answers))
            await asyncio.sleep(0.1)
        progress.update(task, completed=len(self.answers))
        self.is_over = True
        await asyncio.gather(*crowd, *beside)

    async def _press(self) -> None:
        reader, writer = await asyncio.open_connection(HOST, self.port)
        while self.sent < self.requests:
            number = self.sent
            self.sent += 1
            customer = number % len(self.tokens)
            grant = _uuid("a", customer + 1)
            body = orjson.dumps({"amount_fen": LOT_FEN, "step_up_grant": grant, "is_confirmed": not self.is_held})
            path = f"/user/v1/term-products/{self.product_id}/subscriptions"
            said = await self._ask(reader, writer, "POST", path, customer, f"flash-{number:08d}", body, self.answers)
            if said is not None and self.is_held:
                path = f"/user/v1/subscriptions/{orjson.loads(said)['subscription_id']}/confirmation"
                key = f"confirm-{number:08d}"
                await self._ask(reader, writer, "POST", path, customer, key, b"", self.confirmations)
        writer.close()

    async def _look_around(self, number: int) -> None:
        reader, writer = await asyncio.open_connection(HOST, self.port)
        while not self.is_over:
            await self._ask(reader, writer, "GET", "/user/v1/account", number, "", b"", self.others)
            await asyncio.sleep(0.05)
        writer.close()

    async def _ask(  # noqa: PLR0917 - what a request is made of
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        method: str,
        path: str,
        customer: int,
        key: str,
        body: bytes,
        into: list[Answer],
    ) -> bytes | None:
        began = time.time()
        head = (
            f"{method} {path} HTTP/1.1\r\nHost: {HOST}\r\nAuthorization: Bearer {self.tokens[customer]}\r\n"
            f"Idempotency-Key: {key or 'none-needed'}\r\nContent-Type: application/json\r\n"
            f"Content-Length: {len(body)}\r\n\r\n"
        )
        writer.write(head.encode() + body)
        lines = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
        status = int(lines[0].split()[1])
        length = next(int(line.split(":")[1]) for line in lines if line.lower().startswith("content-length"))
        said = await reader.readexactly(length)
        now = time.time()
        code = "" if status < 400 else str(orjson.loads(said).get("code"))  # noqa: PLR2004 - where problems begin
        into.append(Answer(now - self.opens, now - began, status, code))
        return said if status == 201 else None  # noqa: PLR2004 - taken


def _uuid(kind: str, number: int) -> str:
    return f"00000000-0000-7000-{kind}000-{number:012d}"


def main(arguments: Sequence[str]) -> int:
    """Run one sale; exit code 1 when anything but exactly the quota was sold, or an answer was a 5xx."""
    parser = argparse.ArgumentParser(prog="dev.py flash-sale")
    parser.add_argument("--requests", type=int, default=5_000)
    parser.add_argument("--customers", type=int, default=1_000)
    parser.add_argument("--lots", type=int, default=100)
    parser.add_argument("--connections", type=int, default=256)
    parser.add_argument("--hold", action="store_true", help="take first, confirm by a second request")
    parser.add_argument("--chart", type=Path, default=Path("var/flash-sale.png"))
    given = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory(prefix="linli-sale-") as folder:
        stack = Stack(Path(folder), free_ports())
        with stack:
            os.environ.update({**stack.settings, "LINLI_POOL_SIZE": "4"})
            stack.wait_ready()
            assert stack.postgres is not None, "flash-sale starts its own server"
            app = create_app(read_settings())
            url = libpq_url(stack.postgres.url("postgres", "linli"))
            with app.app_context(), psycopg.connect(url, autocommit=True) as owner:
                return _sale(stack, owner, given)


def _sale(stack: Stack, owner: psycopg.Connection, given: argparse.Namespace) -> int:
    product_id, opens_at = _launch(given.lots)
    for statement in _PEOPLE:
        owner.execute(statement, {"people": given.customers, "product": product_id})
    tokens = [
        access_token(
            SignedIn(account_id=UUID(_uuid("8", n)), session_id=UUID(_uuid("9", n)), refresh_token=""), Side.USER
        )
        for n in range(1, given.customers + 1)
    ]
    with transaction() as tx:
        opens_at = business_now(tx) + timedelta(seconds=WARM_UP_S)
    owner.execute("UPDATE term_products SET opens_at = %s WHERE product_id = %s", (opens_at, product_id))
    crowd = Crowd(stack.ports.web, product_id, tokens, given.requests, opens_at.timestamp(), given.hold)
    time.sleep(WARM_UP_S - EARLY_S)
    servers = {name: psutil.Process(stack.pids[name]) for name in ("web", "postgres")}
    before = {name: _cpu_s(process) for name, process in servers.items()}
    began, mine = time.monotonic(), time.process_time()
    with Progress() as progress:
        asyncio.run(crowd.run(given.connections, progress))
    took_s, client_s = time.monotonic() - began, time.process_time() - mine
    used = {name: _cpu_s(process) - before[name] for name, process in servers.items()}
    sold = owner.execute(_SOLD, {"product": product_id, "opens_at": opens_at}).fetchone()
    assert sold is not None, "a count has a row"
    cap = owner.execute("SELECT coalesce(max(amount_fen), 0) FROM term_positions").fetchone() or (0,)
    left = owner.execute("SELECT sum(left_fen) FROM term_quotas").fetchone() or (0,)
    _report(crowd, given, took_s, client_s, used)
    first_s, last_s = (sold[4] - opens_at).total_seconds(), (sold[1] - opens_at).total_seconds()
    confirmed_s = (sold[2] - opens_at).total_seconds()
    print(
        f"  sold {sold[0]} of {given.lots} lots, {left[0]} fen left; first {first_s:.3f} s, last {last_s:.2f} s after"
        f" the opening; {sold[3]} confirmed by {confirmed_s:.2f} s (aim {CONFIRMED_S_MAX:.0f} s)"
    )
    print(f"  most that one customer has: {cap[0]} fen of {LOT_FEN}")
    _chart(crowd, list(sold[5] or ()), given.chart)
    with transaction() as tx:
        proof = ledger.prove(tx)
    print(f"  {proof}; chart in {given.chart}")
    errors = [one for one in [*crowd.answers, *crowd.others, *crowd.confirmations] if one.status >= 500]  # noqa: PLR2004
    is_exact = (sold[0], left[0], cap[0] <= LOT_FEN, first_s >= 0) == (given.lots, 0, True, True)
    return 0 if is_exact and not errors and proof.is_sound else 1


def _launch(lots: int) -> tuple[UUID, datetime]:
    with transaction() as tx:
        now = business_now(tx)
    terms = TermTerms(
        name_zh="紫金理财",
        name_en="Purple Gold",
        quota_fen=lots * LOT_FEN,
        opens_at=now + timedelta(hours=1),
        closes_at=now + timedelta(days=1),
        value_on=now.date(),
        matures_on=now.date(),
        rate_bp=320,
        step_fen=LOT_FEN,
        minimum_fen=LOT_FEN,
    )
    return launch_term(terms), now


def _cpu_s(process: psutil.Process) -> float:
    """Return the processor seconds of a process and its children."""
    total = 0.0
    for one in [process, *process.children(recursive=True)]:
        try:
            times = one.cpu_times()
        except psutil.NoSuchProcess:
            continue
        total += times.user + times.system
    return total


def _report(crowd: Crowd, given: argparse.Namespace, took_s: float, client_s: float, used: dict[str, float]) -> None:
    codes = Counter(one.code or str(one.status) for one in crowd.answers)
    print(
        f"{given.requests:,} requests of {given.customers:,} customers over {given.connections} connections for"
        f" {given.lots:,} lots: {took_s:.1f} s, {given.requests / took_s:,.0f} requests/s"
    )
    print(f"  answers: {dict(codes)}; 5xx: {sum(one.status >= 500 for one in crowd.answers)}")  # noqa: PLR2004
    for name, answers, aim in (
        ("subscriptions", crowd.answers, ANSWER_P99_S_MAX),
        ("other traffic", crowd.others, OTHER_P99_S_MAX),
    ):
        cuts = statistics.quantiles([one.took_s for one in answers] or [0.0, 0.0], n=100)
        print(f"  {name}: p50 {cuts[49]:.3f} s, p99 {cuts[98]:.3f} s (aim {aim:.0f} s), {len(answers):,} answers")
    cores = ", ".join(f"{name} {seconds / took_s:.0%}" for name, seconds in {**used, "client": client_s}.items())
    print(f"  of one core: {cores}")


def _chart(crowd: Crowd, sold_s: list[float], path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    figure = Figure(figsize=(9, 6))
    above, below = figure.subplots(2, 1, sharex=True)
    above.step(sold_s, range(1, len(sold_s) + 1), where="post", color="#6a3d9a")
    above.set_ylabel("lots sold")
    below.plot([one.at_s for one in crowd.answers], [one.took_s for one in crowd.answers], ",", color="#1f78b4")
    below.plot([one.at_s for one in crowd.others], [one.took_s for one in crowd.others], ".", color="#ff7f00", ms=3)
    below.set_ylabel("answer took, s (orange: other traffic)")
    below.set_xlabel("seconds after the opening")
    figure.savefig(path, dpi=120)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
