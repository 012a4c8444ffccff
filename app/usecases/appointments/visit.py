"""A locked appointment: how it is locked, moved and told of, for all that is done about it."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import text

from app.core.appointments.errors import (
    AppointmentNotFound,
    NotAnAppointment,
)
from app.core.appointments.states import APPOINTMENT_TRANSITIONS, AppointmentAction, AppointmentState
from app.core.events import AppointmentMoved
from app.core.orders.repository import EXPECT_MOVED, ORDER_COLUMNS, Order, move, order_of
from app.core.orders.states import OrderState
from app.kernel.actor import Role
from app.kernel.clock import as_text
from app.kernel.machines import next_state
from app.kernel.transaction import Opening, Transaction, closing, opening
from app.kernel.wire import Row

_APPOINTMENT = f"""
    SELECT {ORDER_COLUMNS}, p.state AS visit_state, p.provider_id, p.sku_id, p.starts_at, p.ends_at, p.buffer_minutes
    FROM orders AS o JOIN appointments AS p ON p.order_id = o.order_id
"""
LOCK_OWN_VISIT = opening(
    f"{_APPOINTMENT} WHERE o.order_id = :order_id AND o.account_id = :account_id FOR UPDATE OF o, p"
)
LOCK_VISIT_FOR_SHOP = opening(
    f"""
    {_APPOINTMENT}
    JOIN memberships AS m ON m.organization_id = o.merchant_id AND m.organization_kind = 'merchant'
        AND m.account_id = :account_id AND m.role = ANY (CAST(:roles AS text[]))
    WHERE o.order_id = :order_id FOR UPDATE OF o, p
    """
)
LOCK_VISIT = opening(f"{_APPOINTMENT} WHERE o.order_id = :order_id FOR UPDATE OF o, p")
_IS_OWN = text("SELECT 1 FROM orders WHERE order_id = :order_id AND account_id = :account_id")
_IS_SHOPS = text(
    """
    SELECT 1 FROM orders AS o
    JOIN memberships AS m ON m.organization_id = o.merchant_id AND m.organization_kind = 'merchant'
        AND m.account_id = :account_id AND m.role = ANY (CAST(:roles AS text[]))
    WHERE o.order_id = :order_id
    """
)
WRITE_VISIT = """
visit AS (
    UPDATE appointments SET state = :visit_state, provider_id = :provider_id, starts_at = :starts_at,
        ends_at = :ends_at,
        rescheduled_at = CASE WHEN starts_at <> :starts_at THEN business_now() ELSE rescheduled_at END,
        set_out_at = CASE WHEN :visit_state = 'en_route' THEN business_now() ELSE set_out_at END,
        checked_in_at = CASE WHEN :visit_state = 'in_service' THEN business_now() ELSE checked_in_at END,
        checked_in_m = coalesce(CAST(:checked_in_m AS bigint), checked_in_m),
        finished_at = CASE WHEN :visit_state = 'awaiting_confirm' THEN business_now() ELSE finished_at END,
        done_percent = coalesce(CAST(:done_percent AS bigint), done_percent)
    WHERE order_id = :order_id
)"""
_MOVED = closing(f"{move()}, {WRITE_VISIT}", expecting=EXPECT_MOVED)
_CONFIRMED = closing(f"{move('accepted_at = business_now()')}, {WRITE_VISIT}", expecting=EXPECT_MOVED)


@dataclass(frozen=True, slots=True, kw_only=True)
class Visit:
    """A locked appointment, with its locked order."""

    order: Order
    state: AppointmentState
    provider_id: UUID
    sku_id: UUID
    starts_at: datetime
    ends_at: datetime
    buffer_minutes: int

    @property
    def is_en_route(self) -> bool:
        """Whether somebody is on the way."""
        return self.state is AppointmentState.EN_ROUTE

    def next(self, action: AppointmentAction, role: Role) -> AppointmentState:
        """Return the state that ``action`` by ``role`` leads to."""
        return next_state(APPOINTMENT_TRANSITIONS, self.state, action, role)


@dataclass(frozen=True, slots=True, kw_only=True)
class VisitStands:
    """What an act on an appointment answers."""

    order_id: UUID
    state: str
    order_state: str
    provider_id: UUID
    starts_at: datetime
    refund_fen: int = 0
    fee_fen: int = 0


def lock_visit(tx: Transaction, statement: Opening, params: dict[str, object]) -> Visit:
    """Lock an appointment and its order.

    :raises AppointmentNotFound: there is no such order, or not for this asker.
    :raises NotAnAppointment: it is of another kind.
    """
    row = tx.open_one(statement, params)
    if row is None:
        if tx.execute(_IS_SHOPS if statement is LOCK_VISIT_FOR_SHOP else _IS_OWN, params).first() is not None:
            raise NotAnAppointment
        raise AppointmentNotFound
    return visit_of(row)


def visit_of(row: Row) -> Visit:
    """Return what one of the locking statements has read."""
    return Visit(
        order=order_of(row),
        state=AppointmentState(row.visit_state),
        provider_id=row.provider_id,
        sku_id=row.sku_id,
        starts_at=row.starts_at,
        ends_at=row.ends_at,
        buffer_minutes=row.buffer_minutes,
    )


def tell_of_visit(tx: Transaction, visit: Visit, state: AppointmentState) -> None:
    """Record that an appointment is in ``state`` now."""
    tx.record(
        AppointmentMoved(
            order_id=visit.order.order_id,
            account_id=visit.order.account_id,
            shop_id=visit.order.shop_id,
            state=state.value,
            starts_at=as_text(visit.starts_at),
        )
    )


def visit_params(visit: Visit, state: AppointmentState, order_state: OrderState, **more: object) -> dict[str, object]:
    """Return the parameters of a closing that holds :data:`WRITE_VISIT` and moves the order."""
    return {
        "order_id": visit.order.order_id,
        "from_state": visit.order.state.value,
        "to_state": order_state.value,
        "visit_state": state.value,
        "provider_id": visit.provider_id,
        "starts_at": visit.starts_at,
        "ends_at": visit.ends_at,
        "checked_in_m": None,
        "done_percent": None,
        **more,
    }


def visit_stands(visit: Visit, state: AppointmentState, order_state: OrderState, **more: int) -> VisitStands:
    """Return what the act answers."""
    return VisitStands(
        order_id=visit.order.order_id,
        state=state.value,
        order_state=order_state.value,
        provider_id=visit.provider_id,
        starts_at=visit.starts_at,
        **more,
    )


def move_visit(
    tx: Transaction,
    visit: Visit,
    state: AppointmentState,
    order_state: OrderState,
    *,
    statement: str = "moved",
    **more: object,
) -> VisitStands:
    """Write, tell and keep where an appointment and its order stand now."""
    tell_of_visit(tx, visit, state)
    stands = visit_stands(visit, state, order_state)
    if tx.claim is not None:
        tx.keep(stands)
    closing_statement = _CONFIRMED if statement == "confirmed" else _MOVED
    tx.close(closing_statement, visit_params(visit, state, order_state, **more))
    return stands
