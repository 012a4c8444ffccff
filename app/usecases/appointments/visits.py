"""An appointment's life: booked and held, confirmed by payment, moved, canceled, carried out."""

import hmac
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import text

from app.core import ledger
from app.core.accounts.errors import AddressNotFound, SessionEnded
from app.core.appointments.errors import (
    AppointmentNotFound,
    FeeHigher,
    NotAnAppointment,
    SlotGone,
    TooEarly,
    TooFarAway,
)
from app.core.appointments.models import BreachKind
from app.core.appointments.rules import (
    CHECK_IN_M_MAX,
    CODE_DIGITS,
    FINISHED_BY_TIME,
    NO_SHOW_BP,
    PROVIDER_WAITED_FOR,
    RESIDENT_WAITED_FOR,
    ServiceTerms,
    cancel_fee_fen,
    undone_fen,
)
from app.core.appointments.states import APPOINTMENT_TRANSITIONS, AppointmentAction, AppointmentState
from app.core.catalog.models import OfferKind
from app.core.events import AppointmentMoved
from app.core.orders.errors import CodeLocked, WrongCode
from app.core.orders.models import CancelReason, Fulfillment
from app.core.orders.repository import ANSWER_MOVED, LINES, ORDER_COLUMNS, Order, assert_moved, move, order_of
from app.core.orders.rules import CONFIRM_WINDOW_PERISHABLE, Ending, Shares, commission_fen_of
from app.core.orders.states import ORDER_TRANSITIONS, OrderAction, OrderState
from app.kernel.actor import Actor, Role
from app.kernel.geo import distance_m
from app.kernel.machines import next_state
from app.kernel.money import rate_fen
from app.kernel.sealing import derived_code
from app.kernel.timers import Timer
from app.kernel.transaction import Claim, Opening, Transaction, closing, opening, transaction
from app.kernel.wire import Row
from app.usecases.appointments.times import FREE, book
from app.usecases.ordering.ending import end_order
from app.usecases.ordering.finish_order import ORDER_COMPLETES
from app.usecases.ordering.line_rates import rate_of_line
from app.usecases.ordering.place_checkout import Placed
from app.usecases.ordering.place_single import SKU_FOR_SALE, Single, place_single, refuse_unsold
from app.usecases.paying.refunds import REFUND_WRITES, decide_refund

PROVIDER_LAPSES = "provider_lapses"
"""Timer: the provider should have been there an hour ago."""
SERVICE_LAPSES = "service_lapses"
"""Timer: the service should have been finished a day ago."""

_SKU = opening(SKU_FOR_SALE)
_ADDRESS = text(
    """
    SELECT a.community_id, c.store_id, a.lat, a.lng, a.door_sealed, t.duration_minutes, t.buffer_minutes, t.lead_minutes
    FROM addresses AS a JOIN communities AS c ON c.community_id = a.community_id
    LEFT JOIN service_terms AS t ON t.sku_id = :sku_id
    WHERE a.address_id = :address_id AND a.account_id = :account_id AND a.removed_at IS NULL
    """
)
_MAKE = text(
    """
    INSERT INTO appointments (order_id, shop_id, sku_id, provider_id, state, starts_at, ends_at, buffer_minutes)
    VALUES (:order_id, :shop_id, :sku_id, :provider_id, 'held', :starts_at, :ends_at, :buffer_minutes)
    """
)
_APPOINTMENT = f"""
    SELECT {ORDER_COLUMNS}, p.state AS visit_state, p.provider_id, p.sku_id, p.starts_at, p.ends_at, p.buffer_minutes
    FROM orders AS o JOIN appointments AS p ON p.order_id = o.order_id
"""
_LOCK_OWN = opening(f"{_APPOINTMENT} WHERE o.order_id = :order_id AND o.account_id = :account_id FOR UPDATE OF o, p")
LOCK_VISIT_FOR_SHOP = opening(
    f"""
    {_APPOINTMENT}
    JOIN memberships AS m ON m.organization_id = o.merchant_id AND m.organization_kind = 'merchant'
        AND m.account_id = :account_id AND m.role = ANY (CAST(:roles AS text[]))
    WHERE o.order_id = :order_id FOR UPDATE OF o, p
    """
)
_LOCK = opening(f"{_APPOINTMENT} WHERE o.order_id = :order_id FOR UPDATE OF o, p")
_IS_OWN = text("SELECT 1 FROM orders WHERE order_id = :order_id AND account_id = :account_id")
_IS_SHOPS = text(
    """
    SELECT 1 FROM orders AS o
    JOIN memberships AS m ON m.organization_id = o.merchant_id AND m.organization_kind = 'merchant'
        AND m.account_id = :account_id AND m.role = ANY (CAST(:roles AS text[]))
    WHERE o.order_id = :order_id
    """
)
_OFFER = text("SELECT offer_id FROM skus WHERE sku_id = :sku_id")
_VISIT = """
visit AS (
    UPDATE appointments SET state = :visit_state, provider_id = :provider_id, starts_at = :starts_at,
        ends_at = :ends_at,
        checked_in_at = CASE WHEN :visit_state = 'in_service' THEN business_now() ELSE checked_in_at END,
        checked_in_m = coalesce(CAST(:checked_in_m AS bigint), checked_in_m),
        finished_at = CASE WHEN :visit_state = 'awaiting_confirm' THEN business_now() ELSE finished_at END,
        done_percent = coalesce(CAST(:done_percent AS bigint), done_percent)
    WHERE order_id = :order_id
)"""
_MOVED = closing(f"{move()}, {_VISIT}", answer=ANSWER_MOVED)
_CONFIRMED = closing(f"{move('accepted_at = business_now()')}, {_VISIT}", answer=ANSWER_MOVED)
_FINISHED = closing(
    f"""
    {
        move(
            "delivered_at = business_now()",
            "refunded_fen = refunded_fen + CAST(:refund_fen AS bigint)",
            "left_fen = left_fen - CAST(:refund_fen AS bigint)",
            "commission_fen = :commission_fen",
        )
    },
    {REFUND_WRITES}, {_VISIT},
    line_moved AS (
        UPDATE order_lines SET refundable_fen = refundable_fen - CAST(:refund_fen AS bigint)
        WHERE order_id = :order_id AND line = 1
    )""",
    answer=ANSWER_MOVED,
)
_BREACH = text(
    """
    INSERT INTO provider_breaches (order_id, provider_id, kind, at)
    VALUES (:order_id, :provider_id, :kind, business_now()) ON CONFLICT DO NOTHING
    """
)
_COUNT_TRY = text("UPDATE orders SET code_tries_left = code_tries_left - 1 WHERE order_id = :order_id")
_SET_VISIT = text("UPDATE appointments SET state = :state WHERE order_id = :order_id")


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


def check_in_code(order_id: UUID) -> str:
    """Return the code that the resident tells whoever comes."""
    return derived_code(str(order_id), purpose="check_in", digits=CODE_DIGITS)


def book_service(
    actor: Actor, claim: Claim, *, sku_id: UUID, address_id: UUID, starts_at: datetime, unit_price_fen: int, note: str
) -> Placed:
    """Hold somebody's time for a service at one's address, for the fifteen minutes in which it is to be paid.

    :raises AddressNotFound: it is not the actor's. :raises SlotGone: nobody is free then.
    :raises SkuNotFound, OfferGone, VoucherSold, ShopClosed, LicenseExpired, PriceChanged: it is not sold so.
    """
    with transaction(claim) as tx:
        row = tx.open_one(_SKU, {"sku_id": sku_id, "session_id": actor.session_id})
        if row is not None and not row.is_in_standing:
            raise SessionEnded
        asked = {"sku_id": sku_id, "address_id": address_id, "account_id": actor.account_id}
        address = tx.execute(_ADDRESS, asked).one_or_none()
        if address is None:
            raise AddressNotFound(pointer="/address_id")
        row = refuse_unsold(row, OfferKind.SERVICE, quantity=1, unit_price_fen=unit_price_fen)
        terms = terms_of(address)
        single = Single(
            row=row,
            quantity=1,
            unit_price_fen=unit_price_fen,
            fulfillment=Fulfillment.APPOINTMENT,
            name=row.offer_name,
            note=note,
            address=address,
            is_counted=row.on_hand is not None,
        )
        placed = place_single(tx, actor, single)
        provider_id = book(
            tx,
            order_id=single.order_id,
            shop_id=row.shop_id,
            offer_id=row.offer_id,
            community_id=address.community_id,
            starts_at=starts_at,
            terms=terms,
            now=row.now,
        )
        made = {
            "order_id": single.order_id,
            "shop_id": row.shop_id,
            "sku_id": sku_id,
            "provider_id": provider_id,
            "starts_at": starts_at,
            "ends_at": starts_at + timedelta(minutes=terms.duration_minutes),
            "buffer_minutes": terms.buffer_minutes,
        }
        tx.execute(_MAKE, made)
    return placed


def terms_of(row: Row) -> ServiceTerms:
    """Return the terms in a row that joins ``service_terms``; the usual ones where there are none."""
    if row.duration_minutes is None:
        return ServiceTerms()
    return ServiceTerms(
        duration_minutes=row.duration_minutes, buffer_minutes=row.buffer_minutes, lead_minutes=row.lead_minutes
    )


def confirm_appointment(tx: Transaction, order_id: UUID) -> bool:
    """Confirm what was paid; an order that has moved on is left alone. Return whether there is an appointment."""
    row = tx.open_one(_LOCK, {"order_id": order_id})
    if row is None or row.state != OrderState.AWAITING_ACCEPT:
        return row is not None
    visit = _visit_of(row)
    order_state = next_state(ORDER_TRANSITIONS, visit.order.state, OrderAction.ACCEPT, Role.SYSTEM)
    until = visit.starts_at + PROVIDER_WAITED_FOR - visit.order.now
    tx.schedule(Timer(PROVIDER_LAPSES, order_id, until))
    _move(tx, visit, visit.next(AppointmentAction.CONFIRM, Role.SYSTEM), order_state, statement="confirmed")
    return True


def reschedule(actor: Actor, claim: Claim, *, order_id: UUID, starts_at: datetime) -> VisitStands:
    """Move an appointment of one's own to another time that is free; the same person comes if they can.

    :raises AppointmentNotFound: there is none of the actor's. :raises SlotGone: nobody is free then.
    :raises FeeHigher: it is too near to be moved freely.
    """
    with transaction(claim) as tx:
        visit = lock_visit(tx, _LOCK_OWN, {"order_id": order_id, "account_id": actor.account_id})
        target = visit.next(AppointmentAction.RESCHEDULE, actor.role)
        fee_fen = _fee(visit)
        if fee_fen:
            raise FeeHigher(fee_fen=fee_fen)
        provider_id = _book_anew(tx, visit, starts_at, first_provider_id=visit.provider_id)
        tx.schedule(Timer(PROVIDER_LAPSES, order_id, starts_at + PROVIDER_WAITED_FOR - visit.order.now))
        moved = replace(
            visit, provider_id=provider_id, starts_at=starts_at, ends_at=starts_at + (visit.ends_at - visit.starts_at)
        )
        return _move(tx, moved, target, visit.order.state)


def cancel_appointment(actor: Actor, claim: Claim, *, order_id: UUID, fee_fen: int) -> VisitStands:
    """Cancel an appointment of one's own. What it costs was shown before, and is not more than that.

    :param fee_fen: what one agreed to pay. :raises FeeHigher: it costs more by now.
    :raises AppointmentNotFound: there is none of the actor's.
    """
    with transaction(claim) as tx:
        visit = lock_visit(tx, _LOCK_OWN, {"order_id": order_id, "account_id": actor.account_id})
        target = visit.next(AppointmentAction.CANCEL, actor.role)
        costs_fen = _fee(visit)
        if costs_fen > fee_fen:
            raise FeeHigher(fee_fen=costs_fen)
        return _end(tx, visit, target, CancelReason.BY_RESIDENT, kept_fen=costs_fen)


def withdraw_provider(actor: Actor, claim: Claim, *, order_id: UUID) -> VisitStands:
    """Say, as the shop, that its provider cannot come: another one is found, or all goes back. It counts as a breach.

    :raises AppointmentNotFound: it is not the actor's shop's.
    """
    with transaction(claim) as tx:
        visit = lock_visit(tx, LOCK_VISIT_FOR_SHOP, {"order_id": order_id, **actor.as_member})
        target = visit.next(AppointmentAction.REASSIGN, actor.role)
        _record_breach(tx, visit, BreachKind.CANCELED)
        try:
            provider_id = _book_anew(tx, visit, visit.starts_at, not_provider_id=visit.provider_id)
        except SlotGone:
            target = visit.next(AppointmentAction.PROVIDER_CANCEL, actor.role)
            return _end(tx, visit, target, CancelReason.PROVIDER_CANCELED)
        return _move(tx, replace(visit, provider_id=provider_id), target, visit.order.state)


def set_out(actor: Actor, claim: Claim, *, order_id: UUID) -> VisitStands:
    """Say that the provider is on the way."""
    with transaction(claim) as tx:
        visit = lock_visit(tx, LOCK_VISIT_FOR_SHOP, {"order_id": order_id, **actor.as_member})
        return _move(tx, visit, visit.next(AppointmentAction.SET_OUT, actor.role), visit.order.state)


def check_in(actor: Actor, claim: Claim, *, order_id: UUID, code: str, lat: float, lng: float) -> VisitStands:
    """Begin the service at the door, with the resident's code.

    :raises TooFarAway: one is not at the door. :raises WrongCode, CodeLocked: it is another's, or tried too often.
    """
    with transaction(claim) as tx:
        visit = lock_visit(tx, LOCK_VISIT_FOR_SHOP, {"order_id": order_id, **actor.as_member})
        target, order = visit.next(AppointmentAction.CHECK_IN, actor.role), visit.order
        assert order.address_lat is not None, "a service has an address"
        assert order.address_lng is not None, "a service has an address"
        away_m = distance_m(lat, lng, order.address_lat, order.address_lng)
        if away_m > CHECK_IN_M_MAX:
            raise TooFarAway(distance_m=away_m, distance_m_max=CHECK_IN_M_MAX)
        if order.code_tries_left <= 0:
            raise CodeLocked
        if hmac.compare_digest(code, check_in_code(order_id)):
            tx.schedule(Timer(SERVICE_LAPSES, order_id, visit.ends_at + FINISHED_BY_TIME - order.now))
            return _move(tx, visit, target, order.state, checked_in_m=away_m)
        tx.execute(_COUNT_TRY, {"order_id": order_id})
        tx.release_claim()
    raise WrongCode(pointer="/code", tries_left=order.code_tries_left - 1)


def report_absent(actor: Actor, claim: Claim, *, order_id: UUID) -> VisitStands:
    """Say that the resident is not there, twenty minutes after the start; half is kept, the rest goes back.

    :raises TooEarly: one waits twenty minutes.
    """
    with transaction(claim) as tx:
        visit = lock_visit(tx, LOCK_VISIT_FOR_SHOP, {"order_id": order_id, **actor.as_member})
        target = visit.next(AppointmentAction.ABSENT, actor.role)
        if visit.order.now < visit.starts_at + RESIDENT_WAITED_FOR:
            raise TooEarly(minutes=RESIDENT_WAITED_FOR // timedelta(minutes=1))
        return _end(tx, visit, target, CancelReason.NO_SHOW, kept_fen=rate_fen(visit.order.left_fen, NO_SHOW_BP))


def finish_service(actor: Actor, claim: Claim, *, order_id: UUID, done_percent: int) -> VisitStands:
    """Say that the service is done, or how much of it; what was not done goes back at once.

    :param done_percent: 1 to 100.
    """
    with transaction(claim) as tx:
        visit = lock_visit(tx, LOCK_VISIT_FOR_SHOP, {"order_id": order_id, **actor.as_member})
        return _finish(tx, visit, actor.role, done_percent)


def lapse_service(tx: Transaction, order_id: UUID) -> None:
    """Take a service for finished that nobody has finished a day after its planned end."""
    row = tx.open_one(_LOCK, {"order_id": order_id})
    if row is not None and row.visit_state == AppointmentState.IN_SERVICE:
        _finish(tx, _visit_of(row), Role.SYSTEM, 100)


def lapse_provider(tx: Transaction, order_id: UUID) -> None:
    """Give all back when nobody has come an hour after the start; the provider's breach is recorded."""
    row = tx.open_one(_LOCK, {"order_id": order_id})
    if row is None or row.visit_state not in {AppointmentState.CONFIRMED, AppointmentState.EN_ROUTE}:
        return
    visit = _visit_of(row)
    if visit.order.now < visit.starts_at + PROVIDER_WAITED_FOR:
        return
    _record_breach(tx, visit, BreachKind.NO_SHOW)
    _end(tx, visit, visit.next(AppointmentAction.LAPSE, Role.SYSTEM), CancelReason.PROVIDER_CANCELED)


def _fee(visit: Visit) -> int:
    return cancel_fee_fen(
        visit.order.left_fen, starts_at=visit.starts_at, is_en_route=visit.is_en_route, now=visit.order.now
    )


def _record_breach(tx: Transaction, visit: Visit, kind: BreachKind) -> None:
    named = {"order_id": visit.order.order_id, "provider_id": visit.provider_id, "kind": kind.value}
    tx.execute(_BREACH, named)


def _book_anew(
    tx: Transaction,
    visit: Visit,
    starts_at: datetime,
    *,
    not_provider_id: UUID | None = None,
    first_provider_id: UUID | None = None,
) -> UUID:
    offer_id = tx.execute(_OFFER, {"sku_id": visit.sku_id}).scalar_one()
    minutes = (visit.ends_at - visit.starts_at) // timedelta(minutes=1)
    return book(
        tx,
        order_id=visit.order.order_id,
        shop_id=visit.order.shop_id,
        offer_id=offer_id,
        community_id=visit.order.community_id,
        starts_at=starts_at,
        terms=ServiceTerms(duration_minutes=minutes, buffer_minutes=visit.buffer_minutes, lead_minutes=0),
        now=visit.order.now,
        not_provider_id=not_provider_id,
        first_provider_id=first_provider_id,
    )


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
    return _visit_of(row)


def _visit_of(row: Row) -> Visit:
    return Visit(
        order=order_of(row),
        state=AppointmentState(row.visit_state),
        provider_id=row.provider_id,
        sku_id=row.sku_id,
        starts_at=row.starts_at,
        ends_at=row.ends_at,
        buffer_minutes=row.buffer_minutes,
    )


def _told(tx: Transaction, visit: Visit, state: AppointmentState) -> None:
    tx.record(
        AppointmentMoved(
            order_id=visit.order.order_id,
            account_id=visit.order.account_id,
            shop_id=visit.order.shop_id,
            state=state.value,
            starts_at=visit.starts_at.isoformat(),
        )
    )


def _params(visit: Visit, state: AppointmentState, order_state: OrderState, **more: object) -> dict[str, object]:
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


def _stands(visit: Visit, state: AppointmentState, order_state: OrderState, **more: int) -> VisitStands:
    return VisitStands(
        order_id=visit.order.order_id,
        state=state.value,
        order_state=order_state.value,
        provider_id=visit.provider_id,
        starts_at=visit.starts_at,
        **more,
    )


def _move(
    tx: Transaction,
    visit: Visit,
    state: AppointmentState,
    order_state: OrderState,
    *,
    statement: str = "moved",
    **more: object,
) -> VisitStands:
    _told(tx, visit, state)
    stands = _stands(visit, state, order_state)
    if tx.claim is not None:
        tx.keep(stands)
    closing_statement = _CONFIRMED if statement == "confirmed" else _MOVED
    assert_moved(tx.close(closing_statement, _params(visit, state, order_state, **more)))
    return stands


def _finish(tx: Transaction, visit: Visit, role: Role, done_percent: int) -> VisitStands:
    order, state = visit.order, visit.next(AppointmentAction.FINISH, role)
    order_state = next_state(ORDER_TRANSITIONS, order.state, OrderAction.SERVE, role)
    [line] = tx.execute(LINES, {"order_id": order.order_id}).fetchall()
    refund_fen = undone_fen(order.left_fen, done_percent)
    decision = decide_refund(tx, order, amount_fen=refund_fen, reason="not_done")
    if decision.journal is not None:
        ledger.post(tx, decision.journal, ahead=decision.ahead)
    tx.execute(FREE, {"order_id": order.order_id})
    tx.schedule(Timer(ORDER_COMPLETES, order.order_id, CONFIRM_WINDOW_PERISHABLE))
    _told(tx, visit, state)
    stands = _stands(visit, state, order_state, refund_fen=refund_fen)
    if tx.claim is not None:
        tx.keep(stands)
    params = _params(
        visit,
        state,
        order_state,
        done_percent=done_percent,
        commission_fen=commission_fen_of(order.left_fen - refund_fen, rate_of_line(line)),
    )
    assert_moved(tx.close(_FINISHED, {**params, **decision.params}))
    return stands


def _end(
    tx: Transaction, visit: Visit, state: AppointmentState, reason: CancelReason, *, kept_fen: int = 0
) -> VisitStands:
    """End an appointment before its service: what is kept is the shop's, less the commission; the rest goes back."""
    order = visit.order
    [line] = tx.execute(LINES, {"order_id": order.order_id}).fetchall()
    commission_fen = commission_fen_of(kept_fen, rate_of_line(line))
    shares = Shares(
        refund_fen=order.left_fen - kept_fen,
        merchant_fen=kept_fen - commission_fen,
        commission_fen=commission_fen,
        courier_fen=0,
        subsidy_fen=0,
        platform_loss_fen=0,
    )
    tx.execute(FREE, {"order_id": order.order_id})
    tx.execute(_SET_VISIT, {"order_id": order.order_id, "state": state.value})
    _told(tx, visit, state)
    action = {CancelReason.BY_RESIDENT: OrderAction.CANCEL}.get(reason, OrderAction.CALL_OFF)
    role = Role.RESIDENT if action is OrderAction.CANCEL else Role.SYSTEM
    target = next_state(ORDER_TRANSITIONS, order.state, action, role)
    stands = _stands(visit, state, target, refund_fen=shares.refund_fen, fee_fen=kept_fen)
    end_order(tx, order, Ending.CANCELED, target=target, cancel_reason=reason, shares=shares, kept=stands)
    return stands
