"""Any sequence of postings, replays, holds and refusals, against a dictionary. The books hold after every step."""

from __future__ import annotations

from contextlib import ExitStack
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from app.core.ledger import (
    CaptureExceedsHold,
    HoldClosed,
    InsufficientFunds,
    Journal,
    JournalKind,
    LedgerKeyReused,
    Leg,
    balance,
    capture_hold,
    codes,
    expire_holds,
    place_hold,
    post_many,
    prove,
    void_hold,
)
from tests.support.ledger_database import admin_url, committing, ledger_database, ledger_engine
from tests.support.ledger_drills import CLEARING, person

if TYPE_CHECKING:
    from collections.abc import Callable

    from app.kernel.errors import LinliError
    from app.kernel.transaction import Transaction

ADMIN_URL = admin_url()
PEOPLE = tuple(person(number) for number in range(4))
SYSTEM = (CLEARING, codes.COMMISSION, codes.BANK_SETTLEMENT)
EXAMPLES = 10
STEPS = 20

people = st.sampled_from(PEOPLE)
amounts = st.integers(1, 1_000)


class LedgerMachine(RuleBasedStateMachine):
    """The books beside their model: posted and held fen by code, journals and holds by key."""

    def __init__(self) -> None:
        super().__init__()
        self.stack = ExitStack()
        assert ADMIN_URL is not None
        self.engine = ledger_engine(self.stack.enter_context(ledger_database(ADMIN_URL)))
        self.posted = dict.fromkeys((*PEOPLE, *SYSTEM), 0)
        self.held = dict.fromkeys(PEOPLE, 0)
        self.journals: dict[str, tuple[Journal, int]] = {}
        self.holds: dict[str, tuple[str, int, str]] = {}
        self.number = 0

    def teardown(self) -> None:
        self.stack.close()

    def fresh(self, prefix: str) -> str:
        self.number += 1
        return f"{prefix}:{self.number}"

    def attempt(self, call: Callable[[Transaction], object], expected: type[LinliError] | None) -> object:
        """Run ``call`` in a transaction; it must succeed, or be refused with ``expected``."""
        if expected is None:
            with committing(self.engine) as tx:
                return call(tx)
        with pytest.raises(expected), committing(self.engine) as tx:
            call(tx)
        return None

    def apply(self, journals: list[Journal]) -> bool:
        """Apply ``journals`` to the model, or change nothing and return False when one overdraws."""
        after = dict(self.posted)
        for journal in journals:
            for leg in journal.legs:
                after[leg.account] += leg.amount_fen
                if leg.account in self.held and leg.amount_fen < 0 and after[leg.account] < self.held[leg.account]:
                    return False
        self.posted = after
        return True

    def submit(self, journals: list[Journal]) -> None:
        fits = self.apply(journals)
        results = self.attempt(lambda tx: post_many(tx, journals), None if fits else InsufficientFunds)
        if fits:
            assert isinstance(results, list)
            assert not any(posted.replayed for posted in results)
            self.journals |= {
                journal.key: (journal, posted.journal_id) for journal, posted in zip(journals, results, strict=True)
            }

    @initialize()
    def everyone_has_something(self) -> None:
        self.submit(
            [
                Journal(self.fresh("seed"), JournalKind.TOP_UP, (Leg(CLEARING, -1_000), Leg(code, 1_000)))
                for code in PEOPLE
            ]
        )

    @rule(source=people, payee=st.sampled_from((*PEOPLE, *SYSTEM)), amount=amounts, fee=st.integers(0, 5))
    def transfer(self, source: str, payee: str, amount: int, fee: int) -> None:
        if source == payee:
            return
        legs = [Leg(source, -amount - fee), Leg(payee, amount)]
        if fee and payee != codes.COMMISSION:
            legs.append(Leg(codes.COMMISSION, fee))
        else:
            legs[0] = Leg(source, -amount)
        self.submit([Journal(self.fresh("pay"), JournalKind.PAYMENT, tuple(legs))])

    @rule(moves=st.lists(st.tuples(people, people, amounts), min_size=2, max_size=4))
    def several_journals_or_none(self, moves: list[tuple[str, str, int]]) -> None:
        self.submit(
            [
                Journal(self.fresh("batch"), JournalKind.SETTLEMENT, (Leg(source, -amount), Leg(target, amount)))
                for source, target, amount in moves
                if source != target
            ]
        )

    @precondition(lambda self: self.journals)
    @rule(data=st.data(), beside=st.booleans())
    def replay(self, data: st.DataObject, *, beside: bool) -> None:
        journal, journal_id = self.journals[data.draw(st.sampled_from(sorted(self.journals)))]
        extra = [
            Journal(self.fresh("beside"), JournalKind.TOP_UP, (Leg(CLEARING, -1), Leg(PEOPLE[0], 1))),
        ]
        batch = [*extra, journal] if beside else [journal]
        results = self.attempt(lambda tx: post_many(tx, batch), None)
        assert isinstance(results, list)
        assert (results[-1].journal_id, results[-1].replayed) == (journal_id, True)
        if beside:
            assert self.apply(extra)
            assert not results[0].replayed

    @precondition(lambda self: self.journals)
    @rule(data=st.data(), ref=st.booleans())
    def changed_replay(self, data: st.DataObject, *, ref: bool) -> None:
        journal, _ = self.journals[data.draw(st.sampled_from(sorted(self.journals)))]
        legs = journal.legs if ref else tuple(Leg(leg.account, leg.amount_fen * 2) for leg in journal.legs)
        changed = Journal(journal.key, journal.kind, legs, "another" if ref else journal.ref)
        self.attempt(lambda tx: post_many(tx, [changed]), LedgerKeyReused)

    @rule(account=people, amount=amounts)
    def hold(self, account: str, amount: int) -> None:
        key = self.fresh("hold")
        fits = self.posted[account] - self.held[account] >= amount
        for replayed in (False, True) if fits else (False,):
            held = self.attempt(
                lambda tx: place_hold(tx, key=key, account=account, amount_fen=amount, ttl=timedelta(minutes=15)),
                None if fits else InsufficientFunds,
            )
            assert not fits or getattr(held, "replayed", None) is replayed
        if fits:
            self.held[account] += amount
            self.holds[key] = (account, amount, "open")

    @precondition(lambda self: self.holds)
    @rule(data=st.data(), payee=st.sampled_from((*PEOPLE, codes.BANK_SETTLEMENT)), share=st.integers(1, 120))
    def capture(self, data: st.DataObject, payee: str, share: int) -> None:
        hold_key = data.draw(st.sampled_from(sorted(self.holds)))
        account, amount, state = self.holds[hold_key]
        if payee == account:
            return
        taken = max(amount * share // 100, 1)
        key = self.fresh("capture")
        legs = [Leg(payee, taken)]
        expected = HoldClosed if state != "open" else CaptureExceedsHold if taken > amount else None
        for replayed in (False, True) if expected is None else (False,):
            posted = self.attempt(
                lambda tx: capture_hold(tx, hold_key, key=key, kind=JournalKind.WITHDRAWAL, legs=legs), expected
            )
            assert expected is not None or getattr(posted, "replayed", None) is replayed
        if expected is None:
            self.held[account] -= amount
            self.posted[account] -= taken
            self.posted[payee] += taken
            self.holds[hold_key] = (account, amount, "captured")

    @precondition(lambda self: self.holds)
    @rule(data=st.data())
    def void(self, data: st.DataObject) -> None:
        hold_key = data.draw(st.sampled_from(sorted(self.holds)))
        account, amount, state = self.holds[hold_key]
        before = self.attempt(lambda tx: void_hold(tx, hold_key), HoldClosed if state == "captured" else None)
        if state == "open":
            assert before is False
            self.held[account] -= amount
            self.holds[hold_key] = (account, amount, "voided")

    @rule(limit=st.integers(1, 3))
    def expire(self, limit: int) -> None:
        with self.engine.begin() as connection:  # nobody waits a quarter of an hour: the clock goes on instead
            connection.exec_driver_sql("UPDATE public.business_clock SET ahead = interval '16 min'")
        keys = self.attempt(lambda tx: expire_holds(tx, limit), None)
        assert isinstance(keys, list)
        still_open = [key for key, (_, _, state) in self.holds.items() if state == "open"]
        assert len(keys) <= limit
        assert set(keys) <= set(still_open)
        for key in keys:
            account, amount, _ = self.holds[key]
            self.held[account] -= amount
            self.holds[key] = (account, amount, "expired")
        with self.engine.begin() as connection:
            connection.exec_driver_sql("UPDATE public.business_clock SET ahead = interval '0'")

    @invariant()
    def the_books_hold_and_agree_with_the_model(self) -> None:
        with committing(self.engine) as tx:
            proof = prove(tx)
            standing = {code: balance(tx, code) for code in self.posted}
        assert proof.is_sound, str(proof)
        assert {code: found.posted_fen for code, found in standing.items()} == self.posted
        assert {code: standing[code].held_fen for code in PEOPLE} == self.held


@pytest.mark.skipif(ADMIN_URL is None, reason="TEST_DATABASE_URL names no server")
def test_books_hold_after_any_sequence() -> None:
    run_state_machine_as_test(
        LedgerMachine,
        settings=settings(
            max_examples=EXAMPLES,
            stateful_step_count=STEPS,
            deadline=None,
            print_blob=True,  # a failure prints what reproduces it
            phases=[Phase.explicit, Phase.reuse, Phase.generate, Phase.shrink],
            suppress_health_check=list(HealthCheck),
        ),
    )
