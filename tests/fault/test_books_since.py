"""The proof of what is new in the books: it names what was changed after its mark, and steps over nothing."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

import psycopg
import pytest
from click.testing import CliRunner
from sqlalchemy import text
from structlog.testing import capture_logs

from app.cli.books import books_commands
from app.core import ledger
from app.kernel.ids import new_id
from app.kernel.transaction import read, transaction
from app.usecases.reconciling.prove import prove_all, prove_new
from tests.support.ledger_database import (
    SQL_FOLDER,
    admin_url,
    committing,
    ledger_database,
    ledger_engine,
    ledger_source,
    libpq_url,
    with_database,
)
from tests.support.sandbox_gateway import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator

    from flask import Flask

    from app.kernel.transaction import Transaction

ADMIN_URL = admin_url()
pytestmark = pytest.mark.skipif(ADMIN_URL is None, reason="TEST_DATABASE_URL names no server")

ACCOUNT = "e_account:00000000-0000-7000-8000-000000000001"
OTHER = "e_account:00000000-0000-7000-8000-000000000002"

CHANGES = {
    "bad_journal": "UPDATE ledger.entry SET amount_fen = -1 WHERE journal_id = {journal} AND amount_fen < 0",
    "bad_link": "UPDATE ledger.entry SET head = '\\x01' WHERE journal_id = {journal} AND amount_fen < 0",
    "bad_account": "UPDATE ledger.account SET posted_fen = posted_fen + 1 WHERE code = '" + ACCOUNT + "'",
    "bad_hold": "UPDATE ledger.account SET held_fen = held_fen + 1 WHERE code = '" + ACCOUNT + "'",
    "negative_account": "UPDATE ledger.account SET room_fen = room_fen + 1 WHERE code = '" + ACCOUNT + "'",
    "empty_journal": "DELETE FROM ledger.entry WHERE journal_id = {journal}",
}


@pytest.fixture
def books() -> Iterator[psycopg.Connection]:
    assert ADMIN_URL is not None
    source = ledger_source() + (SQL_FOLDER / "ledger_since.sql").read_text(encoding="utf-8")
    with ledger_database(ADMIN_URL, source=source) as url, psycopg.connect(url, autocommit=True) as connection:
        connection.execute("SET session_replication_role = replica")  # past the refusals
        for table in ("entry", "journal"):
            connection.execute(f"ALTER TABLE ledger.{table} DISABLE TRIGGER ALL".encode())
        yield connection


def post(connection: psycopg.Connection, debit: str, credit: str, fen: int) -> int:
    """Move money, parties' legs first as the ledger wants them, and return the journal's number."""
    key = f"test:{new_id()}"
    legs = sorted([(debit, -fen), (credit, fen)], key=lambda leg: (":" not in leg[0], leg[0]))
    connection.execute(
        "SELECT * FROM ledger.post(%s, 'opening', NULL, NULL, %s::text[], %s::bigint[])",
        (key, [code for code, _ in legs], [amount for _, amount in legs]),
    )
    found = connection.execute("SELECT id FROM ledger.journal WHERE key = %s", (key,)).fetchone()
    assert found is not None
    return int(found[0])


@contextmanager
def as_tx(connection: psycopg.Connection) -> Iterator[Transaction]:
    """Yield a transaction of another connection to the same database, as the ledger's calls want it."""
    server = f"host={connection.info.host}&port={connection.info.port}"
    engine = ledger_engine(f"postgresql://{connection.info.user}@/{connection.info.dbname}?{server}")
    with committing(engine) as tx:
        yield tx


def found_since(connection: psycopg.Connection, mark: int) -> set[str]:
    return {row[0] for row in connection.execute("SELECT finding FROM ledger.findings_since(%s)", (mark,))}


def test_sound_books_have_no_findings_after_any_mark(books: psycopg.Connection) -> None:
    journals = [post(books, "bank_settlement", ACCOUNT, 900), post(books, ACCOUNT, OTHER, 100)]
    books.execute("SELECT ledger.place_hold('test:hold', %s, 50, interval '1 hour')", (ACCOUNT,))
    journals.append(post(books, OTHER, ACCOUNT, 30))

    found = [found_since(books, mark) for mark in (0, *journals)]

    assert found == [set()] * 4


@pytest.mark.parametrize("finding", CHANGES)
def test_what_was_changed_after_the_mark_is_named(books: psycopg.Connection, finding: str) -> None:
    mark = post(books, "bank_settlement", ACCOUNT, 900)
    journal = post(books, ACCOUNT, OTHER, 100)
    assert found_since(books, mark) == set()

    books.execute(CHANGES[finding].format(journal=journal).encode())

    assert finding in found_since(books, mark)
    assert found_since(books, 0) >= found_since(books, mark)


def test_an_entry_that_does_not_fit_what_stood_before_the_mark_is_named(books: psycopg.Connection) -> None:
    post(books, "bank_settlement", ACCOUNT, 900)
    mark = post(books, "bank_settlement", ACCOUNT, 50)
    post(books, ACCOUNT, OTHER, 100)

    books.execute("UPDATE ledger.entry SET balance_fen = 951 WHERE journal_id = %s AND amount_fen > 0", (mark,))

    assert "bad_link" in found_since(books, mark)


def test_a_journal_under_way_is_not_stepped_over(app: Flask) -> None:
    def proven_to() -> int:
        return int(read(text("SELECT proven_to FROM books_mark")).scalar_one())

    with psycopg.connect(libpq_url(app.config["LINLI"].database_url)) as slow:
        late = post(slow, "bank_settlement", f"e_account:{new_id()}", 100)  # not committed yet
        with psycopg.connect(libpq_url(app.config["LINLI"].database_url), autocommit=True) as quick:
            later = post(quick, "suspense", f"e_account:{new_id()}", 100)
        assert late < later

        assert [prove_new() for _ in range(3)] == [True] * 3

        assert proven_to() < late
        slow.commit()

    def goes_on() -> bool:
        return prove_new() and proven_to() >= later

    wait_until(goes_on)  # transactions of the server's other databases count as under way, too


AGAIN = {
    "an amount": (
        "UPDATE ledger.entry SET amount_fen = amount_fen - 1 WHERE journal_id = {journal} AND amount_fen < 0",
        "bad_journal",
    ),
    "a reference": ("UPDATE ledger.journal SET ref = 'another' WHERE id = {journal}", "bad_link"),
    "a request": ("UPDATE ledger.journal SET legs_hash = legs_hash + 1 WHERE id = {journal}", "changed_part"),
    "a row gone": ("DELETE FROM ledger.entry WHERE journal_id = {journal} AND amount_fen < 0", "bad_journal"),
    "a balance": ("UPDATE ledger.account SET posted_fen = posted_fen + 1 WHERE code = '" + OTHER + "'", "bad_account"),
}


@pytest.mark.parametrize("change", AGAIN)
def test_what_is_changed_after_it_was_proven_is_named_all_the_same(books: psycopg.Connection, change: str) -> None:
    whole = post(books, "bank_settlement", ACCOUNT, 900)
    journal = post(books, ACCOUNT, OTHER, 100)
    proven = post(books, "suspense", ACCOUNT, 7)
    post(books, "suspense", ACCOUNT, 8)  # an account that moved on is no difference
    with as_tx(books) as tx:
        print_ = ledger.print_since(tx, whole, proven)
        assert print_ is not None
        halves = [ledger.print_since(tx, whole, journal), ledger.print_since(tx, journal, proven)]
        assert sum(half or 0 for half in halves) == print_
        assert ledger.findings_again(tx, after=whole, to=proven, print_=print_) == ()

    statement, finding = AGAIN[change]
    books.execute(statement.format(journal=journal).encode())

    with as_tx(books) as tx:
        found = ledger.findings_again(tx, after=whole, to=proven, print_=print_)
    assert finding in {one.finding for one in found}
    assert journal in {one.journal_id for one in found} or finding in ("bad_account", "changed_part")


@pytest.fixture
def remembered(app: Flask) -> Iterator[tuple[psycopg.Connection, int]]:
    """The application's books with a journal whose print is remembered, and what changes it past the refusals."""
    assert ADMIN_URL is not None
    with psycopg.connect(libpq_url(app.config["LINLI"].database_url), autocommit=True) as connection:
        name, first = connection.info.dbname, post(connection, "suspense", f"e_account:{new_id()}", 100)
        journal = post(connection, "suspense", f"e_account:{new_id()}", 100)
    with psycopg.connect(libpq_url(with_database(ADMIN_URL, name)), autocommit=True) as connection:
        connection.execute(
            "UPDATE books_mark SET whole_to = %(first)s, proven_to = %(to)s, seen_to = %(to)s,"
            " print = ledger.print_of(%(first)s, %(to)s)",
            {"first": first, "to": journal},
        )
        yield connection, journal
        connection.execute("UPDATE books_mark SET whole_to = proven_to, print = 0")


def change_journal(connection: psycopg.Connection, journal: int, change: str) -> None:
    """Change a journal past the refusal, which stands again afterwards."""
    with connection.transaction():
        for statement in (
            "ALTER TABLE ledger.journal DISABLE TRIGGER refuse_change",
            f"UPDATE ledger.journal SET {change} WHERE id = {journal}",
            "ALTER TABLE ledger.journal ENABLE ALWAYS TRIGGER refuse_change",
        ):
            connection.execute(statement.encode())


def whole_to() -> int:
    return int(read(text("SELECT whole_to FROM books_mark")).scalar_one())


def test_a_sound_whole_proof_moves_the_mark(remembered: tuple[psycopg.Connection, int]) -> None:
    assert prove_all()

    assert whole_to() == remembered[1]


def test_a_round_names_the_row_that_was_changed_though_its_print_was_remembered(
    remembered: tuple[psycopg.Connection, int],
) -> None:
    connection, journal = remembered
    change_journal(connection, journal, "kind = 'transfer'")

    with capture_logs() as logged:
        was_sound, was_whole = prove_new(), prove_all()

    change_journal(connection, journal, "kind = 'opening'")
    assert (was_sound, was_whole) == (False, False)
    assert whole_to() < journal
    assert ("bad_link", journal) in {(one.get("finding"), one.get("journal")) for one in logged}
    assert prove_new()


def test_what_no_hash_holds_keeps_its_alarm_until_somebody_lets_the_proof_begin_anew(
    app: Flask, monkeypatch: pytest.MonkeyPatch, remembered: tuple[psycopg.Connection, int]
) -> None:
    connection, journal = remembered
    monkeypatch.setattr("app.cli.books.create_app", lambda: app)
    change_journal(connection, journal, "legs_hash = legs_hash + 1")

    def prove(*options: str) -> tuple[int, bool, bool]:
        """Return the command's exit code, whether a round finds nothing, and whether the mark has moved."""
        done = CliRunner().invoke(books_commands, ["prove", *options])
        return done.exit_code, prove_new(), whole_to() >= journal

    assert (prove_all(), whole_to() < journal) == (True, True)
    assert prove() == (0, False, False)
    assert prove("--begin-anew") == (0, True, True)


def test_unsound_books_do_not_begin_anew(
    app: Flask, monkeypatch: pytest.MonkeyPatch, remembered: tuple[psycopg.Connection, int]
) -> None:
    connection, journal = remembered
    monkeypatch.setattr("app.cli.books.create_app", lambda: app)
    change_journal(connection, journal, "ref = 'another'")

    done = CliRunner().invoke(books_commands, ["prove", "--begin-anew"])

    change_journal(connection, journal, "ref = NULL")
    assert (done.exit_code, whole_to() < journal) == (1, True)
    assert f"journal {journal}" in done.output


def test_books_that_take_longer_than_a_request_may_are_proven_all_the_same(app: Flask) -> None:
    hurried = text("SET LOCAL statement_timeout = '1ms'")
    with transaction() as tx:
        after = ledger.findings_since(tx, 0)
        print_ = ledger.print_since(tx, 0, 2**62)
        assert print_ is not None
        tx.execute(hurried)
        proof = ledger.prove(tx)
        tx.execute(hurried)
        ledger.findings_since(tx, 0)
        tx.execute(hurried)
        ledger.findings_again(tx, after=0, to=2**62, print_=print_)

    assert (proof.is_sound, after) == (True, ())
