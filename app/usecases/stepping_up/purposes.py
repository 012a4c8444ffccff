"""What grants are good for: whose a subject has to be, and what is answered when it is not.

A new payment is a new :class:`Subject`.
"""

from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import TextClause, text

from app.core.bills.errors import BillBindingNotFound, BillQuoteNotFound
from app.core.catalog.errors import ShopNotFound
from app.core.counter.errors import CounterPaymentNotFound
from app.core.orders.errors import CheckoutNotFound, OrderNotFound
from app.core.stepup.models import GrantPurpose
from app.core.transfers.errors import PayeeNotFound
from app.core.wealth.errors import FundNotFound, TermProductNotFound
from app.kernel.actor import Actor
from app.kernel.errors import NotFound


@dataclass(frozen=True, slots=True)
class Subject:
    """A kind of thing that is paid for.

    :param kind: what it is, as the audit log calls it.
    :param is_own: finds ``:subject_id`` among what ``:account_id`` may pay for.
    :param absent: what is answered when it is nobody's, or another's.
    """

    purpose: GrantPurpose
    kind: str
    is_own: TextClause
    absent: type[NotFound]


@dataclass(frozen=True, slots=True)
class Payee:
    """What a payment is for."""

    subject: Subject
    subject_id: UUID

    def asked_by(self, actor: Actor) -> dict[str, object]:
        """Return the parameters of the subject's ``is_own``."""
        return {"subject_id": self.subject_id, "account_id": actor.account_id}


def _owned(table: str, key: str) -> TextClause:
    return text(f"SELECT 1 FROM {table} WHERE {key} = :subject_id AND account_id = :account_id")


def _anybodys(table: str, key: str) -> TextClause:
    return text(f"SELECT 1 FROM {table} WHERE {key} = :subject_id")


CHECKOUT = Subject(GrantPurpose.PAY_CHECKOUT, "checkout", _owned("checkouts", "checkout_id"), CheckoutNotFound)
TIPPED_ORDER = Subject(GrantPurpose.TIP_COURIER, "order", _owned("orders", "order_id"), OrderNotFound)
PAYEE = Subject(
    GrantPurpose.TRANSFER,
    "payee",
    text("SELECT 1 FROM payees WHERE payee_id = :subject_id AND account_id = :account_id AND removed_at IS NULL"),
    PayeeNotFound,
)
FUND = Subject(GrantPurpose.BUY_WEALTH, "product", _anybodys("funds", "fund_id"), FundNotFound)
TERM_PRODUCT = Subject(
    GrantPurpose.BUY_WEALTH, "product", _anybodys("term_products", "product_id"), TermProductNotFound
)
COUNTER_SHOP = Subject(
    GrantPurpose.PAY_COUNTER,
    "shop",
    text("SELECT 1 FROM shops WHERE shop_id = :subject_id AND state NOT IN ('draft', 'submitted')"),
    ShopNotFound,
)
OWN_PAY_CODE = Subject(
    GrantPurpose.PAY_COUNTER,
    "account",
    text("SELECT 1 FROM accounts WHERE account_id = :subject_id AND account_id = :account_id"),
    CounterPaymentNotFound,
)
BILL_QUOTE = Subject(GrantPurpose.PAY_BILL, "quote", _owned("bill_quotes", "quote_id"), BillQuoteNotFound)
BILL_AUTOPAY = Subject(
    GrantPurpose.PAY_BILL,
    "binding",
    text(
        "SELECT 1 FROM bill_bindings WHERE binding_id = :subject_id AND account_id = :account_id AND removed_at IS NULL"
    ),
    BillBindingNotFound,
)
