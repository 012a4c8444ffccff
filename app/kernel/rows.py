"""Rows of the kernel that no other module of it owns: kept answers and the business clock."""

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, Interval, LargeBinary, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from app.kernel.db import Base


class IdempotencyKeyRow(Base):
    """A key that a request claimed, with the result it was answered by."""

    __tablename__ = "idempotency_keys"
    __table_args__ = ({"postgresql_with": {"fillfactor": 60}},)

    principal_id: Mapped[UUID] = mapped_column(primary_key=True)
    operation: Mapped[str] = mapped_column(primary_key=True)
    key: Mapped[str] = mapped_column(primary_key=True)
    request_hash: Mapped[bytes] = mapped_column(LargeBinary)
    result: Mapped[dict[str, Any] | None] = mapped_column(JSONB)
    claimed_at: Mapped[datetime] = mapped_column(server_default=text("clock_timestamp()"))


class BusinessClockRow(Base):
    """The one row that moves business time in development and tests."""

    __tablename__ = "business_clock"
    __table_args__ = (CheckConstraint("is_only", name="one_row"),)

    is_only: Mapped[bool] = mapped_column(primary_key=True, server_default=text("true"))
    fixed_at: Mapped[datetime | None]
    ahead: Mapped[timedelta] = mapped_column(Interval, server_default=text("interval '0'"))
