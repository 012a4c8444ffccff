"""The table of requests for a second pair of eyes. Ids, fen, rates and roles; no personal data."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from app.kernel.columns import one_of
from app.kernel.db import Base


class ApprovalKind(StrEnum):
    """What is asked for."""

    CORRECTION = "correction"
    """Money moved between two ledger accounts (调账)."""
    COMMISSION_RATE = "commission_rate"
    """A shop's commission rate from a day on."""
    COMMISSION_RULE = "commission_rule"
    """A commission rule for a shop, a vertical or a campaign."""
    STAFF_ROLE = "staff_role"
    """A role at the platform given, changed or taken away."""
    PAYOUT = "payout"
    """A large payout sent to the bank."""
    MISMATCH = "mismatch"
    """A mismatch of reconciliation resolved, and what of it is in suspense written off."""
    TERM_PRODUCT = "term_product"
    """A term product put on sale."""
    BILLER_ACCOUNT = "biller_account"
    """The bank account that a biller's money goes to."""
    BILL_OUTCOME = "bill_outcome"
    """What became of a payment of a bill whose biller has not said so for days."""
    DISPUTE_ACCEPTANCE = "dispute_acceptance"
    """A dispute given up: it is lost."""
    DISPUTE_LOSS = "dispute_loss"
    """Who bears what is left of a lost dispute."""
    CAMPAIGN = "campaign"
    """A campaign whose budget is above what one person may spend."""
    SHOP_DESK = "shop_desk"
    """A shop that is to be a desk, against a deposit."""
    SHOP_DESK_END = "shop_desk_end"
    """A shop's desk that ends; its deposit goes back."""


class ApprovalState(StrEnum):
    """How far a request is. One that is past its time counts as closed, whatever it says here."""

    OPEN = "open"
    APPROVED = "approved"
    REJECTED = "rejected"


LIFETIME: Mapping[ApprovalKind, timedelta] = {
    ApprovalKind.CORRECTION: timedelta(days=3),
    ApprovalKind.COMMISSION_RATE: timedelta(days=7),
    ApprovalKind.STAFF_ROLE: timedelta(days=1),
    ApprovalKind.COMMISSION_RULE: timedelta(days=7),
    ApprovalKind.PAYOUT: timedelta(days=3),
    ApprovalKind.MISMATCH: timedelta(days=7),
    ApprovalKind.TERM_PRODUCT: timedelta(days=7),
    ApprovalKind.BILL_OUTCOME: timedelta(days=3),
    ApprovalKind.BILLER_ACCOUNT: timedelta(days=3),
    ApprovalKind.DISPUTE_ACCEPTANCE: timedelta(days=3),
    ApprovalKind.DISPUTE_LOSS: timedelta(days=7),
    ApprovalKind.CAMPAIGN: timedelta(days=7),
    ApprovalKind.SHOP_DESK: timedelta(days=7),
    ApprovalKind.SHOP_DESK_END: timedelta(days=7),
}
"""How long a request waits for somebody, wall time."""

ADMINS_MIN = 2


class ApprovalRow(Base):
    """A request: who asked, for what, why (a reference), and who decided."""

    __tablename__ = "approvals"
    __table_args__ = (
        one_of("kind", ApprovalKind),
        one_of("state", ApprovalState),
        CheckConstraint("decided_by <> requested_by", name="two_people"),
        CheckConstraint("(state = 'open') = (decided_by IS NULL)", name="decided_by_somebody"),
        Index("ix_approvals_open", "approval_id", postgresql_where="state = 'open'"),
    )

    approval_id: Mapped[UUID] = mapped_column(primary_key=True)
    kind: Mapped[str]
    body: Mapped[dict[str, Any]] = mapped_column(JSONB)
    why: Mapped[str]
    state: Mapped[str]
    requested_by: Mapped[UUID] = mapped_column(ForeignKey("accounts.account_id"), index=True)
    requested_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    decided_by: Mapped[UUID | None] = mapped_column(ForeignKey("accounts.account_id"), index=True)
    decided_at: Mapped[datetime | None]
