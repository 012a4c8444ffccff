"""A day of the books, sealed outside the database: what a superuser changes afterwards is named by anybody."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import click
import psycopg
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from app.cli import verify_books
from app.cli.books import export_lines, seal_day, signed_seal
from app.cli.verify_books import findings, is_signed, root_of
from app.core import ledger
from app.core.ledger import Journal, JournalKind, Leg, codes
from app.core.ledger.records import totals_at
from app.core.ledger.reports import balance_sheet, income_statement
from app.kernel.clock import SHANGHAI
from app.kernel.ids import new_id
from app.kernel.transaction import transaction
from tests.factories.rows import look_one
from tests.support.ledger_database import libpq_url

if TYPE_CHECKING:
    from datetime import date

    from flask import Flask

    from app.settings import Settings
    from tests.support.business_clock import BusinessClock

MUTATIONS = {
    "an amount": "UPDATE ledger.entry SET amount_fen = amount_fen + 1 WHERE journal_id = {journal} AND amount_fen > 0",
    "a balance": "UPDATE ledger.entry SET balance_fen = 7 WHERE journal_id = {journal} AND amount_fen > 0",
    "whose it is": "UPDATE ledger.journal SET ref = 'another' WHERE id = {journal}",
    "a row that is gone": "DELETE FROM ledger.entry WHERE journal_id = {journal} AND amount_fen > 0",
}


def settings_of(app: Flask, folder: Path) -> Settings:
    settings: Settings = app.config["LINLI"]
    return replace(settings, seal_dir=str(folder), seal_key=os.urandom(32))


def a_day(clock: BusinessClock) -> tuple[date, int, str]:
    """Return a day that is over, with a journal of it, and the account that it gave to."""
    account = codes.e_account(new_id())
    posted = []
    for fen in (100, 200, 300):
        legs = (Leg(codes.BANK_SETTLEMENT, -fen), Leg(account, fen))
        with transaction() as tx:
            posted.append(ledger.post(tx, Journal(key=f"test:{new_id()}", kind=JournalKind.OPENING, legs=legs)))
    day = clock.now().astimezone(SHANGHAI).date()
    clock.ahead(hours=24)
    return day, posted[1].journal_id, account


@pytest.fixture
def sealed(app: Flask, clock: BusinessClock, tmp_path: Path) -> tuple[Settings, date, int, str, Path]:
    settings = settings_of(app, tmp_path)
    clock.ahead(days=365 * 3 + int.from_bytes(os.urandom(2)) % 3_000)  # a day that only this test has entries of
    day, journal_id, account = a_day(clock)
    lines = list(export_lines(day))
    path = tmp_path / f"seal-{day}.json"
    # The day is not closed here: other tests of this database go on posting to today.

    assert settings.seal_key is not None
    path.write_text(json.dumps(signed_seal(settings.seal_key, day, clock.now(), lines, None)))
    return settings, day, journal_id, account, path


def as_superuser(app: Flask, statement: str) -> None:
    """Change the books behind their back, as one can who may do anything."""
    with psycopg.connect(libpq_url(app.config["LINLI"].database_url)) as connection:
        connection.execute("SET session_replication_role = replica")
        connection.execute("ALTER TABLE ledger.entry DISABLE TRIGGER ALL")
        connection.execute("ALTER TABLE ledger.journal DISABLE TRIGGER ALL")
        connection.execute(statement.encode())
        connection.execute("ALTER TABLE ledger.entry ENABLE ALWAYS TRIGGER refuse_change")
        connection.execute("ALTER TABLE ledger.journal ENABLE ALWAYS TRIGGER refuse_change")
        connection.execute("ALTER TABLE ledger.entry ENABLE ALWAYS TRIGGER refuse_truncate")
        connection.execute("ALTER TABLE ledger.journal ENABLE ALWAYS TRIGGER refuse_truncate")


@pytest.mark.parametrize("how", MUTATIONS)
def test_what_a_superuser_changes_is_named(app: Flask, sealed: tuple[Settings, date, int, str, Path], how: str) -> None:
    _, day, journal_id, account, path = sealed
    seal = json.loads(path.read_text())
    assert findings(seal, export_lines(day)) == []
    saved = (
        f"CREATE TABLE IF NOT EXISTS saved_{journal_id} AS SELECT * FROM ledger.entry WHERE journal_id = {journal_id}"
    )
    as_superuser(app, saved)
    try:
        as_superuser(app, MUTATIONS[how].format(journal=journal_id))

        found = findings(seal, export_lines(day))

        assert found
        if how != "a row that is gone":
            assert any(f"{account} seq 2 journal {journal_id}" in finding for finding in found), found
        else:
            assert any(finding.startswith("gone or changed") for finding in found), found
            assert any(f"journal {journal_id} sums to -200" in finding for finding in found), found
    finally:
        as_superuser(app, f"DELETE FROM ledger.entry WHERE journal_id = {journal_id}")
        as_superuser(app, f"INSERT INTO ledger.entry SELECT * FROM saved_{journal_id}")
        as_superuser(app, f"UPDATE ledger.journal SET ref = NULL WHERE id = {journal_id}")
        as_superuser(app, f"DROP TABLE saved_{journal_id}")
    assert findings(seal, export_lines(day)) == []


def test_the_verifier_needs_nothing_but_python_and_two_files(
    sealed: tuple[Settings, date, int, str, Path], tmp_path: Path
) -> None:
    _, day, _, _, path = sealed
    export = tmp_path / "export.jsonl"
    export.write_bytes(b"".join(line + b"\n" for line in export_lines(day)))
    script = tmp_path / "verify_books.py"
    script.write_bytes(Path(verify_books.__file__).read_bytes())

    def run() -> subprocess.CompletedProcess[str]:
        argv = [sys.executable, "-I", "-S", str(script), str(path), str(export)]
        return subprocess.run(argv, capture_output=True, text=True, check=False, cwd=tmp_path)

    good = run()
    export.write_bytes(export.read_bytes().replace(b'"amount_fen":200', b'"amount_fen":201'))
    bad = run()

    assert (good.returncode, bad.returncode) == (0, 1), good.stderr + bad.stderr
    assert "as they were sealed" in good.stdout
    assert "changed or added" in bad.stdout


def test_a_seal_that_was_changed_or_signed_by_another_does_not_stand(
    sealed: tuple[Settings, date, int, str, Path],
) -> None:
    _, day, _, _, path = sealed
    seal, lines = json.loads(path.read_text()), list(export_lines(day))

    assert findings({**seal, "sealed_at": "2020-01-01"}, lines) == ["the signature of the seal does not stand"]
    assert findings(seal, lines, key=bytes(32)) == ["the seal is by another key"]


def test_a_day_is_closed_and_sealed_once_and_a_second_look_holds_it_to_the_first(
    app: Flask, clock: BusinessClock, tmp_path: Path
) -> None:
    settings = settings_of(app, tmp_path)
    day = clock.now().astimezone(SHANGHAI).date() - timedelta(days=400)

    path = seal_day(settings, day)
    again = seal_day(settings, day)
    next_path = seal_day(settings, day + timedelta(days=1))

    assert path == again
    assert json.loads(next_path.read_text())["previous"] is not None
    seal = json.loads(path.read_text())
    path.write_text(json.dumps({**seal, "count": seal["count"] + 1}))
    with pytest.raises(click.ClickException, match="does not fit"):
        seal_day(settings, day)


def test_signatures_are_those_of_the_library() -> None:
    for size in (0, 1, 100):
        private, message = Ed25519PrivateKey.generate(), os.urandom(size)
        public, signature = private.public_key().public_bytes_raw(), private.sign(message)

        assert is_signed(public, message, signature)
        assert not is_signed(public, message + b"x", signature)
        assert not is_signed(public, message, bytes(32) + signature[32:])


def test_the_tree_is_that_of_rfc_6962() -> None:
    def tree(leaves: list[bytes]) -> bytes:
        if len(leaves) == 1:
            return leaves[0]
        split = 1 << (len(leaves) - 1).bit_length() - 1
        return hashlib.sha256(b"\x01" + tree(leaves[:split]) + tree(leaves[split:])).digest()

    for size in range(1, 40):
        leaves = [bytes([i]) * 32 for i in range(size)]
        assert root_of(leaves) == tree(leaves)


def totals(clock: BusinessClock) -> dict[str, int]:
    now = clock.now()
    with transaction() as tx:
        return totals_at(tx, now)


def test_the_books_of_any_moment_balance(app: Flask, clock: BusinessClock) -> None:
    began = look_one("SELECT coalesce(max(posted_at), now()) FROM ledger.journal")  # others post in a time to come
    minute = timedelta(minutes=1)
    clock.at(began + minute)
    before = totals(clock)
    legs = (Leg(codes.BANK_SETTLEMENT, -700), Leg(codes.COMMISSION, 700))
    clock.at(began + 2 * minute)
    with transaction() as tx:
        ledger.post(tx, Journal(key=f"test:{new_id()}", kind=JournalKind.OPENING, legs=legs))
    clock.at(began + 3 * minute)
    after = totals(clock)

    sheet, result = balance_sheet(after), income_statement(before, after)

    assert sum(sheet.assets.values()) == sum(sheet.liabilities.values()) + sheet.equity_fen
    assert (result.income["commission"], result.result_fen) == (700, 700)
