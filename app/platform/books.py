"""The books of any moment at the operator's door: balance sheet, income statement, an account with running balance."""

from datetime import datetime
from typing import Any

from marshmallow import fields

from app.core.ledger.chart import CHART, Qualifier
from app.core.ledger.errors import MomentsReversed
from app.core.ledger.records import entries_of, totals_at
from app.core.ledger.reports import balance_sheet, income_statement
from app.kernel.actor import Actor
from app.kernel.transaction import transaction
from app.web.door import Door
from app.web.fields import BIGINT_MAX, Body, Day, Instant, Int, Many, Pattern, Query, Text
from app.web.paging import LIMIT_MAX
from app.web.policy import Relation, policy

PLAIN_CODES = tuple(kind.kind for kind in CHART if kind.qualifier is Qualifier.NONE and kind.stripes == 1)
"""Accounts of the platform with one row each: suspense, entry by entry, and what is like it."""


class MomentQuery(Query):
    """A moment, and for the income statement the one it begins at."""

    at = Instant(required=True)
    since = Instant(load_default=None)


def _by_kind() -> fields.Dict:
    return fields.Dict(keys=fields.String(), values=fields.Integer(), required=True)


def _fen() -> Int:
    return Int(low=-BIGINT_MAX, high=BIGINT_MAX, required=True)


class BooksReportOut(Body):
    """Fen by kind of account: ``assets = liabilities + equity``; ``result = income - expenses`` since a moment."""

    trial_balance = _by_kind()
    assets = _by_kind()
    liabilities = _by_kind()
    equity_fen = _fen()
    income = _by_kind()
    expenses = _by_kind()
    result_fen = _fen()


class AccountQuery(Query):
    """An account by its code, and the place that entries are wanted before.

    That of a party (``kind:uuid``), or one of the platform that is kept in one row; the busy ones are in stripes, and
    have no running balance.
    """

    code = Pattern(rf"[a-z_]+:[0-9a-f-]{{36}}|{'|'.join(PLAIN_CODES)}", high=80, required=True)
    before_seq = Int(low=1, high=BIGINT_MAX, load_default=None)
    limit = Int(low=1, high=LIMIT_MAX, load_default=50)


class AccountEntryOut(Body):
    """An entry, and the balance after it."""

    seq = _fen()
    kind = Text(high=40, required=True)
    ref = Text(high=200, required=True, allow_none=True)
    amount_fen = _fen()
    balance_fen = _fen()
    posted_at = Instant(required=True)
    effective_on = Day(required=True)


class AccountEntriesOut(Body):
    """Entries of an account, newest first."""

    items = Many(fields.Nested(AccountEntryOut), high=LIMIT_MAX, required=True)


def add_books(door: Door) -> None:
    """Give the operator's door its reports of the books."""

    @door.get("/books/report", query=MomentQuery, answer=BooksReportOut)
    @policy("books.read", Relation.PLATFORM)
    def read_books_report(_actor: Actor, *, query: dict[str, Any]) -> dict[str, Any]:
        """Read trial balance, balance sheet and income statement as they were at a moment."""
        at: datetime = query["at"]
        since: datetime | None = query["since"]
        if since is not None and since > at:
            raise MomentsReversed(pointer="/since")
        with transaction() as tx:
            totals = totals_at(tx, at)
            before = {} if since is None else totals_at(tx, since)
        sheet, result = balance_sheet(totals), income_statement(before, totals)
        return {
            "trial_balance": totals,
            "assets": sheet.assets,
            "liabilities": sheet.liabilities,
            "equity_fen": sheet.equity_fen,
            "income": result.income,
            "expenses": result.expenses,
            "result_fen": result.result_fen,
        }

    @door.get("/books/entries", query=AccountQuery, answer=AccountEntriesOut)
    @policy("books.read", Relation.PLATFORM)
    def list_entries(_actor: Actor, *, query: dict[str, Any]) -> dict[str, Any]:
        """List the entries of a party's account, or of suspense, with its running balance, newest first."""
        with transaction() as tx:
            return {"items": entries_of(tx, **query)}
