from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import psycopg
import pytest
from sqlalchemy.exc import DBAPIError

from app.core.ledger import (
    DayClosed,
    InsufficientFunds,
    Journal,
    JournalKind,
    LedgerKeyReused,
    Leg,
    close_day,
    codes,
    post,
    prove,
    statement,
)
from tests.support.ledger_database import admin_url, committing, ledger_database, ledger_engine
from tests.support.ledger_drills import (
    DRILLS,
    drill_batches,
    drill_double_capture,
    drill_double_spend,
    drill_refusals,
    drill_same_key,
    drill_transfers,
    fund,
    move,
    person,
)

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import date

ADMIN_URL = admin_url()
pytestmark = pytest.mark.skipif(ADMIN_URL is None, reason="TEST_DATABASE_URL names no server")


@pytest.fixture(scope="module")
def books_url() -> Iterator[str]:
    assert ADMIN_URL is not None
    with ledger_database(ADMIN_URL) as url:
        yield url


def test_random_transfers_by_eight_threads_neither_deadlock_nor_lose_a_fen(books_url: str) -> None:
    drill_transfers(books_url, rounds=60)


def test_two_captures_of_one_hold_at_once_have_one_winner(books_url: str) -> None:
    drill_double_capture(books_url, rounds=8)


def test_one_balance_spent_by_fifty_at_once_pays_for_what_it_can(books_url: str) -> None:
    drill_double_spend(books_url)


def test_one_key_by_twenty_at_once_makes_one_journal(books_url: str) -> None:
    drill_same_key(books_url)


def test_what_is_written_stays_written(books_url: str) -> None:
    drill_refusals(books_url)


def test_many_journals_at_once_stand_as_one_by_one(books_url: str) -> None:
    drill_batches(books_url)


def test_every_drill_is_run() -> None:
    assert len(DRILLS) == 7


def test_an_overdraft_names_the_account(books_url: str) -> None:
    fund(books_url, range(600, 601), 100)

    with pytest.raises(InsufficientFunds) as refusal, committing(ledger_engine(books_url)) as tx:
        post(tx, move("too-much", person(600), codes.SUSPENSE, 101))

    assert refusal.value.params == {"account": person(600)}


def _today(url: str) -> date:
    with psycopg.connect(url) as connection:
        row = connection.execute("SELECT (public.business_now() AT TIME ZONE 'Asia/Shanghai')::date").fetchone()
    assert row is not None
    today: date = row[0]
    return today


def test_nothing_takes_effect_on_a_closed_day(books_url: str) -> None:
    today = _today(books_url)
    day_before, yesterday = today - timedelta(days=2), today - timedelta(days=1)

    def on(day: date, key: str, amount_fen: int = 1) -> Journal:
        legs = (Leg(codes.SUSPENSE, -amount_fen), Leg(codes.COMMISSION, amount_fen))
        return Journal(key, JournalKind.CORRECTION, legs, effective_on=day)

    with committing(ledger_engine(books_url)) as tx:
        first = post(tx, on(day_before, "before-the-close"))
    with committing(ledger_engine(books_url)) as tx:
        close_day(tx, day_before)

    with pytest.raises(DayClosed) as refusal, committing(ledger_engine(books_url)) as tx:
        post(tx, on(day_before, "after-the-close"))
    assert refusal.value.params == {"day": day_before.isoformat()}
    with pytest.raises(DayClosed), committing(ledger_engine(books_url)) as tx:
        post(tx, on(day_before - timedelta(days=30), "long-before-the-close"))
    with pytest.raises(LedgerKeyReused), committing(ledger_engine(books_url)) as tx:
        post(tx, on(day_before, "before-the-close", amount_fen=2))
    with committing(ledger_engine(books_url)) as tx:
        replay = post(tx, on(day_before, "before-the-close"))
        assert (replay.journal_id, replay.replayed) == (first.journal_id, True)
    with committing(ledger_engine(books_url)) as tx:
        assert not post(tx, on(yesterday, "on-an-open-day")).replayed
        assert prove(tx).is_sound


def test_a_day_that_is_not_over_cannot_be_closed(books_url: str) -> None:
    today = _today(books_url)

    with pytest.raises(DBAPIError, match="is not over"), committing(ledger_engine(books_url)) as tx:
        close_day(tx, today)


def test_a_statement_pages_from_the_latest(books_url: str) -> None:
    for _ in range(3):
        fund(books_url, range(700, 701), 100)

    with committing(ledger_engine(books_url)) as tx:
        first = statement(tx, person(700), limit=2)
        second = statement(tx, person(700), before_seq=first[-1].seq, limit=2)

    assert [line.balance_fen for line in [*first, *second]] == [300, 200, 100]


@pytest.mark.parametrize(
    "change, finding, names_the_entry",
    [
        ("UPDATE ledger.entry SET amount_fen = amount_fen + 1 WHERE {row}", "bad_link", True),
        ("UPDATE ledger.entry SET balance_fen = balance_fen + 1 WHERE {row}", "bad_link", True),
        ("DELETE FROM ledger.entry WHERE {row}", "bad_account", False),
        ("UPDATE ledger.journal SET ref = 'other' WHERE id = {journal}", "bad_link", True),
        ("UPDATE ledger.journal SET kind = 'other' WHERE id = {journal}", "bad_link", True),
        ("UPDATE ledger.account SET posted_fen = posted_fen + 1 WHERE id = {account}", "bad_account", False),
        ("UPDATE ledger.account SET held_fen = held_fen + 1 WHERE id = {account}", "bad_hold", False),
        ("UPDATE ledger.account SET room_fen = room_fen + 1 WHERE id = {account}", "negative_account", False),
        ("UPDATE ledger.journal SET key = 'other' WHERE id = {journal}", "bad_link", True),
        ("DELETE FROM ledger.journal WHERE id = {journal}", "bad_link", True),
    ],
)
def test_a_superuser_who_changes_a_row_is_found(change: str, finding: str, *, names_the_entry: bool) -> None:
    assert ADMIN_URL is not None
    with ledger_database(ADMIN_URL) as url:
        for _ in range(3):
            fund(url, range(1, 3), 500)
        with psycopg.connect(url) as connection:
            row = connection.execute(
                "SELECT e.account_id, e.journal_id FROM ledger.entry e JOIN ledger.account a ON a.id = e.account_id"
                " WHERE a.code = %s AND e.seq = 2",
                (person(1),),
            ).fetchone()
            assert row is not None
            for table in ("entry", "journal", "account"):
                connection.execute(f"ALTER TABLE ledger.{table} DISABLE TRIGGER USER".encode())
            statement_ = change.format(row=f"account_id = {row[0]} AND seq = 2", journal=row[1], account=row[0])
            connection.execute(statement_.encode())

        with committing(ledger_engine(url)) as tx:
            proof = prove(tx)

    assert not proof.is_sound
    found = [f for f in proof.findings if f.finding == finding]
    assert found, str(proof)
    if names_the_entry:
        assert (person(1), 2, row[1]) in [(f.code, f.seq, f.journal_id) for f in found], str(proof)
