"""Tables of tills and the agent desk. Cash is whole fen; ``till_acts.amount_fen`` is above zero into the drawer."""

from datetime import date, datetime
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, LargeBinary, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from app.core.tills.states import TillActKind, TillState, TransferState, VisitMeans
from app.kernel.columns import not_negative, one_of
from app.kernel.db import Base


class TillRow(Base):
    """A till (钱箱): a drawer of cash at a store, and who answers for it while it is open.

    ``cash_fen`` is the float: the sum of its acts, and of its journals below zero. ``proven_seq`` and ``proven_fen``
    say where its account in the books stood at the last closing; a proof adds up from there. The day's counters count
    for ``counted_on``.
    """

    __tablename__ = "tills"
    __table_args__ = (
        one_of("state", TillState),
        *not_negative("cash_fen", "day_in_fen", "day_out_fen"),
        CheckConstraint("(state = 'open') = (shift_id IS NOT NULL)", name="open_in_a_shift"),
        UniqueConstraint("store_id", "name"),
    )

    till_id: Mapped[UUID] = mapped_column(primary_key=True)
    store_id: Mapped[UUID] = mapped_column(ForeignKey("stores.store_id"), index=True)
    name: Mapped[str]
    state: Mapped[str]
    cash_fen: Mapped[int]
    shift_id: Mapped[UUID | None]
    in_charge_id: Mapped[UUID | None] = mapped_column(ForeignKey("accounts.account_id"), index=True)
    business_on: Mapped[date | None]
    last_number: Mapped[int]
    counted_on: Mapped[date | None]
    day_in_fen: Mapped[int]
    day_out_fen: Mapped[int]
    proven_seq: Mapped[int]
    proven_fen: Mapped[int]


class TillShiftRow(Base):
    """A till from its opening count to its closing count, and who answers for the difference."""

    __tablename__ = "till_shifts"
    __table_args__ = (Index("ix_till_shifts_open", "till_id", unique=True, postgresql_where=text("closed_at IS NULL")),)

    shift_id: Mapped[UUID] = mapped_column(primary_key=True)
    till_id: Mapped[UUID] = mapped_column(ForeignKey("tills.till_id"), index=True)
    clerk_id: Mapped[UUID] = mapped_column(ForeignKey("accounts.account_id"), index=True)
    business_on: Mapped[date]
    opened_at: Mapped[datetime]
    opening_fen: Mapped[int]
    closed_at: Mapped[datetime | None]
    closed_by_id: Mapped[UUID | None] = mapped_column(ForeignKey("accounts.account_id"), index=True)
    expected_fen: Mapped[int | None]
    counted_fen: Mapped[int | None]


class TillActRow(Base):
    """One act at a till, with the number of its receipt. Never changed.

    :ivar amount_fen: what it changed of the till's cash; 0 where the person paid from the e-account.
    :ivar account_fen: what left the person's e-account by such an act.
    """

    __tablename__ = "till_acts"
    __table_args__ = (
        one_of("kind", TillActKind),
        *not_negative("cash_after_fen"),
        CheckConstraint(
            "(account_fen IS NOT NULL) = (kind IN ('bill_from_account', 'transfer_from_account'))",
            name="account_where_no_cash",
        ),
        CheckConstraint("account_fen IS NULL OR amount_fen = 0", name="cash_or_account"),
        UniqueConstraint("till_id", "number"),
        Index(None, "till_id", "till_act_id"),
        Index("ix_till_acts_done", "done_at"),
    )

    till_act_id: Mapped[UUID] = mapped_column(primary_key=True)
    till_id: Mapped[UUID] = mapped_column(ForeignKey("tills.till_id"))
    shift_id: Mapped[UUID] = mapped_column(ForeignKey("till_shifts.shift_id"), index=True)
    number: Mapped[int]
    kind: Mapped[str]
    amount_fen: Mapped[int]
    cash_after_fen: Mapped[int]
    clerk_id: Mapped[UUID] = mapped_column(ForeignKey("accounts.account_id"), index=True)
    account_id: Mapped[UUID | None] = mapped_column(ForeignKey("accounts.account_id"), index=True)
    transfer_id: Mapped[UUID | None] = mapped_column(ForeignKey("cash_transfers.transfer_id"), index=True)
    account_fen: Mapped[int | None]
    bill_payment_id: Mapped[UUID | None] = mapped_column(ForeignKey("bill_payments.bill_payment_id"), index=True)
    sent_transfer_id: Mapped[UUID | None] = mapped_column(ForeignKey("transfers.transfer_id"), index=True)
    done_at: Mapped[datetime]


class CashTransferRow(Base):
    """Cash on its way between two tills, or between a till and the bank (null): one sends, another receives."""

    __tablename__ = "cash_transfers"
    __table_args__ = (
        one_of("state", TransferState),
        CheckConstraint("amount_fen > 0", name="amount_fen_positive"),
        CheckConstraint("received_by_id <> sent_by_id", name="two_people"),
        CheckConstraint("from_till_id IS NOT NULL OR to_till_id IS NOT NULL", name="a_till_at_one_end"),
        CheckConstraint("from_till_id <> to_till_id", name="two_tills"),
        Index("ix_cash_transfers_open", "transfer_id", postgresql_where=text("state IN ('sent', 'differing')")),
    )

    transfer_id: Mapped[UUID] = mapped_column(primary_key=True)
    from_till_id: Mapped[UUID | None] = mapped_column(ForeignKey("tills.till_id"), index=True)
    to_till_id: Mapped[UUID | None] = mapped_column(ForeignKey("tills.till_id"), index=True)
    amount_fen: Mapped[int]
    state: Mapped[str]
    sent_by_id: Mapped[UUID] = mapped_column(ForeignKey("accounts.account_id"), index=True)
    sent_at: Mapped[datetime]
    received_by_id: Mapped[UUID | None] = mapped_column(ForeignKey("accounts.account_id"), index=True)
    received_fen: Mapped[int | None]
    ended_at: Mapped[datetime | None]


class DeskCodeRow(Base):
    """A code that a resident shows at a desk: by digest, once, for five minutes (wall time)."""

    __tablename__ = "desk_codes"

    digest: Mapped[bytes] = mapped_column(LargeBinary, primary_key=True)
    account_id: Mapped[UUID] = mapped_column(ForeignKey("accounts.account_id"), index=True)
    expires_at: Mapped[datetime]
    used_at: Mapped[datetime | None]


class DeskVisitRow(Base):
    """A person who stands before a clerk and is known, for a quarter of an hour (wall time).

    ``confirmed_fen_max`` is how much they confirmed with their payment PIN, for one act: of a quoted bill or a payee
    (``confirmed_subject_id``), or to take out where it is null.
    """

    __tablename__ = "desk_visits"
    __table_args__ = (one_of("means", VisitMeans),)

    visit_id: Mapped[UUID] = mapped_column(primary_key=True)
    store_id: Mapped[UUID] = mapped_column(ForeignKey("stores.store_id"), index=True)
    clerk_id: Mapped[UUID] = mapped_column(ForeignKey("accounts.account_id"), index=True)
    account_id: Mapped[UUID] = mapped_column(ForeignKey("accounts.account_id"), index=True)
    means: Mapped[str]
    opened_at: Mapped[datetime] = mapped_column(index=True)
    expires_at: Mapped[datetime]
    confirmed_at: Mapped[datetime | None]
    confirmed_fen_max: Mapped[int | None]
    confirmed_subject_id: Mapped[UUID | None]
