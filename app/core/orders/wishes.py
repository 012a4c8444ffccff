"""What a resident wishes beside the goods: notes to each shop, cutlery, an invoice, a gift. None of it has a price."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType
from uuid import UUID

NOTE_MAX = 200
LINE_NOTE_MAX = 50
CUTLERY_MAX = 99
MESSAGE_MAX = 200
SENDER_MAX = 30
TITLE_MAX = 100
TAX_NUMBER = r"[0-9A-HJ-NP-RT-UW-Y]{15}|[0-9A-HJ-NP-RT-UW-Y]{18}|[0-9A-HJ-NP-RT-UW-Y]{20}"
"""Digits and capitals without I, O, S, V, Z: 18 are a credit code (GB 32100-2015), 15 and 20 older tax numbers."""

INVOICE_CONTEXT = "orders.invoice"
GIFT_CONTEXT = "orders.gift"


class InvoiceKind(StrEnum):
    """On whom it is made out (发票抬头)."""

    PERSON = "person"
    COMPANY = "company"


@dataclass(frozen=True, slots=True, kw_only=True)
class Invoice:
    """The invoice that is wished for (开票要求); a company names its tax number."""

    kind: InvoiceKind
    title: str
    tax_number: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Gift:
    """What goes along with a gift (礼物). Without a ``sender_name`` nobody on the way is told who sends it."""

    message: str
    sender_name: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Wishes:
    """What is wished for a checkout.

    :ivar notes: shop → a note of its own, in place of the note to all.
    :ivar cutlery_count: sets of cutlery (餐具份数), 0 for none; None where nothing is said.
    """

    notes: Mapping[UUID, str] = field(default_factory=lambda: MappingProxyType({}))
    cutlery_count: int | None = None
    invoice: Invoice | None = None
    gift: Gift | None = None


NO_WISHES = Wishes()
