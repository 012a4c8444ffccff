"""What the books say of a fund: who owes what, in which act.

``fund_omnibus`` mirrors what the fund company keeps for us, so that at any moment, over all funds,

    fund_omnibus + Σ fund_holding + Σ fund_pending_out + fund_income + fund_rounding = 0.

Money that waits for a confirmation is still at the bank; with the confirmation it goes to the fund company. What is
redeemed at once is advanced by the bank (``bank_advance``) and owed by the fund (``fund_advance``) until T+1.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from uuid import UUID

from app.core.ledger import Journal, JournalKind, Leg, codes

LEGS_MAX = 1_000
"""A journal of a batch has no more legs than this."""


def legs_of(sums: Mapping[str, int]) -> tuple[Leg, ...]:
    """Return one leg for every account whose sum is not nothing."""
    return tuple(Leg(account, amount) for account, amount in sums.items() if amount)


def added(*parts: Mapping[str, int]) -> Counter[str]:
    """Return the sums of several acts' movements by account; amounts below zero are kept."""
    sums: Counter[str] = Counter()
    for part in parts:
        sums.update(part)
    return sums


def bought(account_id: UUID, amount_fen: int) -> dict[str, int]:
    """Return an order to buy: paid for, neither spendable nor earning."""
    return {codes.e_account(account_id): -amount_fen, codes.fund_pending_in(account_id): amount_fen}


def confirmed(account_id: UUID, amount_fen: int, confirmed_fen: int) -> dict[str, int]:
    """Return a purchase confirmed, whole or in part or not at all: the rest goes back."""
    return {
        codes.fund_pending_in(account_id): -amount_fen,
        codes.fund_holding(account_id): confirmed_fen,
        codes.e_account(account_id): amount_fen - confirmed_fen,
        codes.BANK_SETTLEMENT: confirmed_fen,
        codes.FUND_OMNIBUS: -confirmed_fen,
    }


def asked_back(account_id: UUID, amount_fen: int) -> dict[str, int]:
    """Return an order to redeem the normal way: out of what can be redeemed again."""
    return {codes.fund_holding(account_id): -amount_fen, codes.fund_pending_out(account_id): amount_fen}


def paid_back(account_id: UUID, amount_fen: int) -> dict[str, int]:
    """Return T+1 of a normal redemption: the fund company pays."""
    return {
        codes.fund_pending_out(account_id): -amount_fen,
        codes.e_account(account_id): amount_fen,
        codes.FUND_OMNIBUS: amount_fen,
        codes.BANK_SETTLEMENT: -amount_fen,
    }


def redeemed_at_once(account_id: UUID, amount_fen: int) -> dict[str, int]:
    """Return a fast redemption: the bank advances what the fund owes now."""
    return {
        codes.fund_holding(account_id): -amount_fen,
        codes.e_account(account_id): amount_fen,
        codes.FUND_OMNIBUS: amount_fen,
        codes.FUND_ADVANCE: -amount_fen,
        codes.BANK_ADVANCE: amount_fen,
        codes.BANK_SETTLEMENT: -amount_fen,
    }


def repaid(amount_fen: int) -> dict[str, int]:
    """Return T+1 of fast redemptions: the fund company pays the bank."""
    return {codes.FUND_ADVANCE: amount_fen, codes.BANK_ADVANCE: -amount_fen}


def accrued(declared_fen: int, paid_fen: int) -> dict[str, int]:
    """Return a day's income, or its correction: declared by the fund, earned by holders, the difference rounding."""
    return {
        codes.FUND_OMNIBUS: -declared_fen,
        codes.FUND_INCOME: paid_fen,
        codes.FUND_ROUNDING: declared_fen - paid_fen,
    }


def term_paid(account_id: UUID, amount_fen: int, earned_fen: int) -> dict[str, int]:
    """Return the end of a term product: principal and interest to the e-account."""
    return {
        codes.term_holding(account_id): -amount_fen,
        codes.e_account(account_id): amount_fen + earned_fen,
        codes.TERM_INTEREST: -earned_fen,
    }


def credit(fund_order_id: UUID, account_id: UUID, uncredited_fen: int) -> list[Journal]:
    """Return the journal that puts accrued income on the holder's account ahead of an order; none without any."""
    legs = legs_of({codes.FUND_INCOME: -uncredited_fen, codes.fund_holding(account_id): uncredited_fen})
    if not legs:
        return []
    return [Journal(key=f"fund-credit:{fund_order_id}", kind=JournalKind.FUND_INCOME, legs=legs)]


def order_journal(prefix: str, fund_order_id: UUID, kind: JournalKind, moves: Mapping[str, int]) -> Journal:
    """Return the journal of an act on one order."""
    return Journal(key=f"{prefix}:{fund_order_id}", kind=kind, legs=legs_of(moves), ref=str(fund_order_id))


def batch_journal(key: str, kind: JournalKind, moves: Iterable[Mapping[str, int]], ref: str) -> Journal | None:
    """Return one journal of many acts, one leg an account; None when they come to nothing."""
    legs = legs_of(added(*moves))
    return Journal(key=key, kind=kind, legs=legs, ref=ref) if legs else None
