"""Extra charges (增项): proposed on the spot, paid by the resident in the app before anybody may count on them."""

from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import text

from app.core.accounts.errors import SessionEnded
from app.core.appointments.errors import ChargeNotFound, NotInService
from app.core.appointments.models import ChargeState
from app.core.appointments.states import AppointmentState
from app.core.catalog.errors import SkuNotFound
from app.core.events import ExtraChargeProposed, OrderDelivered
from app.core.orders.models import Fulfillment
from app.core.orders.repository import EXPECT_MOVED, LOCK_BY_SYSTEM, lock_order, move
from app.core.orders.rules import CONFIRM_WINDOW_PERISHABLE
from app.core.orders.states import ORDER_TRANSITIONS, OrderAction, OrderState
from app.kernel.actor import Actor, Role
from app.kernel.ids import new_id
from app.kernel.machines import IllegalTransition, next_state
from app.kernel.timers import Timer
from app.kernel.transaction import Claim, Transaction, closing, opening, transaction
from app.usecases.appointments.visit import LOCK_VISIT_FOR_SHOP, lock_visit
from app.usecases.ordering.finish_order import ORDER_COMPLETES
from app.usecases.ordering.place_checkout import Placed
from app.usecases.ordering.place_single import SKU_FOR_SALE, Single, place_single

_PROPOSE = closing(
    """
    proposed AS (
        INSERT INTO extra_charges (charge_id, order_id, amount_fen, reason, state, proposed_at)
        VALUES (:charge_id, :order_id, :amount_fen, :reason, :state, business_now())
    )"""
)
_LOCK_OWN = opening(
    """
    SELECT x.charge_id, x.order_id, x.amount_fen, x.reason, x.state, p.sku_id FROM orders AS o
    JOIN appointments AS p ON p.order_id = o.order_id JOIN extra_charges AS x ON x.order_id = o.order_id
    WHERE x.charge_id = :charge_id AND o.account_id = :account_id FOR UPDATE OF o, x
    """
)
_SKU = text(SKU_FOR_SALE)
_APPROVE = text(
    """
    UPDATE extra_charges SET state = 'approved', paid_by_order_id = :paid_by_order_id WHERE charge_id = :charge_id
    """
)
_DECLINE = closing("declined AS (UPDATE extra_charges SET state = 'declined' WHERE charge_id = :charge_id)")
_SERVED = closing(move("accepted_at = business_now()", "delivered_at = business_now()"), expecting=EXPECT_MOVED)


@dataclass(frozen=True, slots=True, kw_only=True)
class ChargeStands:
    """Where an extra charge stands."""

    charge_id: UUID
    order_id: UUID
    state: str
    amount_fen: int


def propose_charge(actor: Actor, claim: Claim, *, order_id: UUID, amount_fen: int, reason: str) -> ChargeStands:
    """Propose, as the shop, more than was agreed on, while the service goes on.

    :raises AppointmentNotFound: it is not the actor's shop's. :raises NotInService: not before it began, nor after.
    """
    with transaction(claim) as tx:
        visit = lock_visit(tx, LOCK_VISIT_FOR_SHOP, {"order_id": order_id, **actor.as_member})
        if visit.state is not AppointmentState.IN_SERVICE:
            raise NotInService
        state = ChargeState.PROPOSED.value
        stands = ChargeStands(charge_id=new_id(), order_id=order_id, state=state, amount_fen=amount_fen)
        tx.record(
            ExtraChargeProposed(
                order_id=order_id,
                account_id=visit.order.account_id,
                shop_id=visit.order.shop_id,
                state=state,
                charge_id=stands.charge_id,
            )
        )
        tx.keep(stands)
        named = {"charge_id": stands.charge_id, "order_id": order_id, "amount_fen": amount_fen}
        tx.close(_PROPOSE, {**named, "reason": reason, "state": state})
    return stands


def approve_charge(actor: Actor, claim: Claim, *, charge_id: UUID) -> Placed:
    """Agree to an extra charge: a checkout of its own, to be paid like any other. Unpaid, it is nobody's.

    :raises ChargeNotFound: there is none of the actor's.
    """
    with transaction(claim) as tx:
        row = tx.open_one(_LOCK_OWN, {"charge_id": charge_id, "account_id": actor.account_id})
        if row is None:
            raise ChargeNotFound
        if row.state != ChargeState.PROPOSED:
            raise IllegalTransition(action="approve", state=row.state)
        sku = tx.execute(_SKU, {"sku_id": row.sku_id, "session_id": actor.session_id}).one_or_none()
        if sku is None:
            raise SkuNotFound
        if not sku.is_in_standing:
            raise SessionEnded
        single = Single(
            row=sku,
            quantity=1,
            unit_price_fen=row.amount_fen,
            fulfillment=Fulfillment.APPOINTMENT,
            name=row.reason,
        )
        placed = place_single(tx, actor, single)
        tx.execute(_APPROVE, {"charge_id": charge_id, "paid_by_order_id": single.order_id})
    return placed


def decline_charge(actor: Actor, claim: Claim, *, charge_id: UUID) -> ChargeStands:
    """Do not agree to an extra charge.

    :raises ChargeNotFound: there is none of the actor's.
    """
    with transaction(claim) as tx:
        row = tx.open_one(_LOCK_OWN, {"charge_id": charge_id, "account_id": actor.account_id})
        if row is None:
            raise ChargeNotFound
        if row.state != ChargeState.PROPOSED:
            raise IllegalTransition(action="decline", state=row.state)
        stands = ChargeStands(
            charge_id=charge_id, order_id=row.order_id, state=ChargeState.DECLINED.value, amount_fen=row.amount_fen
        )
        tx.keep(stands)
        tx.close(_DECLINE, {"charge_id": charge_id})
    return stands


def serve_extra(tx: Transaction, order_id: UUID) -> None:
    """Take a paid extra charge for served: it is complete a day later, unless a case says otherwise."""
    order = lock_order(tx, LOCK_BY_SYSTEM, {"order_id": order_id})
    if order.state is not OrderState.AWAITING_ACCEPT:
        return
    target = next_state(ORDER_TRANSITIONS, order.state, OrderAction.SERVE, Role.SYSTEM)
    tx.record(OrderDelivered(order_id=order_id, account_id=order.account_id, shop_id=order.shop_id, state=target.value))
    tx.schedule(Timer(ORDER_COMPLETES, order_id, CONFIRM_WINDOW_PERISHABLE))
    params = {"order_id": order_id, "from_state": order.state.value, "to_state": target.value}
    tx.close(_SERVED, params)
