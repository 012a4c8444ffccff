"""The proof of the books finds what the plain one finds, which looks at each law on its own, whatever was changed."""

from __future__ import annotations

import contextlib
import random
from typing import TYPE_CHECKING

import psycopg
import pytest

from tests.support.ledger_database import SQL_FOLDER, admin_url, ledger_database, ledger_source

if TYPE_CHECKING:
    from collections.abc import Iterator

ADMIN_URL = admin_url()
pytestmark = pytest.mark.skipif(ADMIN_URL is None, reason="TEST_DATABASE_URL names no server")

CHANGES = 120
PLAIN = r"""
create view plain_finding as
    select 'bad_account' as finding, a.code, null::bigint as seq, null::bigint as journal_id,
           format('balance %s, entries %s; sequence %s, last %s of %s',
                  a.posted_fen, e.total, a.seq, e.last, e.entries) as detail
      from ledger.account a
      full join (select account_id, sum(amount_fen) as total, max(seq) as last, count(*) as entries
                   from ledger.entry group by 1) e
        on e.account_id = a.id
     where a.id is null or a.posted_fen <> coalesce(e.total, 0)
        or a.seq <> coalesce(e.last, 0) or a.seq <> coalesce(e.entries, 0)
    union all
    select 'bad_hold', a.code, null, null, format('held %s, open holds %s', a.held_fen, coalesce(h.total, 0))
      from ledger.account a
      left join (select account_id, sum(amount_fen) as total from ledger.hold where state = 'open' group by 1) h
        on h.account_id = a.id
     where a.held_fen <> coalesce(h.total, 0)
    union all
    select 'bad_hold', a.code, null, j.id,
           format('hold %s took %s, its journal %s', h.key, h.captured_fen, coalesce(-e.amount_fen, 0))
      from ledger.hold h
      join ledger.account a on a.id = h.account_id
      left join ledger.journal j on j.key = h.journal_key
      left join ledger.entry e on e.journal_id = j.id and e.account_id = h.account_id
     where h.state = 'captured' and h.captured_fen is distinct from -e.amount_fen
    union all
    select 'bad_journal', null, null, e.journal_id, format('%s legs that sum to %s', count(*), sum(e.amount_fen))
      from ledger.entry e group by e.journal_id having sum(e.amount_fen) <> 0 or count(*) < 2
    union all
    select 'empty_journal', null, null, j.id, format('journal %s has no legs', j.key)
      from ledger.journal j
      left join (select distinct journal_id from ledger.entry) e on e.journal_id = j.id
     where e.journal_id is null
    union all
    select 'bad_link', a.code, l.seq, l.journal_id,
           format('amount %s, balance %s after %s, predecessor %s',
                  l.amount_fen, l.balance_fen, l.previous_balance, l.previous_seq)
      from (select e.*, lag(e.seq, 1, 0::bigint) over chain as previous_seq,
                   lag(e.balance_fen, 1, 0::bigint) over chain as previous_balance,
                   lag(e.head, 1, '\x00'::bytea) over chain as previous_head, lead(e.seq) over chain is null as is_last
              from ledger.entry e window chain as (partition by e.account_id order by e.seq)) l
      left join ledger.account a on a.id = l.account_id
      left join ledger.journal j on j.id = l.journal_id and ledger.month_of(j.effective_on) = l.month
     where l.seq <> l.previous_seq + 1
        or l.balance_fen <> l.previous_balance + l.amount_fen
        or l.is_last and a.head is distinct from l.head
        or l.head is distinct from ledger.chain(l.previous_head,
               ledger.journal_digest(j.id, j.key, j.kind, j.ref, j.effective_on, j.posted_at),
               l.amount_fen, l.balance_fen)
    union all
    select 'negative_account', a.code, null, null,
           format('posted %s, held %s, room %s, floor %s', a.posted_fen, a.held_fen, a.room_fen, k.floor_fen)
      from ledger.account a join ledger.account_kind k on k.kind = a.kind
     where a.room_fen is distinct from a.posted_fen - a.held_fen - k.floor_fen or a.room_fen < 0;
"""
POSTED = """
SELECT ledger.post('give:' || n, 'opening', NULL, NULL,
                   ARRAY['e_account:00000000-0000-7000-8000-00000000000' || n % 5, 'bank_settlement'],
                   ARRAY[1000, -1000])
  FROM generate_series(1, 12) AS n;
SELECT ledger.post('done:' || n, 'completion', 'order ' || n, NULL,
                   ARRAY['e_account:00000000-0000-7000-8000-00000000000' || n % 5,
                         'merchant_pending:00000000-0000-7000-8000-000000000009', 'commission'], ARRAY[-100, 95, 5])
  FROM generate_series(1, 20) AS n;
SELECT ledger.place_hold('hold:' || n, 'e_account:00000000-0000-7000-8000-000000000001', 50, interval '1 hour')
  FROM generate_series(1, 2) AS n;
SELECT ledger.capture_hold('hold:2', 'capture:2', 'payment', NULL, NULL, ARRAY['suspense'], ARRAY[50]::bigint[]);
"""
TOLD = "SELECT finding, code, seq, journal_id, detail FROM {} ORDER BY 1, 2, 3, 4, 5"
TWICE = "SELECT count(*) FROM (SELECT FROM ledger.entry GROUP BY account_id, seq HAVING count(*) > 1) AS one"
ENTRY = """(account_id, seq, month) =
    (SELECT account_id, seq, month FROM ledger.entry ORDER BY account_id, seq LIMIT 1 OFFSET {row})"""
ROW = "SELECT account_id, {place}, journal_id, amount_fen, balance_fen, head FROM ledger.entry"
BESIDE = "SELECT id + 1000000, key || 'x', legs_hash, kind, ref, effective_on, posted_at FROM ledger.journal"
GONE = f"DELETE FROM ledger.entry WHERE {ENTRY} RETURNING journal_id"  # of two legs one is left, which sums to zero
JOURNAL = "id = (SELECT id FROM ledger.journal ORDER BY id LIMIT 1 OFFSET {row})"
ACCOUNT = "id = (SELECT id FROM ledger.account WHERE seq > 0 ORDER BY id LIMIT 1 OFFSET {row})"
UNMOVED = "id = (SELECT id FROM ledger.account WHERE seq = 0 ORDER BY id LIMIT 1 OFFSET {row})"
STATEMENTS = (
    *(
        f"UPDATE ledger.entry SET {change} WHERE {ENTRY}"
        for change in (
            "amount_fen = amount_fen + 1",
            "balance_fen = balance_fen - 1",
            r"head = '\x01'",
            "seq = seq + 1000",
            "seq = -seq",
            "month = month + 1",
            "journal_id = journal_id + 1",
            "journal_id = -journal_id",
            "account_id = account_id + 1000000",
        )
    ),
    f"DELETE FROM ledger.entry WHERE {ENTRY}",
    f"INSERT INTO ledger.entry {ROW.format(place='seq, month + 1')} WHERE {ENTRY}",
    f"INSERT INTO ledger.entry {ROW.format(place='seq + 1, month')} WHERE {ENTRY} ON CONFLICT DO NOTHING",
    f"UPDATE ledger.entry SET journal_id = -journal_id WHERE journal_{JOURNAL}",
    f"DELETE FROM ledger.entry WHERE journal_{JOURNAL}",
    f"WITH gone AS ({GONE}) UPDATE ledger.entry SET amount_fen = 0 WHERE journal_id IN (SELECT journal_id FROM gone)",
    *(
        f"UPDATE ledger.journal SET {change} WHERE {JOURNAL}"
        for change in (
            "key = key || 'x'",
            "kind = kind || 'x'",
            "ref = coalesce(ref, '') || 'x'",
            "effective_on = effective_on + 1",
            "effective_on = effective_on + 40",
            "posted_at = posted_at + interval '1 second'",
            "id = id + 1000000",
        )
    ),
    f"DELETE FROM ledger.journal WHERE {JOURNAL}",
    f"INSERT INTO ledger.journal {BESIDE} WHERE {JOURNAL}",
    *(
        f"UPDATE ledger.account SET {change} WHERE {ACCOUNT}"
        for change in (
            "posted_fen = posted_fen + 1",
            "seq = seq - 1",
            "seq = seq + 1",
            r"head = '\x01'",
            r"seq = seq + 1, head = '\x01'",
            "seq = seq + 1, posted_fen = posted_fen + 1",
            "held_fen = held_fen + 1",
            "room_fen = coalesce(room_fen, 0) + 1",
        )
    ),
    f"DELETE FROM ledger.account WHERE {ACCOUNT}",
    "UPDATE ledger.hold SET amount_fen = amount_fen + 1 WHERE state = 'open'",
)
"""What changes a row in one column, or its place, or drops it, or puts another beside it; ``{row}`` is a dice's."""
FOR_THE_WHOLE = (
    f"UPDATE ledger.account SET posted_fen = 1 WHERE {UNMOVED}",
    f"UPDATE ledger.account SET seq = 1 WHERE {UNMOVED}",
    "UPDATE ledger.hold SET captured_fen = captured_fen - 1 WHERE state = 'captured'",
    "UPDATE ledger.hold SET journal_key = 'none' WHERE state = 'captured'",
)
"""What the proof of what is new takes for granted: captured holds, and accounts that no journal moved."""


@pytest.fixture
def books() -> Iterator[psycopg.Connection]:
    assert ADMIN_URL is not None
    source = ledger_source() + (SQL_FOLDER / "ledger_since.sql").read_text(encoding="utf-8")
    with ledger_database(ADMIN_URL, source=source) as url, psycopg.connect(url, autocommit=True) as connection:
        connection.execute(PLAIN.encode())
        connection.execute(POSTED.encode())
        for table in ("entry", "journal", "account"):
            connection.execute(f"ALTER TABLE ledger.{table} DISABLE TRIGGER ALL".encode())
        yield connection


def rows(connection: psycopg.Connection, source: str) -> list[tuple[object, ...]]:
    return connection.execute(TOLD.format(source).encode()).fetchall()


def number(connection: psycopg.Connection, statement: str) -> int:
    row = connection.execute(statement.encode()).fetchone()
    assert row is not None
    return int(row[0])


def change(connection: psycopg.Connection, statement: str, row: int) -> None:
    with contextlib.suppress(psycopg.IntegrityError), connection.transaction():  # a key or a domain refuses some
        connection.execute(statement.format(row=row).encode())


def test_the_proof_names_what_the_plain_one_names(books: psycopg.Connection) -> None:
    seed = random.randrange(2**32)
    dice = random.Random(seed)
    latest = number(books, "SELECT ledger.latest_journal()")
    again = f"ledger.findings_again(0, {latest}, {number(books, f'SELECT ledger.print_of(0, {latest})')})"
    lengths = {
        name: number(books, f"SELECT count(*) FROM ledger.{name}") for name in ("entry", "journal", "account", "hold")
    }
    lengths["account"] = number(books, "SELECT count(*) FROM ledger.account WHERE seq > 0")
    sound = [rows(books, one) for one in ("plain_finding", "ledger.finding", "ledger.findings_since(0)", again)]
    every = STATEMENTS + FOR_THE_WHOLE
    noticed = 0

    for turn in range(CHANGES):
        chosen = [every[turn % len(every)], *dice.choices(every, k=dice.randrange(3) if turn >= len(every) else 0)]
        with books.transaction(force_rollback=True):
            for statement in chosen:
                table = statement.split("ledger.", 1)[1].split(" ", 1)[0]
                change(books, statement, dice.randrange(lengths[table]))
            plain = rows(books, "plain_finding")

            whole = rows(books, "ledger.finding")
            # Of two entries at one place of a chain nobody says which comes first, so that links are named by chance.
            named = bool if number(books, TWICE) else list
            assert named(whole) == named(plain), (seed, chosen)
            seen_again = {"bad_link", "bad_journal", "empty_journal"}
            if not set(chosen) & set(FOR_THE_WHOLE):
                assert bool(rows(books, "ledger.findings_since(0)")) == bool(plain), (seed, chosen)
                seen_again.add("bad_account")
            if seen_again & {row[0] for row in plain}:
                assert rows(books, again) + rows(books, f"ledger.findings_since({latest})"), (seed, chosen)
            noticed += bool(plain)

    assert sound == [[]] * 4
    assert noticed > CHANGES * 0.8, seed
