"""Trial balance, balance sheet and income statement of any moment (试算平衡表、资产负债表、利润表): pure.

Amounts are in the books' sign: above zero we owe it or have earned it, below zero we are owed it or have spent it.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from app.core.ledger.chart import BY_KIND

INCOME = frozenset({"commission", "delivery_income", "advertising_income"})
EXPENSES = frozenset({"promotion_expense", "fee_expense", "platform_loss", "delivery_subsidy"})
"""What makes our result; all else stands on the balance sheet."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BalanceSheet:
    """``assets = liabilities + equity``, each fen by kind; equity is what income and expenses have left so far."""

    assets: dict[str, int]
    liabilities: dict[str, int]
    equity_fen: int


@dataclass(frozen=True, slots=True, kw_only=True)
class IncomeStatement:
    """``result = income - expenses`` of a span of time, fen by kind."""

    income: dict[str, int]
    expenses: dict[str, int]
    result_fen: int


def balance_sheet(totals: Mapping[str, int]) -> BalanceSheet:
    """Return the balance sheet of the sums of all entries by kind of account.

    A kind that may stand on either side stands on that of its balance.
    """
    assert sum(totals.values()) == 0, "the books do not sum to zero"
    assets: dict[str, int] = {}
    liabilities: dict[str, int] = {}
    equity_fen = 0
    for kind, fen in sorted(totals.items()):
        sign = BY_KIND[kind].sign or (1 if fen >= 0 else -1)
        if kind in INCOME | EXPENSES:
            equity_fen += fen
        elif sign < 0:
            assets[kind] = -fen
        else:
            liabilities[kind] = fen
    return BalanceSheet(assets=assets, liabilities=liabilities, equity_fen=equity_fen)


def income_statement(before: Mapping[str, int], after: Mapping[str, int]) -> IncomeStatement:
    """Return the income statement between two moments, of the sums of all entries until each."""
    moved = {kind: after.get(kind, 0) - before.get(kind, 0) for kind in sorted(INCOME | EXPENSES)}
    return IncomeStatement(
        income={kind: fen for kind, fen in moved.items() if kind in INCOME},
        expenses={kind: -fen for kind, fen in moved.items() if kind in EXPENSES},
        result_fen=sum(moved.values()),
    )
