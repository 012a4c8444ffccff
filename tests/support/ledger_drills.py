"""Drills for the books: what many do at once, or what a wrong posting does, and the law that must hold afterwards.

Each drill raises ``AssertionError`` when the law is broken, so that a test can show that it notices a broken ledger.
"""

from __future__ import annotations

import random
import threading
from datetime import timedelta
from functools import partial
from itertools import count
from typing import TYPE_CHECKING
from uuid import UUID

import psycopg
from psycopg import errors
from sqlalchemy.exc import DBAPIError

from app.core.ledger import Journal, JournalKind, Leg, balance, codes, place_hold, post_many, prove
from app.kernel.errors import LinliError
from tests.support.ledger_database import committing, ledger_engine

if TYPE_CHECKING:
    from collections.abc import Callable

    from app.kernel.transaction import Transaction

CLEARING = codes.gateway_clearing("stripe")
_serial = count()


def person(number: int) -> str:
    """Return the e-account of person ``number``."""
    return codes.e_account(UUID(int=(7 << 76) | (2 << 62) | number))


def fund(url: str, numbers: range, amount_fen: int) -> None:
    """Top up each of the persons by ``amount_fen``."""
    journals = [
        Journal(
            f"seed:{next(_serial)}", JournalKind.TOP_UP, (Leg(CLEARING, -amount_fen), Leg(person(number), amount_fen))
        )
        for number in numbers
    ]
    with committing(ledger_engine(url)) as tx:
        post_many(tx, journals)


def move(key: str, source: str, target: str, amount_fen: int) -> Journal:
    """Return a journal of two legs."""
    return Journal(key, JournalKind.PAYMENT, (Leg(source, -amount_fen), Leg(target, amount_fen)))


def at_once(url: str, jobs: list[Callable[[Transaction], object]]) -> list[object]:
    """Run each job in a thread and transaction of its own, all at once; return results or errors, in order."""
    results: list[object] = [None] * len(jobs)
    barrier = threading.Barrier(len(jobs))
    engine = ledger_engine(url)

    def work(index: int, job: Callable[[Transaction], object]) -> None:
        try:
            with engine.connect() as connection, connection.begin():
                tx = connection  # connected before the start, so that the jobs really meet
                tx.exec_driver_sql("SET LOCAL lock_timeout = '20s'")
                barrier.wait(timeout=30)
                results[index] = job(tx)  # type: ignore[arg-type] # execute is all that the ledger needs
        except (LinliError, DBAPIError) as error:
            results[index] = error

    threads = [threading.Thread(target=work, args=item) for item in enumerate(jobs)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    return results


def assert_sound(url: str) -> None:
    """Assert that the books hold."""
    with committing(ledger_engine(url)) as tx:
        proof = prove(tx)
    assert proof.is_sound, str(proof)


def drill_transfers(url: str, *, threads: int = 8, rounds: int = 25) -> None:
    """Random transfers between few accounts, one or two journals at once: no deadlock, nothing gained or lost."""
    people = range(100, 108)
    fund(url, people, 100_000)
    unexpected: list[object] = []

    def worker(seed: int) -> None:
        dice = random.Random(seed)
        engine = ledger_engine(url)
        with engine.connect() as connection:
            for step in range(rounds):
                if unexpected:
                    return
                chosen = [person(number) for number in dice.sample(people, 5)]
                if step % 2:
                    chosen[-1] = codes.COMMISSION
                legs = (Leg(chosen[0], -40), *(Leg(code, 10) for code in chosen[1:]))
                journals = [Journal(f"transfer:{seed}:{step}:{next(_serial)}", JournalKind.PAYMENT, legs)]
                if step % 3 == 0:
                    source, target = (person(number) for number in dice.sample(people, 2))
                    journals.append(move(f"beside:{seed}:{step}:{next(_serial)}", source, target, 10))
                try:
                    with connection.begin():
                        post_many(connection, journals)  # type: ignore[arg-type] # execute is all that it needs
                except (LinliError, DBAPIError) as error:
                    unexpected.append(error)

    pool = [threading.Thread(target=worker, args=(seed,)) for seed in range(threads)]
    for thread in pool:
        thread.start()
    for thread in pool:
        thread.join(60)
    assert not unexpected, unexpected[:3]
    assert_sound(url)


def drill_double_capture(url: str, *, rounds: int = 4) -> None:
    """Captures of one hold at once under different keys: exactly one wins, and only its money moves.

    A second hold stands beside it, so that releasing the first one twice would go unnoticed by the account.
    """
    fund(url, range(200, 201), 10_000)
    with committing(ledger_engine(url)) as tx:
        place_hold(tx, key=f"beside:{next(_serial)}", account=person(200), amount_fen=5_000, ttl=timedelta(minutes=15))
    for attempt in range(rounds):
        hold_key = f"hold:{attempt}:{next(_serial)}"
        with committing(ledger_engine(url)) as tx:
            place_hold(tx, key=hold_key, account=person(200), amount_fen=100, ttl=timedelta(minutes=15))
        results = at_once(url, [_capture(hold_key, f"{hold_key}:{n}") for n in range(6)])
        won = [result for result in results if not isinstance(result, Exception)]
        assert len(won) == 1, results
        assert_sound(url)


def _capture(hold_key: str, key: str) -> Callable[[Transaction], object]:
    from app.core.ledger import capture_hold  # noqa: PLC0415 -- beside its only use

    legs = [Leg(codes.BANK_SETTLEMENT, 60)]
    return lambda tx: capture_hold(tx, hold_key, key=key, kind=JournalKind.WITHDRAWAL, legs=legs)


def drill_double_spend(url: str, *, buyers: int = 50, price_fen: int = 30, balance_fen: int = 1_000) -> None:
    """One balance spent by many at once: as many win as it pays for, and no more."""
    fund(url, range(300, 301), balance_fen)

    def spend(tx: Transaction) -> object:
        return post_many(tx, [move(f"spend:{next(_serial)}", person(300), person(301), price_fen)])

    results = at_once(url, [spend] * buyers)
    won = [result for result in results if not isinstance(result, Exception)]
    assert len(won) == min(buyers, balance_fen // price_fen), results[:3]
    assert_sound(url)


def drill_same_key(url: str, *, times: int = 20) -> None:
    """The same journal by many at once stands once; the same key for another journal is refused."""
    fund(url, range(400, 401), 1_000)
    key = f"once:{next(_serial)}"
    results = at_once(url, [lambda tx: post_many(tx, [move(key, person(400), person(401), 10)])] * times)
    assert not [result for result in results if isinstance(result, Exception)], results
    flat = [posted for result in results for posted in result]  # type: ignore[attr-defined] # all are lists, see above
    assert len({posted.journal_id for posted in flat}) == 1, flat
    assert sum(not posted.replayed for posted in flat) == 1, flat
    changed = at_once(url, [lambda tx: post_many(tx, [move(key, person(400), person(401), 11)])])
    assert isinstance(changed[0], LinliError), changed
    assert changed[0].code == "ledger_key_reused"
    assert_sound(url)


def drill_openings(url: str, *, times: int = 12) -> None:
    """Journals that open the same accounts at once all stand, each account opened once and with the money of all."""
    for number in range(700, 700 + times):
        code = person(number)
        answers = at_once(
            url,
            [
                lambda tx, code=code: post_many(tx, [move(f"open:{next(_serial)}", CLEARING, code, 5)])  # type: ignore[misc]
                for _ in range(6)
            ],
        )
        assert not [answer for answer in answers if isinstance(answer, Exception)], answers
        with committing(ledger_engine(url)) as tx:
            assert balance(tx, code).posted_fen == 5 * len(answers)
    with committing(ledger_engine(url)) as tx:
        post_many(tx, [move(f"debt:{next(_serial)}", codes.merchant_debt(UUID(int=1)), person(700), 5)])
    assert_sound(url)


def drill_refusals(url: str) -> None:
    """The database itself refuses unbalanced legs, overdrafts and changes of what is written."""
    fund(url, range(500, 502), 1_000)
    journal = move(f"over:{next(_serial)}", person(500), person(501), 1_001)
    overdraft = at_once(url, [lambda tx: post_many(tx, [journal])])
    assert getattr(overdraft[0], "code", None) == "insufficient_funds", overdraft
    with psycopg.connect(url, autocommit=True) as connection:
        raw = (
            "SELECT ledger.post_many(ARRAY[%s], ARRAY['x'], ARRAY[NULL], ARRAY[NULL]::date[], ARRAY[2], %s,"
            " ARRAY[-5, %s]::bigint[])"
        )
        for accounts, amount_fen in (
            ([person(500), person(501)], 6),
            ([person(501), person(500)], 5),
            ([person(500), person(500)], 5),
            (["commission", person(500)], 5),
            (["commission", "commission"], 5),
            (["suspense", "commission"], 5),
        ):
            _refused(connection, "LD006", raw, (f"odd:{next(_serial)}", accounts, amount_fen))
        _refused(connection, "LD004", raw, (f"odd:{next(_serial)}", [person(500), "commission#3"], 5))
        _refused(
            connection, "LD004", raw, (f"odd:{next(_serial)}", [person(500), "fund_holding:" + str(UUID(int=1))], 5)
        )
        _refused(connection, "LD002", raw, (f"odd:{next(_serial)}", [person(599), "commission"], 5))
        for table, column in (("journal", "ref = 'other'"), ("entry", "amount_fen = amount_fen + 1")):
            _refused(connection, "42501", f"UPDATE ledger.{table} SET {column}")
            _refused(connection, "42501", f"DELETE FROM ledger.{table}")
            _refused(connection, "42501", f"TRUNCATE ledger.{table}")
    assert_sound(url)


def drill_batches(url: str, *, size: int = 20, rounds: int = 4) -> None:
    """Many journals in one call stand as they would one by one, are replayed whole, and are refused whole."""
    people = [range(first, first + size) for first in (800, 850)]
    for numbers in (*people, range(896, 898)):
        fund(url, numbers, 1_000)

    def batch(amount_fen: int = 10) -> list[Journal]:
        pairs = [*zip(*people, strict=True)]
        random.Random(amount_fen).shuffle(pairs)
        return [move(f"batch:{next(_serial)}", person(one), person(other), amount_fen) for one, other in pairs]

    def at_last(journals: list[Journal], last: Journal) -> object:
        return at_once(url, [lambda tx: post_many(tx, [*journals, last])])[0]

    journals = batch()
    for is_known in (False, True):
        answers = at_once(url, [lambda tx: post_many(tx, journals)])[0]
        assert isinstance(answers, list), answers
        assert [answer.replayed for answer in answers] == [is_known] * size, answers
        for journal, answer in zip(journals, answers, strict=True):
            assert _legs_of(url, answer.journal_id) == {
                (journal.key, leg.account, leg.amount_fen) for leg in journal.legs
            }
    with committing(ledger_engine(url)) as tx:
        assert [balance(tx, person(numbers[0])).posted_fen for numbers in people] == [990, 1_010]

    changed = at_last(batch()[1:], move(journals[0].key, person(890), person(891), 10))
    assert getattr(changed, "code", None) == "ledger_key_reused", changed
    poor = at_last(batch()[1:], move(f"poor:{next(_serial)}", person(892), person(893), 1))
    assert getattr(poor, "params", None) == {"account": person(892)}, poor
    twice = at_last(batch(), move(f"twice:{next(_serial)}", person(800), person(894), 1))
    assert isinstance(twice, list), twice
    opened = at_last(batch(), move(f"open:{next(_serial)}", codes.merchant_debt(UUID(int=2)), person(895), 1))
    assert isinstance(opened, list), opened
    assert_sound(url)
    with psycopg.connect(url, autocommit=True) as connection:
        raw = "SELECT ledger.post_many(%s, %s, %s, %s::date[], %s, %s, %s::bigint[])"
        for accounts, amounts in (
            ([person(896), person(897)], [5, -6]),
            ([person(897), person(896)], [5, -5]),
            ([person(896), person(896)], [5, -5]),
            ([person(896)], [0]),
        ):
            asked = [leg for one in batch() for leg in one.legs]
            _refused(
                connection,
                "LD006",
                raw,
                (
                    [f"odd:{next(_serial)}" for _ in range(size + 1)],
                    ["payment"] * (size + 1),
                    [None] * (size + 1),
                    [None] * (size + 1),
                    [2] * size + [len(accounts)],
                    [*(leg.account for leg in asked), *accounts],
                    [*(leg.amount_fen for leg in asked), *amounts],
                ),
            )
    for _ in range(rounds):
        jobs = [partial(post_many, journals=batch(fen)) for fen in range(1, 5)]
        answers = at_once(url, jobs)  # type: ignore[arg-type] # a list of callables is one
        assert not [answer for answer in answers if isinstance(answer, Exception)], answers
    assert_sound(url)


def _legs_of(url: str, journal_id: int) -> set[tuple[object, ...]]:
    with psycopg.connect(url) as connection:
        found = connection.execute(
            "SELECT key, code, amount_fen FROM ledger.leg WHERE journal_id = %s", (journal_id,)
        ).fetchall()
    return set(found)


def _refused(
    connection: psycopg.Connection[object], sqlstate: str, statement: str, params: tuple[object, ...] = ()
) -> None:
    answer = None
    try:
        connection.execute(statement.encode(), params)
    except errors.Error as error:
        answer = error.sqlstate
    assert answer == sqlstate, f"{answer} in place of {sqlstate}: {statement}"


DRILLS = (
    drill_refusals,
    drill_openings,
    drill_same_key,
    drill_double_spend,
    drill_double_capture,
    drill_transfers,
    drill_batches,
)
