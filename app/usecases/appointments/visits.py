"""What is done about an appointment: confirmed by payment, moved, canceled, carried out."""

import hmac
from dataclasses import replace
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import text

from app.core import ledger
from app.core.appointments.errors import (
    FeeHigher,
    SetOutTooEarly,
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
    SET_OUT_BEFORE,
    ServiceTerms,
    cancel_fee_fen,
    undone_fen,
)
from app.core.appointments.states import AppointmentAction, AppointmentState
from app.core.orders.errors import CodeLocked, WrongCode
from app.core.orders.models import CancelReason
from app.core.orders.repository import EXPECT_MOVED, LINES, move
from app.core.orders.rules import CONFIRM_WINDOW_PERISHABLE, Ending, Shares, commission_fen_of
from app.core.orders.states import ORDER_TRANSITIONS, OrderAction, OrderState
from app.kernel.actor import Actor, Role
from app.kernel.geo import distance_m
from app.kernel.machines import next_state
from app.kernel.money import rate_fen
from app.kernel.sealing import derived_code
from app.kernel.timers import Timer
from app.kernel.transaction import Claim, Transaction, closing, transaction
from app.usecases.appointments.times import FREE, book
from app.usecases.appointments.visit import (
    LOCK_OWN_VISIT,
    LOCK_VISIT,
    LOCK_VISIT_FOR_SHOP,
    WRITE_VISIT,
    Visit,
    VisitStands,
    lock_visit,
    move_visit,
    tell_of_visit,
    visit_of,
    visit_params,
    visit_stands,
)
from app.usecases.ordering.ending import end_order
from app.usecases.ordering.finish_order import ORDER_COMPLETES
from app.usecases.ordering.line_rates import rate_of_line
from app.usecases.paying.refunds import REFUND_WRITES, decide_refund

PROVIDER_LAPSES = "provider_lapses"
"""Timer: the provider should have been there an hour ago."""
SERVICE_LAPSES = "service_lapses"
"""Timer: the service should have been finished a day ago."""

_OFFER = text("SELECT offer_id FROM skus WHERE sku_id = :sku_id")
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
    {REFUND_WRITES}, {WRITE_VISIT},
    line_moved AS (
        UPDATE order_lines SET refundable_fen = refundable_fen - CAST(:refund_fen AS bigint)
        WHERE order_id = :order_id AND line = 1
    )""",
    expecting=EXPECT_MOVED,
)
_BREACH = text(
    """
    INSERT INTO provider_breaches (order_id, provider_id, kind, at)
    VALUES (:order_id, :provider_id, :kind, business_now()) ON CONFLICT DO NOTHING
    """
)
_COUNT_TRY = text("UPDATE orders SET code_tries_left = code_tries_left - 1 WHERE order_id = :order_id")
_SET_VISIT = text("UPDATE appointments SET state = :state WHERE order_id = :order_id")


def check_in_code(order_id: UUID) -> str:
    """Return the code that the resident tells whoever comes."""
    return derived_code(str(order_id), purpose="check_in", digits=CODE_DIGITS)


def confirm_appointment(tx: Transaction, order_id: UUID) -> bool:
    """Confirm what was paid; an order that has moved on is left alone. Return whether there is an appointment."""
    row = tx.open_one(LOCK_VISIT, {"order_id": order_id})
    if row is None or row.state != OrderState.AWAITING_ACCEPT:
        return row is not None
    visit = visit_of(row)
    order_state = next_state(ORDER_TRANSITIONS, visit.order.state, OrderAction.ACCEPT, Role.SYSTEM)
    until = visit.starts_at + PROVIDER_WAITED_FOR - visit.order.now
    tx.schedule(Timer(PROVIDER_LAPSES, order_id, until))
    move_visit(tx, visit, visit.next(AppointmentAction.CONFIRM, Role.SYSTEM), order_state, statement="confirmed")
    return True


def reschedule(actor: Actor, claim: Claim, *, order_id: UUID, starts_at: datetime) -> VisitStands:
    """Move an appointment of one's own to another time that is free; the same person comes if they can.

    :raises AppointmentNotFound: there is none of the actor's. :raises SlotGone: nobody is free then.
    :raises FeeHigher: it is too near to be moved freely.
    """
    with transaction(claim) as tx:
        visit = lock_visit(tx, LOCK_OWN_VISIT, {"order_id": order_id, "account_id": actor.account_id})
        target = visit.next(AppointmentAction.RESCHEDULE, actor.role)
        fee_fen = _fee(visit)
        if fee_fen:
            raise FeeHigher(fee_fen=fee_fen)
        provider_id = _book_anew(tx, visit, starts_at, first_provider_id=visit.provider_id)
        tx.schedule(Timer(PROVIDER_LAPSES, order_id, starts_at + PROVIDER_WAITED_FOR - visit.order.now))
        moved = replace(
            visit, provider_id=provider_id, starts_at=starts_at, ends_at=starts_at + (visit.ends_at - visit.starts_at)
        )
        return move_visit(tx, moved, target, visit.order.state)


def cancel_appointment(actor: Actor, claim: Claim, *, order_id: UUID, fee_fen: int) -> VisitStands:
    """Cancel an appointment of one's own. What it costs was shown before, and is not more than that.

    :param fee_fen: what one agreed to pay. :raises FeeHigher: it costs more by now.
    :raises AppointmentNotFound: there is none of the actor's.
    """
    with transaction(claim) as tx:
        visit = lock_visit(tx, LOCK_OWN_VISIT, {"order_id": order_id, "account_id": actor.account_id})
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
        return move_visit(tx, replace(visit, provider_id=provider_id), target, visit.order.state)


def set_out(actor: Actor, claim: Claim, *, order_id: UUID) -> VisitStands:
    """Say that the provider is on the way; canceling costs more from then on.

    :raises SetOutTooEarly: it begins in more than two hours.
    """
    with transaction(claim) as tx:
        visit = lock_visit(tx, LOCK_VISIT_FOR_SHOP, {"order_id": order_id, **actor.as_member})
        target = visit.next(AppointmentAction.SET_OUT, actor.role)
        if visit.order.now < visit.starts_at - SET_OUT_BEFORE:
            raise SetOutTooEarly(hours=SET_OUT_BEFORE // timedelta(hours=1))
        return move_visit(tx, visit, target, visit.order.state)


def check_in(actor: Actor, claim: Claim, *, order_id: UUID, code: str, lat: float, lng: float) -> VisitStands:
    """Begin the service at the door, with the resident's code.

    :raises TooFarAway: one is not at the door. :raises WrongCode, CodeLocked: it is another's, or tried too often.
    """
    with transaction(claim) as tx:
        visit = lock_visit(tx, LOCK_VISIT_FOR_SHOP, {"order_id": order_id, **actor.as_member})
        target, order = visit.next(AppointmentAction.CHECK_IN, actor.role), visit.order
        away_m = _away_m(visit, lat, lng)
        if order.code_tries_left <= 0:
            raise CodeLocked
        if hmac.compare_digest(code, check_in_code(order_id)):
            tx.schedule(Timer(SERVICE_LAPSES, order_id, visit.ends_at + FINISHED_BY_TIME - order.now))
            return move_visit(tx, visit, target, order.state, checked_in_m=away_m)
        tx.execute(_COUNT_TRY, {"order_id": order_id})
        tx.release_claim()
    raise WrongCode(pointer="/code", tries_left=order.code_tries_left - 1)


def report_absent(actor: Actor, claim: Claim, *, order_id: UUID, lat: float, lng: float) -> VisitStands:
    """Say, at the door, that the resident is not there; half is kept, the rest goes back.

    :raises TooEarly: one waits twenty minutes from the start. :raises TooFarAway: one is not at the door.
    """
    with transaction(claim) as tx:
        visit = lock_visit(tx, LOCK_VISIT_FOR_SHOP, {"order_id": order_id, **actor.as_member})
        target = visit.next(AppointmentAction.ABSENT, actor.role)
        if visit.order.now < visit.starts_at + RESIDENT_WAITED_FOR:
            raise TooEarly(minutes=RESIDENT_WAITED_FOR // timedelta(minutes=1))
        _away_m(visit, lat, lng)
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
    row = tx.open_one(LOCK_VISIT, {"order_id": order_id})
    if row is not None and row.visit_state == AppointmentState.IN_SERVICE:
        _finish(tx, visit_of(row), Role.SYSTEM, 100)


def lapse_provider(tx: Transaction, order_id: UUID) -> None:
    """Give all back when nobody has come an hour after the start; the provider's breach is recorded.

    A provider who was told only after the start, because we were down, has not broken their word.
    """
    row = tx.open_one(LOCK_VISIT, {"order_id": order_id})
    if row is None or row.visit_state not in {AppointmentState.CONFIRMED, AppointmentState.EN_ROUTE}:
        return
    visit = visit_of(row)
    if visit.order.now < visit.starts_at + PROVIDER_WAITED_FOR:
        return
    if visit.order.accepted_at is None or visit.order.accepted_at <= visit.starts_at:
        _record_breach(tx, visit, BreachKind.NO_SHOW)
    _end(tx, visit, visit.next(AppointmentAction.LAPSE, Role.SYSTEM), CancelReason.PROVIDER_CANCELED)


def _fee(visit: Visit) -> int:
    return cancel_fee_fen(
        visit.order.left_fen, starts_at=visit.starts_at, is_en_route=visit.is_en_route, now=visit.order.now
    )


def _record_breach(tx: Transaction, visit: Visit, kind: BreachKind) -> None:
    named = {"order_id": visit.order.order_id, "provider_id": visit.provider_id, "kind": kind.value}
    tx.execute(_BREACH, named)


def _away_m(visit: Visit, lat: float, lng: float) -> int:
    """Return how far from the door somebody stands, meters.

    :raises TooFarAway: too far to have come.
    """
    order = visit.order
    assert order.address_lat is not None, "a service has an address"
    assert order.address_lng is not None, "a service has an address"
    away_m = distance_m(lat, lng, order.address_lat, order.address_lng)
    if away_m > CHECK_IN_M_MAX:
        raise TooFarAway(distance_m=away_m, distance_m_max=CHECK_IN_M_MAX)
    return away_m


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
    tell_of_visit(tx, visit, state)
    stands = visit_stands(visit, state, order_state, refund_fen=refund_fen)
    if tx.claim is not None:
        tx.keep(stands)
    params = visit_params(
        visit,
        state,
        order_state,
        done_percent=done_percent,
        commission_fen=commission_fen_of(order.left_fen - refund_fen, rate_of_line(line)),
    )
    tx.close(_FINISHED, {**params, **decision.params})
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
    tell_of_visit(tx, visit, state)
    action = {CancelReason.BY_RESIDENT: OrderAction.CANCEL}.get(reason, OrderAction.CALL_OFF)
    role = Role.RESIDENT if action is OrderAction.CANCEL else Role.SYSTEM
    target = next_state(ORDER_TRANSITIONS, order.state, action, role)
    stands = visit_stands(visit, state, target, refund_fen=shares.refund_fen, fee_fen=kept_fen)
    end_order(tx, order, Ending.CANCELED, target=target, cancel_reason=reason, shares=shares, kept=stands)
    return stands
