"""Tables of vouchers: terms by SKU, vouchers, and each use."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, ForeignKeyConstraint, Index, LargeBinary, text
from sqlalchemy.orm import Mapped, mapped_column

from app.core.vouchers.states import VoucherState
from app.kernel.columns import not_negative, one_of
from app.kernel.db import Base


class VoucherTermsRow(Base):
    """What a voucher of a SKU is good for; without a row one use within ninety days."""

    __tablename__ = "voucher_terms"
    __table_args__ = (
        CheckConstraint("uses BETWEEN 1 AND 100", name="uses_range"),
        CheckConstraint("valid_days BETWEEN 1 AND 1095", name="valid_days_range"),
    )

    sku_id: Mapped[UUID] = mapped_column(ForeignKey("skus.sku_id"), primary_key=True)
    uses: Mapped[int]
    valid_days: Mapped[int]


class VoucherRow(Base):
    """A voucher (券). Its code is derived, and only a keyed digest of it is stored; the order's row is its lock."""

    __tablename__ = "vouchers"
    __table_args__ = (
        ForeignKeyConstraint(["order_id", "line"], ["order_lines.order_id", "order_lines.line"]),
        one_of("state", VoucherState),
        CheckConstraint("uses_left BETWEEN 0 AND uses", name="uses_left_range"),
        CheckConstraint("value_left_fen BETWEEN 0 AND value_fen", name="value_left_within_value"),
        CheckConstraint("state = 'issued' OR value_left_fen = 0", name="over_is_empty"),
        *not_negative("value_fen"),
        Index("ix_vouchers_mine", "account_id", text("voucher_id DESC")),
        Index("ix_vouchers_line", "order_id", "line"),
        {"postgresql_with": {"fillfactor": 80}},
    )

    voucher_id: Mapped[UUID] = mapped_column(primary_key=True)
    order_id: Mapped[UUID]
    line: Mapped[int]
    account_id: Mapped[UUID] = mapped_column(ForeignKey("accounts.account_id"))
    shop_id: Mapped[UUID]
    code_digest: Mapped[bytes] = mapped_column(LargeBinary, unique=True)
    state: Mapped[str]
    uses: Mapped[int]
    uses_left: Mapped[int]
    value_fen: Mapped[int]
    value_left_fen: Mapped[int]
    issued_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]


class VoucherUseRow(Base):
    """One use (核销), what it released, and who redeemed it."""

    __tablename__ = "voucher_uses"
    __table_args__ = (
        *not_negative("amount_fen"),
        CheckConstraint("commission_fen BETWEEN 0 AND amount_fen", name="commission_within_amount"),
    )

    voucher_id: Mapped[UUID] = mapped_column(ForeignKey("vouchers.voucher_id"), primary_key=True)
    use_number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    amount_fen: Mapped[int]
    commission_fen: Mapped[int]
    redeemed_by_id: Mapped[UUID]
    used_at: Mapped[datetime]
