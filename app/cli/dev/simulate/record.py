"""What the simulation was told: every order and payment that a client holds an answer for. The proof is held to it."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from uuid import UUID

    from app.core.payments.models import PaymentMethod


@dataclass(frozen=True, slots=True)
class PaidPayment:
    """An acknowledged payment."""

    amount_fen: int
    method: PaymentMethod


@dataclass(slots=True)
class Record:
    """Acknowledged orders (id → total in fen) and payments (by id), and how far the day has come."""

    orders: dict[UUID, int] = field(default_factory=dict)
    payments: dict[UUID, PaidPayment] = field(default_factory=dict)
    handed_over: set[UUID] = field(default_factory=set)
    ended_early: set[UUID] = field(default_factory=set)
    """Canceled, rejected, sold out, undeliverable or never fetched, as far as the actors know."""
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def placed(self, orders: dict[UUID, int]) -> None:
        """Note the orders of a checkout that was answered."""
        with self._lock:
            self.orders |= orders

    def paid(self, payment_id: UUID, payment: PaidPayment) -> None:
        """Note a payment that was answered."""
        with self._lock:
            self.payments[payment_id] = payment

    def delivered(self, order_id: UUID) -> None:
        """Note that an order was handed over."""
        with self._lock:
            self.handed_over.add(order_id)
            self.ended_early.discard(order_id)

    def given_up(self, order_id: UUID) -> None:
        """Note that an order will not be delivered; more than one of the actors may find that."""
        with self._lock:
            if order_id not in self.handed_over:
                self.ended_early.add(order_id)
