"""Tables of the shelf, and of days on which a store is closed."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, text
from sqlalchemy.orm import Mapped, mapped_column

from app.core.shelf.states import ParcelKind, ParcelState
from app.kernel.columns import one_of
from app.kernel.db import Base

_STANDS = text("state IN ('waiting', 'overdue')")


class ParcelRow(Base):
    """A parcel in a slot; while it stands there, the slot is its own. The order's row is its lock."""

    __tablename__ = "parcels"
    __table_args__ = (
        one_of("kind", ParcelKind),
        one_of("state", ParcelState),
        CheckConstraint("(kind = 'return') = (case_id IS NOT NULL)", name="return_of_a_case"),
        Index("uq_parcels_slot", "store_id", "slot", unique=True, postgresql_where=_STANDS),
        Index("uq_parcels_standing", "order_id", "kind", unique=True, postgresql_where=_STANDS),
        Index(None, "store_id", "parcel_id"),
        Index("ix_parcels_shelved", "shelved_at"),
    )

    parcel_id: Mapped[UUID] = mapped_column(primary_key=True)
    store_id: Mapped[UUID] = mapped_column(ForeignKey("stores.store_id"))
    kind: Mapped[str]
    order_id: Mapped[UUID] = mapped_column(ForeignKey("orders.order_id"), index=True)
    case_id: Mapped[UUID | None] = mapped_column(ForeignKey("after_sale_cases.case_id"), index=True)
    slot: Mapped[str]
    state: Mapped[str]
    shelved_by_id: Mapped[UUID] = mapped_column(ForeignKey("accounts.account_id"), index=True)
    shelved_at: Mapped[datetime]
    reminded_at: Mapped[datetime | None]
    ended_by_id: Mapped[UUID | None] = mapped_column(ForeignKey("accounts.account_id"), index=True)
    ended_at: Mapped[datetime | None]


class StoreClosureRow(Base):
    """A span of time in which a store is closed; what waits there waits for a day after it."""

    __tablename__ = "store_closures"
    __table_args__ = (CheckConstraint("until_at > from_at", name="ends_after_it_begins"),)

    closure_id: Mapped[UUID] = mapped_column(primary_key=True)
    store_id: Mapped[UUID] = mapped_column(ForeignKey("stores.store_id"), index=True)
    from_at: Mapped[datetime]
    until_at: Mapped[datetime]
    set_by_id: Mapped[UUID] = mapped_column(ForeignKey("accounts.account_id"), index=True)
    set_at: Mapped[datetime]
