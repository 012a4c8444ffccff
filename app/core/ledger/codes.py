"""Account codes (账户编码): the kind, then after a colon the owner's UUID or a name. Stripes stay in the database."""

from uuid import UUID

COMMISSION = "commission"
DELIVERY_INCOME = "delivery_income"
DELIVERY_SUBSIDY = "delivery_subsidy"
ADVERTISING_INCOME = "advertising_income"
PROMOTION_EXPENSE = "promotion_expense"
FEE_EXPENSE = "fee_expense"
PLATFORM_LOSS = "platform_loss"
BANK_SETTLEMENT = "bank_settlement"
REFUND_PAYABLE = "refund_payable"
FUND_OMNIBUS = "fund_omnibus"
FUND_ADVANCE = "fund_advance"
BANK_ADVANCE = "bank_advance"
FUND_INCOME = "fund_income"
FUND_ROUNDING = "fund_rounding"
TERM_INTEREST = "term_interest"
SUSPENSE = "suspense"


def kind_of(code: str) -> str:
    """Return the kind of the account ``code``."""
    return code.partition(":")[0]


def e_account(owner: UUID) -> str:
    """Return the code of the e-account (电子账户) of a person or a merchant's owner."""
    return f"e_account:{owner}"


def fund_holding(resident: UUID) -> str:
    """Return the code of a resident's confirmed fund shares (基金持有)."""
    return f"fund_holding:{resident}"


def fund_pending_in(resident: UUID) -> str:
    """Return the code of a resident's subscriptions under way (申购在途)."""
    return f"fund_pending_in:{resident}"


def fund_pending_out(resident: UUID) -> str:
    """Return the code of a resident's redemptions under way (赎回在途)."""
    return f"fund_pending_out:{resident}"


def term_holding(resident: UUID) -> str:
    """Return the code of a resident's principal in term products (理财持有)."""
    return f"term_holding:{resident}"


def escrow(order: UUID) -> str:
    """Return the code of one order's escrow (订单担保)."""
    return f"escrow:{order}"


def merchant_pending(merchant: UUID) -> str:
    """Return the code of what a merchant has earned and not been settled (商户待结算)."""
    return f"merchant_pending:{merchant}"


def merchant_available(merchant: UUID) -> str:
    """Return the code of what a merchant may withdraw (商户可提现)."""
    return f"merchant_available:{merchant}"


def merchant_deposit(merchant: UUID) -> str:
    """Return the code of a merchant's deposit (商户保证金)."""
    return f"merchant_deposit:{merchant}"


def merchant_debt(merchant: UUID) -> str:
    """Return the code of what a merchant owes us, below zero (商户欠款)."""
    return f"merchant_debt:{merchant}"


def courier_pending(courier: UUID) -> str:
    """Return the code of what a courier has earned and not been settled (管家待结算)."""
    return f"courier_pending:{courier}"


def courier_available(courier: UUID) -> str:
    """Return the code of what a courier may withdraw (管家可提现)."""
    return f"courier_available:{courier}"


def store_float(store: UUID) -> str:
    """Return the code of an experience store's cash desk (体验店备付金)."""
    return f"store_float:{store}"


def till_cash(till: UUID) -> str:
    """Return the code of the cash in a till, below zero (钱箱现金)."""
    return f"till_cash:{till}"


def cash_in_transit(transfer: UUID) -> str:
    """Return the code of cash on its way, below zero (在途现金)."""
    return f"cash_in_transit:{transfer}"


def cash_shortage(person: UUID) -> str:
    """Return the code of what a person owes for cash that was missing, below zero (现金短款)."""
    return f"cash_shortage:{person}"


def disputed(payment: UUID) -> str:
    """Return the code of what a provider took back while a payment is disputed (争议款)."""
    return f"disputed:{payment}"


def gateway_clearing(provider: str) -> str:
    """Return the code of what the payment provider ``provider`` holds for us (支付渠道清算)."""
    return f"gateway_clearing:{provider}"


def biller_available(biller: UUID) -> str:
    """Return the code of what goes to a biller's bank account next (缴费待划款)."""
    return f"biller_available:{biller}"


def biller_payable(biller: str) -> str:
    """Return the code of what is collected for ``biller`` (缴费应付)."""
    return f"biller_payable:{biller}"
