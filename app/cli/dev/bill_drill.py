"""``dev.py bill-drill``: the sandbox biller is killed again and again while bills are paid; each ends paid or returned.

Every payment is committed here before its biller hears of it. The biller loses answers and requests, refuses, takes its
time, and dies by ``kill -9`` at moments that a seed chooses. When it is well again, every open payment is asked about.
Then our books are held to the biller's: paid once there and paid here, or not paid there and returned here.
"""

from __future__ import annotations

import argparse
import os
import random
import tempfile
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import UUID

import requests
from rich.progress import Progress
from sqlalchemy import text

from app import create_app
from app.adapters.billers import HttpBillers
from app.cli.dev.environment import free_ports
from app.cli.dev.stack import Service, Stack, linli_services
from app.core import ledger
from app.core.bills.numbers import CheckScheme, with_check
from app.core.bills.ports import BillerUnavailable, Said
from app.core.ledger import Journal, JournalKind, Leg, codes
from app.kernel.actor import Actor, Side
from app.kernel.ids import new_id
from app.kernel.sealing import blind_index, seal
from app.kernel.transaction import Claim, read, transaction
from app.settings import read_settings
from app.usecases.billing.ask_bills import ask_bills
from app.usecases.billing.bind import NICKNAME_CONTEXT, NUMBER_CONTEXT
from app.usecases.billing.compare_files import prove_payables
from app.usecases.billing.list_billers import put_billers
from app.usecases.billing.outcomes import ask_biller, ask_silent
from app.usecases.billing.pay_bill import pay_bill

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from flask import Flask

    from app.cli.dev.environment import Ports
    from app.core.bills.ports import Biller

FAULTS = {
    "lost_reply": 0.15,
    "lost_request": 0.1,
    "error_500": 0.05,
    "refuse": 0.15,
    "processing": 0.05,
    "slow": 0.05,
    "slow_s": 0.2,
}
BALANCE_FEN = 100_000
HANDS = 6
ROUNDS_MAX = 600
CODE = "drill-water"
_BILLER = {
    "code": CODE,
    "kind": "water",
    "name_zh": "演练自来水",
    "name_en": "Drill Water",
    "region_code": "110000",
    "region_zh": "北京市",
    "region_en": "Beijing",
    "digits_min": 12,
    "digits_max": 12,
    "check_scheme": CheckScheme.LUHN.value,
    "is_part_allowed": False,
    "is_prepaid": False,
    "minimum_fen": 1,
    "maximum_fen": 10_000_000,
}
_MAKE = text(
    """
    WITH person AS (
        INSERT INTO accounts (account_id, phone_sealed, phone_index, verification_level)
        VALUES (:account_id, '', uuid_send(:account_id), 3)
    ), session AS (
        INSERT INTO sessions (session_id, account_id, side, device) VALUES (:session_id, :account_id, 'user', 'drill')
    ), account AS (
        INSERT INTO utility_accounts (utility_account_id, biller_id, number_sealed, number_index, tail)
        SELECT :utility_account_id, biller_id, :number_sealed, :number_index, '' FROM billers WHERE code = :code
    )
    INSERT INTO bill_bindings (binding_id, account_id, utility_account_id, nickname_sealed, is_reminded, bound_at,
        look_at)
    VALUES (:binding_id, :account_id, :utility_account_id, :nickname_sealed, false, business_now(), business_now())
    """
)
_GRANT = text(
    """
    INSERT INTO step_up_grants (grant_id, session_id, purpose, subject_id, amount_fen_max, factor, expires_at)
    VALUES (:grant_id, :session_id, 'pay_bill', :quote_id, 10000000, 'pin', now() + interval '1 hour')
    """
)
_OPEN = text("SELECT count(*) FROM bill_payments WHERE state IN ('debited', 'submitted', 'unknown')")
_AT_ONCE = text(
    "UPDATE bill_payments SET next_ask_at = clock_timestamp() WHERE state IN ('debited', 'submitted', 'unknown')"
)
_ENDED = text(
    """
    SELECT p.account_id, p.key, p.amount_fen, p.state,
        (SELECT CAST(coalesce(sum(b.posted_fen), 0) AS bigint) FROM ledger.balance AS b
            WHERE b.code = 'e_account:' || p.account_id) AS left_fen
    FROM bill_payments AS p JOIN billers AS r ON r.biller_id = p.biller_id WHERE r.code = :code
    """
)


@dataclass(frozen=True)
class Payer:
    """Somebody with one account and one bill."""

    actor: Actor
    binding_id: UUID


@dataclass(frozen=True)
class Verdict:
    """What all payments came to; ``wrong`` is empty when each was paid once or returned once."""

    states: Counter[str]
    wrong: tuple[str, ...]


def make_payers(count: int) -> list[Payer]:
    """Make people with money, each with an account of the drill's biller."""
    put_billers([_BILLER])
    payers = []
    legs: list[Leg] = []
    for number in range(count):
        account_id, session_id, binding_id = new_id(), new_id(), new_id()
        digits = with_check(CheckScheme.LUHN, f"1{number:010d}")
        with transaction() as tx:
            tx.execute(
                _MAKE,
                {
                    "account_id": account_id,
                    "session_id": session_id,
                    "binding_id": binding_id,
                    "utility_account_id": new_id(),
                    "number_sealed": seal(digits, context=NUMBER_CONTEXT),
                    "number_index": blind_index(digits, context=NUMBER_CONTEXT),
                    "nickname_sealed": seal("家", context=NICKNAME_CONTEXT),
                    "code": CODE,
                },
            )
        actor = Actor(account_id=account_id, session_id=session_id, side=Side.USER, roles=())
        payers.append(Payer(actor, binding_id))
        legs.append(Leg(codes.e_account(account_id), BALANCE_FEN))
    for start in range(0, count, 500):
        part = legs[start : start + 500]
        bank = Leg(codes.BANK_SETTLEMENT, -BALANCE_FEN * len(part))
        with transaction() as tx:
            ledger.post(tx, Journal(key=f"drill:{new_id()}", kind=JournalKind.OPENING, legs=(*part, bank)))
    return payers


def pay_one(billers: Biller, payer: Payer) -> None:
    """Ask for the one bill, pay it, and have the biller take it; whatever the biller says or does not say."""
    while True:
        with suppress(BillerUnavailable):
            [quote] = ask_bills(payer.actor, billers, binding_id=payer.binding_id).quotes
            break
        time.sleep(0.05)
    grant_id = new_id()
    with transaction() as tx:
        tx.execute(_GRANT, {"grant_id": grant_id, "session_id": payer.actor.session_id, "quote_id": quote.quote_id})
    claim = Claim(payer.actor.account_id, "drill", str(grant_id), grant_id.bytes * 2)
    paid = pay_bill(
        payer.actor, claim, quote_id=quote.quote_id, amount_fen=quote.amount_max_fen, step_up_grant=grant_id
    )
    with suppress(BillerUnavailable):
        ask_biller(billers, paid.bill_payment_id)


def pay_all(app: Flask, billers: Biller, payers: Sequence[Payer], tell: Callable[[], object]) -> None:
    """Pay every bill, several at once."""

    def pay(payer: Payer) -> None:
        with app.app_context():
            pay_one(billers, payer)
            tell()

    with ThreadPoolExecutor(HANDS) as hands:
        list(hands.map(pay, payers))


def ask_until_quiet(billers: Biller) -> int:
    """Ask about what is open until nothing is; return how many payments are left."""
    left = int(read(_OPEN).scalar_one())
    for _ in range(ROUNDS_MAX):
        if not left:
            break
        with transaction() as tx:
            tx.execute(_AT_ONCE)
        ask_silent(billers, 500)
        left = int(read(_OPEN).scalar_one())
        if left:
            time.sleep(0.05)
    return left


def judge(billers: Biller) -> Verdict:
    """Hold each payment to what the biller has booked, and to what is left on the payer's account."""
    rows = read(_ENDED, {"code": CODE}).fetchall()
    wrong = []
    for row in rows:
        there = billers.look(row.key)
        is_paid_there = there is not None and there.said is Said.SUCCEEDED
        is_paid_here = row.state == "succeeded"
        left_fen = BALANCE_FEN - (row.amount_fen if is_paid_here else 0)
        if is_paid_there is not is_paid_here or row.state not in {"succeeded", "returned"} or row.left_fen != left_fen:
            wrong.append(f"{row.key}: {row.state} here, paid there: {is_paid_there}, left {row.left_fen} fen")
    wrong += [
        f"{one.code}: {one.payable_fen} fen by the books, {one.paid_fen} by payments"
        for one in prove_payables()
        if one.code == CODE and one.payable_fen != one.paid_fen
    ]
    with transaction() as tx:
        proof = ledger.prove(tx)
    if not proof.is_sound:
        wrong.append(str(proof))
    return Verdict(Counter(row.state for row in rows), tuple(wrong))


def _billers_alone(ports: Ports, data_dir: Path, env: Mapping[str, str]) -> list[Service]:
    return [one for one in linli_services(ports, data_dir, env) if one.name == "billers"]


def _kill_again_and_again(stack: Stack, stop: threading.Event, dice: random.Random, killed: list[int]) -> None:
    while not stop.wait(dice.uniform(0.2, 1.5)):
        with suppress(ProcessLookupError, KeyError):
            killed.append(stack.kill("billers"))
            stack.wait_ready()
            _set_faults(stack, FAULTS)


def _set_faults(stack: Stack, plan: Mapping[str, float]) -> None:
    with suppress(requests.RequestException):
        requests.put(f"{stack.urls.billers}/sandbox/faults", json=dict(plan), timeout=5)


def main(arguments: Sequence[str]) -> int:
    """Pay, kill, ask, judge. Exit code 1 when a payment was neither paid once nor returned once."""
    parser = argparse.ArgumentParser(prog="dev.py bill-drill", description=__doc__)
    parser.add_argument("--bills", type=int, default=1_000)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory(prefix="linli-drill-") as folder:
        stack = Stack(Path(folder), free_ports(), services=_billers_alone)
        with stack:
            os.environ.update({**stack.settings, "LINLI_POOL_SIZE": str(HANDS + 2)})
            app = create_app(read_settings())
            url, key = (stack.settings[f"LINLI_BILLER_{name}"] for name in ("URL", "KEY"))
            with app.app_context():
                return _drill(app, stack, HttpBillers(url, key, read_timeout_s=3), given.bills, given.seed)


def _drill(app: Flask, stack: Stack, billers: Biller, count: int, seed: int) -> int:
    payers = make_payers(count)
    stop, killed = threading.Event(), list[int]()
    dice = random.Random(seed)  # noqa: S311 - repeatable on purpose
    _set_faults(stack, FAULTS)
    killer = threading.Thread(target=_kill_again_and_again, args=(stack, stop, dice, killed))
    killer.start()
    began = time.monotonic()
    with Progress() as progress:
        task = progress.add_task("bills", total=count)
        pay_all(app, billers, payers, lambda: progress.advance(task))
    stop.set()
    killer.join()
    stack.wait_ready()
    _set_faults(stack, {})
    unknown = int(read(_OPEN).scalar_one())
    left = ask_until_quiet(billers)
    verdict = judge(billers)
    print(f"{count} bills in {time.monotonic() - began:.0f} s, seed {seed}: the biller was killed {len(killed)} times")
    print(f"  {unknown} payments were unknown when it was well again, {left} after asking")
    for state, number in sorted(verdict.states.items()):
        print(f"  {state}: {number}")
    for line in verdict.wrong[:20]:
        print(f"  WRONG {line}")
    is_right = not verdict.wrong and sum(verdict.states.values()) == count
    print("  each was paid once or returned once" if is_right else "  NOT each was paid once or returned once")
    return 0 if is_right else 1


if __name__ == "__main__":
    import sys

    sys.exit(main(sys.argv[1:]))
