"""The chart of accounts (会计科目): one row per kind. The database holds the same rows; a test compares them.

Positive is what we owe the account's owner. Income stands on the positive side; what others owe us and what we spend
stand on the negative.
"""

from dataclasses import dataclass
from enum import StrEnum


class OwnerKind(StrEnum):
    """Whom an account belongs to."""

    PARTY = "party"
    RESIDENT = "resident"
    ORDER = "order"
    PAYMENT = "payment"
    MERCHANT = "merchant"
    COURIER = "courier"
    STORE = "store"
    PLATFORM = "platform"
    PROVIDER = "provider"
    BILLER = "biller"


class Qualifier(StrEnum):
    """What follows the kind in an account's code: nothing, the owner's UUID, or a name such as ``stripe``."""

    NONE = "none"
    UUID = "uuid"
    NAME = "name"


@dataclass(frozen=True, slots=True)
class AccountKind:
    """One kind of account.

    :param sign: side it normally stands on: 1 we owe, -1 we are owed or have spent, 0 either.
    :param floor_fen: available balance never goes below it, fen; None for no floor.
    :param stripes: number of rows that share the postings of one code; more than one only without a floor.
    :param opens_by_itself: whether the first journal that names it opens it.
    :param has_statement: whether its owner may read its entries.
    """

    kind: str
    title_zh: str
    owner_kind: OwnerKind
    qualifier: Qualifier
    sign: int
    floor_fen: int | None
    stripes: int
    opens_by_itself: bool
    has_statement: bool
    meaning: str


def _personal(
    kind: str,
    title_zh: str,
    owner_kind: OwnerKind,
    meaning: str,
    *,
    opens_by_itself: bool = True,
    has_statement: bool = True,
) -> AccountKind:
    """Return a kind that belongs to somebody and never goes below zero."""
    return AccountKind(kind, title_zh, owner_kind, Qualifier.UUID, 1, 0, 1, opens_by_itself, has_statement, meaning)


def _owed(kind: str, title_zh: str, owner_kind: OwnerKind, meaning: str, *, has_statement: bool) -> AccountKind:
    """Return a kind that counts what somebody owes us, below zero."""
    return AccountKind(kind, title_zh, owner_kind, Qualifier.UUID, -1, None, 1, True, has_statement, meaning)  # noqa: FBT003 - positional row of the table


def _ours(kind: str, title_zh: str, sign: int, stripes: int, meaning: str) -> AccountKind:
    """Return a kind of the platform itself, of which there is one account."""
    return AccountKind(kind, title_zh, OwnerKind.PLATFORM, Qualifier.NONE, sign, None, stripes, True, False, meaning)  # noqa: FBT003 - positional row of the table


def _outside(  # noqa: PLR0917 - the columns of the table
    kind: str, title_zh: str, owner_kind: OwnerKind, sign: int, stripes: int, meaning: str
) -> AccountKind:
    """Return a kind with one account per name; a person opens each, so that a misspelt name opens none."""
    return AccountKind(kind, title_zh, owner_kind, Qualifier.NAME, sign, None, stripes, False, False, meaning)  # noqa: FBT003 - positional row of the table


CHART: tuple[AccountKind, ...] = (
    _personal("e_account", "电子账户", OwnerKind.PARTY, "spendable balance of a person or of the owner of a merchant"),
    _personal("fund_holding", "基金持有", OwnerKind.RESIDENT, "confirmed fund shares at one yuan each"),
    _personal(
        "fund_pending_in",
        "申购在途",
        OwnerKind.RESIDENT,
        "paid for fund shares that are not confirmed yet; neither spendable nor earning",
    ),
    _personal(
        "fund_pending_out",
        "赎回在途",
        OwnerKind.RESIDENT,
        "fund shares redeemed the normal way and not paid out yet",
    ),
    _personal("term_holding", "理财持有", OwnerKind.RESIDENT, "principal of term products until it is paid back"),
    _personal(
        "escrow",
        "订单担保",
        OwnerKind.ORDER,
        "money of one order between payment and completion; empty when the order is closed",
        has_statement=False,
    ),
    _personal("merchant_pending", "商户待结算", OwnerKind.MERCHANT, "earned by completed orders, not settled yet"),
    _personal("merchant_available", "商户可提现", OwnerKind.MERCHANT, "settled and free to withdraw"),
    _personal(
        "merchant_deposit",
        "商户保证金",
        OwnerKind.MERCHANT,
        "security that covers refunds beyond pending and available",
    ),
    _owed(
        "merchant_debt",
        "商户欠款",
        OwnerKind.MERCHANT,
        "owed to us by a merchant whose deposit is used up",
        has_statement=True,
    ),
    _personal("courier_pending", "管家待结算", OwnerKind.COURIER, "earned by delivered trips, not settled yet"),
    _personal("courier_available", "管家可提现", OwnerKind.COURIER, "settled and free to withdraw"),
    _personal("store_float", "体验店备付金", OwnerKind.STORE, "deposited by a shop for the desk that it is"),
    _owed("till_cash", "钱箱现金", OwnerKind.STORE, "cash in one till of a store", has_statement=False),
    _owed(
        "cash_in_transit",
        "在途现金",
        OwnerKind.STORE,
        "cash on its way between two tills or the bank; empty when it arrived whole",
        has_statement=False,
    ),
    _owed(
        "cash_shortage",
        "现金短款",
        OwnerKind.PARTY,
        "owed by who was in charge of a till for cash that was missing when it closed",
        has_statement=False,
    ),
    _owed(
        "disputed",
        "争议款",
        OwnerKind.PAYMENT,
        "taken back by the provider while a dispute is open; empty when it is decided",
        has_statement=False,
    ),
    _ours("commission", "佣金收入", 1, 16, "our share of completed orders"),
    _ours("delivery_income", "配送收入", 1, 16, "our share of delivery fees"),
    _ours("delivery_subsidy", "配送补贴", -1, 16, "what couriers earn beyond the delivery fees of residents"),
    _ours("advertising_income", "广告收入", 1, 4, "paid by merchants for placement"),
    _ours("promotion_expense", "营销支出", -1, 16, "discounts that the platform bears"),
    _ours("fee_expense", "手续费支出", -1, 16, "charged to us by payment providers and banks"),
    _ours(
        "platform_loss",
        "平台损失",
        -1,
        4,
        "borne by the platform by decision: at its own fault, or with nobody left to pay",
    ),
    _outside("gateway_clearing", "支付渠道清算", OwnerKind.PROVIDER, -1, 16, "what a payment provider holds for us"),
    _ours("bank_settlement", "银行结算", -1, 16, "our money at the bank; withdrawals leave through it"),
    _ours("refund_payable", "待退款", 1, 4, "decided to go back through a payment provider and not left yet"),
    _outside("biller_payable", "缴费应付", OwnerKind.BILLER, 1, 4, "collected for a biller and not passed on yet"),
    _personal(
        "biller_available",
        "缴费待划款",
        OwnerKind.BILLER,
        "agreed with a biller's file, on its way to the biller's bank account",
        has_statement=False,
    ),
    _ours("fund_omnibus", "基金总户", -1, 16, "mirror of the shares that the fund company keeps for all holders"),
    _ours("fund_advance", "基金待回款", -1, 4, "owed by the fund for shares redeemed ahead of its payment"),
    _ours("bank_advance", "银行垫资", 1, 4, "owed to the bank that advances fast redemptions"),
    _ours("fund_income", "基金待入账收益", 1, 4, "accrued income of fund holders, not on their accounts yet"),
    _ours(
        "fund_rounding",
        "基金尾差",
        0,
        1,
        "difference between the income that the fund declares and the whole fen credited to holders",
    ),
    _ours("term_interest", "理财利息支出", -1, 4, "interest paid on term products"),
    _ours("suspense", "待查挂账", 0, 1, "money that cannot be matched yet; every fen of it is an open question"),
)

BY_KIND: dict[str, AccountKind] = {row.kind: row for row in CHART}
PROVIDERS: tuple[str, ...] = ("stripe",)  # payment providers whose clearing account is opened with the books

PARTIES = frozenset(kind.kind for kind in CHART if kind.qualifier is Qualifier.UUID)
"""Kinds of account that belong to somebody; the others are the platform's, and are locked after them."""
