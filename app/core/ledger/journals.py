"""What can be posted: legs that sum to zero, under a key that names the business fact."""

from dataclasses import dataclass
from datetime import date
from enum import StrEnum


class JournalKind(StrEnum):
    """Why money moved (业务类型)."""

    OPENING = "opening"  # an account's opening balance, in demonstrations and migrations
    TOP_UP = "top_up"
    PAYMENT = "payment"
    PROMOTION = "promotion"
    REFUND = "refund"
    COMPLETION = "completion"
    TIP = "tip"
    EXCHANGE_CARRIAGE = "exchange_carriage"
    TRANSFER = "transfer"
    COMPENSATION = "compensation"
    SETTLEMENT = "settlement"
    WITHDRAWAL = "withdrawal"
    WITHDRAWAL_RETURN = "withdrawal_return"
    DEPOSIT = "deposit"
    ADVERTISING = "advertising"
    PROVIDER_FEE = "provider_fee"
    PROVIDER_PAYOUT = "provider_payout"
    LATE_PAYMENT = "late_payment"
    DISPUTE = "dispute"
    FUND_SUBSCRIPTION = "fund_subscription"
    FUND_CONFIRMATION = "fund_confirmation"
    FUND_REDEMPTION = "fund_redemption"
    FUND_INCOME = "fund_income"
    TERM_SUBSCRIPTION = "term_subscription"
    TERM_REDEMPTION = "term_redemption"
    BILL = "bill"
    BILL_RETURN = "bill_return"
    CASH_IN = "cash_in"
    CASH_OUT = "cash_out"
    CASH_TRANSFER = "cash_transfer"
    CASH_DIFFERENCE = "cash_difference"
    CORRECTION = "correction"


@dataclass(frozen=True, slots=True)
class Leg:
    """One entry to be made: ``amount_fen`` is added to ``account``; below zero takes from it.

    :param account: account code, see :mod:`app.core.ledger.codes`.
    :param amount_fen: fen, never 0.
    """

    account: str
    amount_fen: int

    def __post_init__(self) -> None:
        assert self.amount_fen != 0, f"a leg without an amount on {self.account}"


@dataclass(frozen=True, slots=True)
class Journal:
    """One business act. The same key with the same content is the same act, however often it is posted.

    :param key: the business fact, such as ``pay:{attempt}``; at most 200 characters, no personal data.
    :param legs: two or more, one per account, summing to zero.
    :param ref: id of what it is about, at most 200 characters, no personal data.
    :param effective_on: day in Asia/Shanghai it counts for; None for the day of posting.
    """

    key: str
    kind: JournalKind
    legs: tuple[Leg, ...]
    ref: str | None = None
    effective_on: date | None = None

    def __post_init__(self) -> None:
        assert len(self.legs) > 1, f"{self.key} has fewer than two legs"
        assert sum(leg.amount_fen for leg in self.legs) == 0, f"{self.key} does not sum to zero"
        assert len({leg.account for leg in self.legs}) == len(self.legs), f"{self.key} names an account twice"
