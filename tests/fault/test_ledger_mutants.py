# ruff: noqa: E501, ISC004 - texts of the SQL file stand here as they stand there
"""The drills have teeth: a ledger that lacks one of its laws fails at least one of them."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from functools import partial

import pytest

from tests.support.ledger_database import admin_url, ledger_database, ledger_source
from tests.support.ledger_drills import (
    drill_batches,
    drill_double_capture,
    drill_double_spend,
    drill_openings,
    drill_refusals,
    drill_same_key,
    drill_transfers,
)

ADMIN_URL = admin_url()
pytestmark = pytest.mark.skipif(ADMIN_URL is None, reason="TEST_DATABASE_URL names no server")


@dataclass(frozen=True)
class Mutant:
    """A textual change of the ledger's SQL, each old text occurring exactly once, and the drill that must notice it."""

    name: str
    changes: tuple[tuple[str, str], ...]
    drill: object


FLOOR_OF_POSTING = "\n           and (a.room_fen is null or a.room_fen + l.amount >= 0)"
NO_FLOOR_OF_POSTING = ""
FLOOR_DOMAIN = "create domain ledger.room_fen as bigint check (value >= 0)"
NO_FLOOR_DOMAIN = "create domain ledger.room_fen as bigint"
FIRST_WRITE = "    with moved as (\n        update ledger.account a\n           set posted_fen"
ORDER_OF_LEGS = 'or (not l.is_party, l.code collate "C")\n                   '
SAME_REQUEST = "if (v_known.legs_hash, v_known.kind, v_known.ref, v_known.effective_on)\n           is distinct from"
ROOM_OF_OPENED = "\n             where a.room_fen is null or a.room_fen + excluded.posted_fen >= 0"

FLOOR_OF_BATCH = "a.stripe is null and (a.room_fen is null or a.room_fen + l.amount >= 0)"

MUTANTS = (
    Mutant(
        "legs are taken in any order",
        ((f"{ORDER_OF_LEGS}>", f"{ORDER_OF_LEGS}<>"),),
        drill_refusals,
    ),
    Mutant(
        "a party's account is locked behind the platform's",
        (
            ("if p_accounts is distinct from v_order or ", "if "),
            (f"{ORDER_OF_LEGS}>", f"{ORDER_OF_LEGS.replace('not l.is_party', 'true')}>="),
        ),
        drill_refusals,
    ),
    Mutant(
        "accounts of several journals are not locked first",
        (
            (
                "order by a.stripe is not null, a.code\n            for no key update;\n    end if;\n    for i in",
                "limit 0;\n    end if;\n    for i in",
            ),
        ),
        drill_transfers,
    ),
    Mutant(
        "no floor",
        ((FLOOR_OF_POSTING, NO_FLOOR_OF_POSTING), (FLOOR_DOMAIN, NO_FLOOR_DOMAIN)),
        drill_refusals,
    ),
    Mutant(
        "the floor is read first and written later",
        (
            (FLOOR_OF_POSTING, NO_FLOOR_OF_POSTING),
            (FLOOR_DOMAIN, NO_FLOOR_DOMAIN),
            (
                FIRST_WRITE,
                "if exists (select from unnest(p_accounts, p_amounts) l (code, amount) join ledger.account a on a.code = l.code"
                " where a.room_fen + l.amount < 0)"
                f" then raise exception 'short' using errcode = 'LD002'; end if; perform pg_sleep(0.002);\n{FIRST_WRITE}",
            ),
        ),
        drill_double_spend,
    ),
    Mutant(
        "a reused key is not compared",
        (
            (
                SAME_REQUEST,
                SAME_REQUEST.replace("is distinct from", "is distinct from null::record and false and (1, 1, 1, 1) <>"),
            ),
        ),
        drill_same_key,
    ),
    Mutant(
        "the chain forgets its predecessor",
        (("head = ledger.chain(a.head, v_digest", "head = ledger.chain('\\x00', v_digest"),),
        drill_same_key,
    ),
    Mutant(
        "the sequence is off by one",
        (
            (
                "seq = a.seq + 1,\n               head = ledger.chain(a.head, v_digest",
                "seq = a.seq + 2,\n               head = ledger.chain(a.head, v_digest",
            ),
        ),
        drill_same_key,
    ),
    Mutant(
        "a hold is not locked",
        (("where h.key = p_hold_key for update of h;", "where h.key = p_hold_key; perform pg_sleep(0.05);"),),
        drill_double_capture,
    ),
    Mutant("the sum is not checked", (("if v_total = 0 and v_moved > 1", "if v_moved > 1"),), drill_refusals),
    Mutant(
        "an account opened by another is not waited for",
        (("on conflict (code) do update\n", "on conflict (code) do nothing /*\n"), (f"{ROOM_OF_OPENED}\n", " */\n")),
        drill_openings,
    ),
    Mutant(
        "a leg on an account that another opened has no floor",
        ((ROOM_OF_OPENED, ""), (FLOOR_DOMAIN, NO_FLOOR_DOMAIN)),
        drill_refusals,
    ),
    Mutant(
        "an account without a floor opens with one",
        (
            (
                "case when k.floor_fen is not null then greatest(l.amount - k.floor_fen, 0) end, 1,",
                "greatest(l.amount - k.floor_fen, 0), 1,",
            ),
        ),
        drill_openings,
    ),
    Mutant(
        "an account without money opens with a debt",
        (
            ("and (k.floor_fen is null or l.amount >= k.floor_fen)", ""),
            ("greatest(l.amount - k.floor_fen, 0) end, 1,", "0 end, 1,"),
        ),
        drill_refusals,
    ),
    Mutant(
        "entries can be updated",
        (
            (
                "array['journal', 'entry', 'closed_day'] loop\n        execute format('create trigger refuse_change before update or",
                "array['journal', 'closed_day'] loop\n        execute format('create trigger refuse_change before update or",
            ),
            ("enable always trigger refuse_change,'\n                       ' ", ""),
        ),
        drill_refusals,
    ),
    Mutant(
        "nothing refuses a truncate",
        (
            ("create trigger refuse_truncate before truncate", "create trigger refuse_truncate before insert"),
            (
                "execute format('alter table ledger.%I enable always trigger refuse_change,'\n                       ' enable always trigger refuse_truncate', v_table);",
                "execute format('alter table ledger.%I disable trigger refuse_truncate', v_table);",
            ),
        ),
        drill_refusals,
    ),
    Mutant(
        "a capture keeps the whole hold",
        (
            (
                "set held_fen = a.held_fen - v_hold.amount_fen, room_fen = a.room_fen + v_hold.amount_fen\n         where a.id = v_hold.account_id;\n    end if;",
                "set held_fen = a.held_fen - v_taken, room_fen = a.room_fen + v_taken\n         where a.id = v_hold.account_id;\n    end if;",
            ),
        ),
        drill_double_capture,
    ),
    Mutant(
        "a batch has no floor",
        ((FLOOR_OF_BATCH, "a.stripe is null"), (FLOOR_DOMAIN, NO_FLOOR_DOMAIN)),
        drill_batches,
    ),
    Mutant(
        "a leg of a batch that is refused is left out",
        (("if v_moved <> cardinality(v_codes) then", "if false then"),),
        drill_batches,
    ),
    Mutant(
        "a known journal of a batch is left out",
        (("if cardinality(v_ids) is distinct from cardinality(p_keys) then", "if false then"),),
        drill_batches,
    ),
    Mutant(
        "the sums of a batch are not checked",
        (("count(*) > 1 and sum(l.amount) = 0\n", "count(*) > 1\n"),),
        drill_batches,
    ),
    Mutant(
        "the legs of a batch are taken in any order",
        (
            (
                '\n                   and array_agg(l.code order by l.leg) = array_agg(l.code order by l.code collate "C") as',
                " as",
            ),
        ),
        drill_batches,
    ),
    Mutant(
        "accounts of a batch are locked as they come",
        (
            (
                'select array_agg(l.code order by l.code collate "C"), array_agg(l.amount order by l.code collate "C"),\n           array_agg(l.place order by l.code collate "C")',
                "select array_agg(l.code order by hashtextextended(l.code, l.amount)), array_agg(l.amount order by hashtextextended(l.code, l.amount)), array_agg(l.place order by hashtextextended(l.code, l.amount))",
            ),
        ),
        partial(drill_batches, rounds=40),
    ),
    Mutant(
        "a batch forgets predecessors",
        (("head = ledger.chain(a.head, v_told", "head = ledger.chain('\\x00', v_told"),),
        drill_batches,
    ),
    Mutant(
        "ids of a batch go to other journals",
        (
            (
                "array_agg(t.id order by t.id), array_agg(t.digest order by t.id)",
                "array_agg(t.id order by t.id desc), array_agg(t.digest order by t.id desc)",
            ),
        ),
        drill_batches,
    ),
)


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
def test_a_ledger_without_one_of_its_laws_is_noticed(mutant: Mutant) -> None:
    assert ADMIN_URL is not None
    source = ledger_source()
    for old, new in mutant.changes:
        assert source.count(old) == 1, f"{source.count(old)} times in the SQL: {old}"
        source = source.replace(old, new)

    with ledger_database(ADMIN_URL, source=source) as url, contextlib.ExitStack() as noticed:
        noticed.enter_context(pytest.raises(AssertionError))
        assert callable(mutant.drill)
        mutant.drill(url)
