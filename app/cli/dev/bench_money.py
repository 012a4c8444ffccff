"""``dev.py bench-money``: statements of 51,900 merchants with 1,000,000 lines; a provider's file of as many.

``--scale 0.1`` makes a tenth of both. Lines are written without their orders, which settlement does not read; ids
grow with time and merchants come in any order, as in life. Two settle at once, as in the worker.
"""

from __future__ import annotations

import argparse
import resource
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from datetime import timedelta
from typing import TYPE_CHECKING

import psycopg

from app.cli.dev.bench_database import bench_database
from app.core import ledger
from app.core.ledger import Journal, JournalKind, Leg, codes
from app.core.payments.balance_files import balance_file
from app.core.payments.reconciliation import Source
from app.kernel.clock import SHANGHAI, wall_now
from app.kernel.ids import new_id
from app.kernel.transaction import transaction
from app.usecases.reconciling.clearing import clearing_proof
from app.usecases.reconciling.reconcile import reconcile
from app.usecases.settling.settle import SETTLERS, settle_due

if TYPE_CHECKING:
    from collections.abc import Sequence
    from uuid import UUID


MERCHANTS = 51_900
LINES = 1_000_000
SETTLE_S_MAX = 60.0
RECONCILE_S_MAX = 60.0
RECONCILE_MIB_MAX = 500
_LINE_FEN, _FEE_FEN = 1_900, 100
_BATCH = 500

_LINES = """
    INSERT INTO settlement_items (order_id, party_kind, party_id, amount_fen, fee_fen, eligible_on)
    SELECT CAST(overlay(overlay(CAST(gen_random_uuid() AS text) PLACING '7' FROM 15) PLACING
            regexp_replace(lpad(to_hex(1780000000000 + 80 * g), 12, '0'), '(.{8})', '\\1-') FROM 1) AS uuid),
        'merchant', (%(merchants)s::uuid[])[1 + (hashint8(g) & 2147483647) %% %(count)s], %(amount)s, %(fee)s,
        current_date - 1
    FROM generate_series(0, %(lines)s::bigint - 1) AS g
"""
_ATTEMPTS = """
    INSERT INTO payment_attempts (attempt_id, payment_id, key, amount_fen, state, intent_id, ended_at)
    SELECT gen_random_uuid(), gen_random_uuid(), 'bench-' || g, 1900, 'succeeded', 'pi_' || g,
        CAST(%(noon)s AS timestamptz)
    FROM generate_series(0, %(lines)s - 1) AS g
"""
_EARNED = "SELECT party_id, count(*) FROM settlement_items GROUP BY party_id ORDER BY party_id"
_ACCOUNTS = """
    INSERT INTO settlement_accounts (party_kind, party_id, next_on, deposit_target_fen, deposit_bp)
    SELECT 'merchant', m, current_date - 1, 10000, 500 FROM unnest(%(merchants)s::uuid[]) AS m
"""


def main(arguments: Sequence[str]) -> int:
    """Make the world, settle it, prove the books; exit 1 when they are not sound."""
    parser = argparse.ArgumentParser(prog="dev.py bench-money", description=__doc__)
    parser.add_argument("--scale", type=float, default=1.0)
    scale = parser.parse_args(list(arguments)).scale
    merchants, lines = max(1, int(MERCHANTS * scale)), max(1, int(LINES * scale))
    with bench_database() as url:
        return _settle(url, merchants, lines)


def _settle(url: str, merchants: int, lines: int) -> int:
    began = time.monotonic()
    _make(url, merchants, lines)
    print(f"{merchants} merchants with {lines} lines made in {time.monotonic() - began:.0f} s")
    began, cpu = time.monotonic(), time.process_time()
    with ThreadPoolExecutor(SETTLERS) as pool:
        ended = [pool.submit(copy_context().run, _settle_all) for _ in range(SETTLERS)]
        statements, income_fen = map(sum, zip(*(one.result() for one in ended), strict=True))
    seconds = time.monotonic() - began
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(
        f"settled: {statements} statements of {income_fen} fen in {seconds:.1f} s (aim {SETTLE_S_MAX:.0f}),"
        f" {lines / seconds:,.0f} lines/s, client CPU {time.process_time() - cpu:.1f} s, {memory:.0f} MiB"
    )
    with transaction() as tx:
        began = time.monotonic()
        proof = ledger.prove(tx)
    print(f"{proof} (proven in {time.monotonic() - began:.1f} s)")
    _reconcile(url, lines)
    assert income_fen == lines * _LINE_FEN, "every line is settled once"
    return 0 if proof.is_sound else 1


def _settle_all() -> tuple[int, int]:
    """Settle batch after batch, as a thread of the worker does; return statements and fen."""
    statements = income_fen = 0
    while (done := settle_due()).parties:
        statements += done.statements
        income_fen += done.income_fen
    return statements, income_fen


def _reconcile(url: str, lines: int) -> None:
    """Take a provider's file of so many payments, and print what that took."""
    day = wall_now().astimezone(SHANGHAI).date() - timedelta(days=1)
    with psycopg.connect(url) as admin:
        admin.execute("SET session_replication_role = replica")  # attempts without payments
        admin.execute(_ATTEMPTS, {"lines": lines, "noon": f"{day} 12:00+08"})
    with psycopg.connect(url, autocommit=True) as admin:
        admin.execute("ANALYZE payment_attempts")
    rows = ((f"txn_{i}", "payment", f"pi_{i}", _LINE_FEN, 2) for i in range(lines))
    before, began = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, time.monotonic()
    found = reconcile(Source.STRIPE, day, balance_file("stripe", day, rows))
    seconds, after = time.monotonic() - began, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(
        f"reconciled: {found} in {seconds:.1f} s (aim {RECONCILE_S_MAX:.0f}), {lines / seconds:,.0f} lines/s,"
        f" {before:.0f} -> {after:.0f} MiB (aim {RECONCILE_MIB_MAX})"
    )
    for what, is_whole in (("everything", True), ("what is carried and new", False)):
        began = time.monotonic()
        clearing_proof(is_whole=is_whole)
        print(f"clearing looked at, {what}: {time.monotonic() - began:.3f} s")


def _make(url: str, merchants: int, lines: int) -> None:
    ids = [new_id() for _ in range(merchants)]
    with psycopg.connect(url) as admin:
        admin.execute("SET session_replication_role = replica")  # lines without orders
        known = {"merchants": ids, "count": merchants, "lines": lines, "amount": _LINE_FEN, "fee": _FEE_FEN}
        admin.execute(_LINES, known)
        admin.execute(_ACCOUNTS, known)
        earned = admin.execute(_EARNED).fetchall()
    for first in range(0, len(earned), _BATCH):
        with transaction() as tx:
            ledger.post_many(tx, [_pending(*one) for one in earned[first : first + _BATCH]])
    with psycopg.connect(url, autocommit=True) as admin:
        admin.execute("ANALYZE")


def _pending(merchant_id: UUID, count: int) -> Journal:
    amount_fen = count * _LINE_FEN
    legs = (Leg(codes.BANK_SETTLEMENT, -amount_fen), Leg(codes.merchant_pending(merchant_id), amount_fen))
    return Journal(key=f"bench:{merchant_id}", kind=JournalKind.OPENING, legs=legs)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
