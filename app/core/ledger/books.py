"""The books (账本): typed calls of the database functions that are their only writers.

Every call runs inside the caller's transaction and commits with it. A transaction makes **at most one** writing call,
as its last lock: the functions lock accounts in one order (:func:`in_lock_order`), and a second call would start anew.

A refusal aborts the PostgreSQL transaction. The caller lets the error pass through ``with transaction()``, which rolls
back; it cannot catch the error and go on.

Counters of limits (a person's yearly total, a day's quota) belong to their own domains. They are moved by a conditional
UPDATE *before* the ledger call in the same transaction, so that both hold or neither; an account's row and its code
tell the owner.
"""

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, fields, replace
from datetime import date, datetime, timedelta
from decimal import Decimal  # noqa: TID251 - a print is no amount
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING

from sqlalchemy import TextClause, text

from app.core.ledger.chart import PARTIES
from app.core.ledger.codes import kind_of
from app.core.ledger.errors import refusals
from app.core.ledger.journals import Journal, JournalKind, Leg
from app.kernel.errors import LinliError

if TYPE_CHECKING:
    from app.kernel.transaction import Transaction
    from app.kernel.wire import Result

FINDINGS_MAX = 100

_OPEN_ACCOUNT = text("SELECT ledger.open_account(:code)")


@dataclass(frozen=True)
class _Call:
    """A call of a posting function, alone or behind another function's call.

    :param function: the call; ``{first}`` stands for its first parameter.
    """

    function: str
    first: str

    @cached_property
    def alone(self) -> TextClause:
        """The statement that posts."""
        return text(f"SELECT p.* FROM {self.function.format(first=self.first)} AS p")


@lru_cache(maxsize=64)
def _behind(posting: _Call, call: str) -> TextClause:
    """Return the posting behind ``call``: what it is given depends on the call's value, so the call comes first."""
    function = posting.function.format(first=f"CASE WHEN ahead.done IS NOT NULL THEN {posting.first} END")
    return text(f"SELECT p.* FROM {call} AS ahead (done), LATERAL {function} AS p")


_POST = _Call(
    "ledger.post({first}, :kind, :ref, :day, CAST(:accounts AS text[]), CAST(:amounts AS bigint[]))",
    first="CAST(:key AS text)",
)
_POST_MANY = _Call(
    """ledger.post_many({first}, CAST(:kinds AS text[]), CAST(:refs AS text[]), CAST(:days AS date[]),
        CAST(:leg_counts AS integer[]), CAST(:accounts AS text[]), CAST(:amounts AS bigint[]))""",
    first="CAST(:keys AS text[])",
)
_PLACE_HOLD = _Call("ledger.place_hold({first}, :account, :amount_fen, :ttl)", first="CAST(:key AS text)")
_CAPTURE_HOLD = text(
    """
    SELECT journal_id, replayed FROM ledger.capture_hold(
        :hold_key, :key, :kind, :ref, :day, CAST(:accounts AS text[]), CAST(:amounts AS bigint[]))
    """
)
_PLACE_HOLDS = text(
    """
    SELECT ledger.place_holds(CAST(:keys AS text[]), CAST(:accounts AS text[]), CAST(:amounts AS bigint[]), :ttl)
    """
)
_CAPTURE_HOLDS = text(
    """
    SELECT ledger.capture_holds(CAST(:hold_keys AS text[]), CAST(:keys AS text[]), :kind, CAST(:refs AS text[]),
        CAST(:accounts AS text[]), CAST(:amounts AS bigint[]))
    """
)
_VOID_HOLD = _Call("ledger.void_hold({first})", first="CAST(:hold_key AS text)")
_EXPIRE_HOLDS = text("SELECT ledger.expire_holds(:limit)")
_CLOSE_DAY = text("SELECT ledger.close_day(:day)")
_BALANCE = text("SELECT posted_fen, held_fen, available_fen FROM ledger.balance WHERE code = :code")
_STATEMENT = text(
    """
    SELECT seq, kind, ref, amount_fen, balance_fen, posted_at, effective_on FROM ledger.statement
    WHERE code = :code AND seq < :before_seq ORDER BY seq DESC LIMIT :limit
    """
)
_BOOKS = text("SELECT * FROM ledger.books")
_FINDINGS = text("SELECT finding, code, seq, journal_id, detail FROM ledger.finding LIMIT :limit")
_FINDINGS_SINCE = text("SELECT finding, code, seq, journal_id, detail FROM ledger.findings_since(:mark) LIMIT :limit")
_FINDINGS_AGAIN = text(
    "SELECT finding, code, seq, journal_id, detail FROM ledger.findings_again(:after, :to, :print) LIMIT :limit"
)
# One statement sees one moment: the print is of what the findings are about.
_PRINT = text("SELECT ledger.print_of(:mark, :to) WHERE NOT EXISTS (SELECT FROM ledger.findings_since(:mark))")
_READ_WHOLE_TABLES = text(
    "SELECT set_config('enable_seqscan', 'on', true), set_config('statement_timeout', '1h', true)"
)
_TAKE_TIME = text("SELECT set_config('statement_timeout', '10min', true)")
_SEQ_MAX = 2**63 - 1


@dataclass(frozen=True, slots=True)
class Posted:
    """A journal that stands in the books; ``replayed`` when it stood there before this call."""

    journal_id: int
    replayed: bool


@dataclass(frozen=True, slots=True)
class Ahead:
    """A function of another domain that runs ahead of a posting, in the same statement: both take effect, or neither.

    :param call: the SQL call, which returns one value; its parameters' names are its own.
    :param refusals: SQLSTATE that it raises → the error made of its DETAIL.
    """

    call: str
    params: Mapping[str, object]
    refusals: Mapping[str, Callable[[str], LinliError]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Held:
    """A hold that is placed; ``replayed`` when it was placed before this call."""

    hold_id: int
    replayed: bool


@dataclass(frozen=True, slots=True)
class Hold:
    """A hold to be placed: ``amount_fen`` of ``account`` under ``key``."""

    key: str
    account: str
    amount_fen: int


@dataclass(frozen=True, slots=True)
class Capture:
    """A hold to be captured: under ``key`` it pays ``leg``, and releases the rest."""

    hold_key: str
    key: str
    leg: Leg
    ref: str | None = None


@dataclass(frozen=True, slots=True)
class Balance:
    """An account's balance, fen: ``available_fen = posted_fen - held_fen``."""

    code: str
    posted_fen: int
    held_fen: int
    available_fen: int

    @property
    def kind(self) -> str:
        """Kind of the account, as in the chart."""
        return kind_of(self.code)


@dataclass(frozen=True, slots=True)
class StatementLine:
    """One entry as its owner reads it; ``balance_fen`` is the balance after it, ``seq`` its place, from 1."""

    seq: int
    kind: str
    ref: str | None
    amount_fen: int
    balance_fen: int
    posted_at: datetime
    effective_on: date


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong with the books, and where."""

    finding: str
    code: str | None
    seq: int | None
    journal_id: int | None
    detail: str


@dataclass(frozen=True, slots=True)
class Proof:
    """What one look at the whole books found: sums in fen, counts of what is wrong. All zero when they are sound."""

    sum_balances: int
    sum_entries: int
    bad_accounts: int
    bad_holds: int
    bad_journals: int
    empty_journals: int
    bad_links: int
    negative_accounts: int
    findings: tuple[Finding, ...] = ()

    @property
    def is_sound(self) -> bool:
        """Whether nothing at all was found."""
        return not self.findings and not any(getattr(self, name) for name in _COUNTS)

    def __str__(self) -> str:
        if self.is_sound:
            return "the books are sound"
        counts = ", ".join(f"{name} {getattr(self, name)}" for name in _COUNTS if getattr(self, name))
        lines = (f"  {f.finding} {f.code or ''} seq {f.seq} journal {f.journal_id}: {f.detail}" for f in self.findings)
        return "\n".join([f"the books are NOT sound: {counts}", *lines])


_COUNTS = tuple(one.name for one in fields(Proof) if one.name != "findings")


def open_account(tx: "Transaction", code: str) -> None:
    """Open the account ``code`` if it is not open yet. Only kinds that do not open by themselves need it.

    :raises AccountNotFound: there is no such kind, or the code is not of its form.
    """
    with refusals():
        tx.execute(_OPEN_ACCOUNT, {"code": code})


def in_lock_order(legs: Sequence[Leg]) -> list[Leg]:
    """Return ``legs`` as the functions lock their accounts: those of parties by code, then the platform's by code."""
    return sorted(legs, key=lambda leg: (kind_of(leg.account) not in PARTIES, leg.account))


def _legs(legs: Sequence[Leg]) -> dict[str, object]:
    return {"accounts": [leg.account for leg in legs], "amounts": [leg.amount_fen for leg in legs]}


def post(tx: "Transaction", journal: Journal, *, ahead: Ahead | None = None) -> Posted:
    """Post one journal in one round trip. Locks its key, then its accounts.

    :param ahead: what is locked and counted before the ledger's accounts, in the same round trip; not for a replay.
    :raises LinliError: as :func:`post_many`.
    """
    row = _send(tx, _POST, _one(journal), ahead).one()
    return Posted(row.journal_id, row.replayed)


def post_many(tx: "Transaction", journals: Sequence[Journal], *, ahead: Ahead | None = None) -> list[Posted]:
    """Post all of ``journals``, or none, in one round trip. Locks their keys, then their accounts.

    Journals that touch the same account are applied to it in the order given.

    :param ahead: what is locked and counted before the ledger's accounts, in the same round trip; not for a replay.
    :returns: one result per journal, in their order.
    :raises InsufficientFunds: an account would go below its floor.
    :raises LedgerKeyReused: a key stands for another journal.
    :raises AccountNotFound: a leg names an account that is not open and does not open by itself.
    :raises DayClosed: an effective day is closed.
    """
    if not journals:
        return []
    row = _send(tx, _POST_MANY, _many(journals), ahead).one()
    return [Posted(journal_id, replayed) for journal_id, replayed in zip(row.journal_ids, row.replayed, strict=True)]


def post_along(tx: "Transaction", journals: Sequence[Journal], *, ahead: Ahead | None = None) -> None:
    """Post as :func:`post_many`, but in the round trip of the transaction's next statement, before it.

    That statement, usually the closing, raises what is refused here. For who need not know the journals' ids.
    """
    if journals:
        one = _POST, _one(journals[0])
        statement, params, refusing = _ready(*(one if len(journals) == 1 else (_POST_MANY, _many(journals))), ahead)
        tx.take_along(statement, params, refusing)


def _one(journal: Journal) -> dict[str, object]:
    return {
        "key": journal.key,
        "kind": str(journal.kind),
        "ref": journal.ref,
        "day": journal.effective_on,
        **_legs(in_lock_order(journal.legs)),
    }


def _many(journals: Sequence[Journal]) -> dict[str, object]:
    return {
        "keys": [journal.key for journal in journals],
        "kinds": [str(journal.kind) for journal in journals],
        "refs": [journal.ref for journal in journals],
        "days": [journal.effective_on for journal in journals],
        "leg_counts": [len(journal.legs) for journal in journals],
        **_legs([leg for journal in journals for leg in in_lock_order(journal.legs)]),
    }


def _ready(
    call: _Call, params: Mapping[str, object], ahead: Ahead | None
) -> tuple[TextClause, Mapping[str, object], AbstractContextManager[None]]:
    """Return a call's statement and values, and in what it is to be sent."""
    if ahead is None:
        return call.alone, params, refusals()
    return _behind(call, ahead.call), {**params, **ahead.params}, refusals(ahead.refusals)


def _send(tx: "Transaction", call: _Call, params: Mapping[str, object], ahead: Ahead | None) -> "Result":
    statement, values, refusing = _ready(call, params, ahead)
    with refusing:
        return tx.execute(statement, values)


def place_hold(
    tx: "Transaction", *, key: str, account: str, amount_fen: int, ttl: timedelta, ahead: Ahead | None = None
) -> Held:
    """Set ``amount_fen`` of ``account`` aside under ``key`` until ``ttl`` from now (business time).

    :param ahead: what is locked and counted before the account, in the same round trip; not for a replay.
    :raises InsufficientFunds: less than that is available.
    :raises LedgerKeyReused: the key stands for another hold.
    """
    assert amount_fen > 0, f"a hold of {amount_fen} fen"
    assert ttl > timedelta(), f"a hold for {ttl}"
    params = {"key": key, "account": account, "amount_fen": amount_fen, "ttl": ttl}
    row = _send(tx, _PLACE_HOLD, params, ahead).one()
    return Held(row.hold_id, row.replayed)


def place_holds(tx: "Transaction", holds: Sequence[Hold], *, ttl: timedelta) -> list[Held]:
    """Place all of ``holds``, new ones of different accounts, or none, in one round trip. Locks the accounts in order.

    :returns: one result per hold, in their order.
    :raises InsufficientFunds: one of them is more than is available.
    :raises LedgerKeyReused: one of the keys stands, for whatever hold: it is no time for a repeat.
    """
    params = {
        "keys": [hold.key for hold in holds],
        "accounts": [hold.account for hold in holds],
        "amounts": [hold.amount_fen for hold in holds],
        "ttl": ttl,
    }
    with refusals():
        ids = tx.execute(_PLACE_HOLDS, params).scalar_one()
    return [Held(hold_id, replayed=False) for hold_id in ids]


def capture_hold(
    tx: "Transaction", hold_key: str, *, key: str, kind: JournalKind, legs: Sequence[Leg], ref: str | None = None
) -> Posted:
    """Pay the sum of ``legs`` out of a hold and release the rest. Locks the hold, then as :func:`post_many`.

    :param legs: where the money goes; the leg of the held account is added to them.
    :raises HoldNotFound: no hold has this key.
    :raises HoldClosed: it was voided, expired, or captured by another journal.
    :raises CaptureExceedsHold: the legs sum to more than it holds.
    :raises LedgerKeyReused: ``key`` stands for another journal, or for other legs.
    """
    params = {
        "hold_key": hold_key,
        "key": key,
        "kind": str(kind),
        "ref": ref,
        "day": None,
        **_legs(legs),
    }
    with refusals():
        row = tx.execute(_CAPTURE_HOLD, params).one()
    return Posted(row.journal_id, row.replayed)


def capture_holds(tx: "Transaction", captures: Sequence[Capture], *, kind: JournalKind) -> list[Posted]:
    """Capture all of ``captures``, open holds of different accounts, or none, in one round trip.

    Locks the holds by their keys, then all accounts in order.

    :returns: one result per capture, in their order.
    :raises HoldClosed: one of the holds is not open, is none, or holds less than its leg.
    :raises LedgerKeyReused: one of the keys stands, for whatever journal.
    """
    params = {
        "hold_keys": [one.hold_key for one in captures],
        "keys": [one.key for one in captures],
        "kind": str(kind),
        "refs": [one.ref for one in captures],
        **_legs([one.leg for one in captures]),
    }
    with refusals():
        ids = tx.execute(_CAPTURE_HOLDS, params).scalar_one()
    return [Posted(journal_id, replayed=False) for journal_id in ids]


def void_hold(tx: "Transaction", hold_key: str, *, ahead: Ahead | None = None) -> bool:
    """Release a hold whole; return whether it had been released before.

    :param ahead: what is locked and given back before the account, in the same round trip.
    :raises HoldNotFound: no hold has this key.
    :raises HoldClosed: it was captured.
    """
    return bool(_send(tx, _VOID_HOLD, {"hold_key": hold_key}, ahead).scalar_one())


def expire_holds(tx: "Transaction", limit: int) -> list[str]:
    """Release at most ``limit`` holds that are past their time, oldest first, and return their keys."""
    return list(tx.execute(_EXPIRE_HOLDS, {"limit": limit}).scalar_one())


def close_day(tx: "Transaction", day: date) -> None:
    """Close ``day`` and all before it: nothing can take effect on them any more. Waits for journals in flight."""
    with refusals():
        tx.execute(_CLOSE_DAY, {"day": day})


def balance(tx: "Transaction", code: str) -> Balance:
    """Return the balance of account ``code``, its stripes added up; zero when it was never used."""
    row = tx.execute(_BALANCE, {"code": code}).one_or_none()
    if row is None:
        return Balance(code, posted_fen=0, held_fen=0, available_fen=0)
    return Balance(code, row.posted_fen, row.held_fen, row.available_fen)


def statement(tx: "Transaction", code: str, *, before_seq: int | None = None, limit: int = 50) -> list[StatementLine]:
    """Return at most ``limit`` entries of account ``code``, newest first.

    :param before_seq: only entries before this place; None begins with the latest.
    """
    params = {"code": code, "before_seq": _SEQ_MAX if before_seq is None else before_seq, "limit": limit}
    return [StatementLine(**row) for row in tx.execute(_STATEMENT, params).mappings()]


def prove(tx: "Transaction") -> Proof:
    """Check the whole books in one snapshot; when they are unsound, say where (at most ``FINDINGS_MAX`` findings)."""
    tx.execute(_READ_WHOLE_TABLES)
    counts = Proof(**tx.execute(_BOOKS).mappings().one())
    if counts.is_sound:
        return counts
    found = tuple(Finding(**row) for row in tx.execute(_FINDINGS, {"limit": FINDINGS_MAX}).mappings())
    return replace(counts, findings=found)


def findings_since(tx: "Transaction", mark: int) -> tuple[Finding, ...]:
    """Check the journals after ``mark`` and the accounts that they moved; return at most ``FINDINGS_MAX`` findings.

    What is before the mark is taken for granted: only :func:`prove` sees that it was changed.
    """
    tx.execute(_TAKE_TIME)
    return tuple(
        Finding(**row) for row in tx.execute(_FINDINGS_SINCE, {"mark": mark, "limit": FINDINGS_MAX}).mappings()
    )


def print_since(tx: "Transaction", mark: int, to: int) -> Decimal | None:
    """Return the print of the journals after ``mark`` up to ``to``; None when :func:`findings_since` finds something.

    Prints of neighboring parts add up.
    """
    tx.execute(_TAKE_TIME)
    found: Decimal | None = tx.execute(_PRINT, {"mark": mark, "to": to}).scalar_one_or_none()
    return found


def findings_again(tx: "Transaction", *, after: int, to: int, print_: Decimal) -> tuple[Finding, ...]:
    """Check that the journals after ``after`` up to ``to`` are as they were when they were proven, and their accounts.

    When they are not, what :func:`findings_since` says of them is added: it names the rows.

    :param print_: their print at that time.
    """
    tx.execute(_TAKE_TIME)
    params = {"after": after, "to": to, "print": print_, "limit": FINDINGS_MAX}
    found = tuple(Finding(**row) for row in tx.execute(_FINDINGS_AGAIN, params).mappings())
    return found + findings_since(tx, after) if found else ()
