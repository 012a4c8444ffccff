"""Routes of residents' appointments: times that are free, booking, moving, canceling, extra charges."""

from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID

from marshmallow import fields
from sqlalchemy import text

from app.core.accounts.errors import AddressNotFound
from app.core.appointments.errors import AppointmentNotFound, NotAnAppointment
from app.core.appointments.models import ChargeState
from app.core.appointments.rules import EN_ROUTE_BP, LADDER, LAST_BP, cancel_fee_fen, instant_of, offered
from app.core.appointments.states import AppointmentState
from app.core.catalog.errors import SkuNotFound
from app.core.catalog.models import OfferKind
from app.core.vouchers.errors import VoucherSold
from app.kernel.actor import Actor
from app.kernel.transaction import Claim, read, transaction
from app.usecases.appointments.booking import book_service, terms_of
from app.usecases.appointments.extras import ChargeStands, approve_charge, decline_charge
from app.usecases.appointments.times import calendars
from app.usecases.appointments.visit import VisitStands
from app.usecases.appointments.visits import cancel_appointment, check_in_code, reschedule
from app.usecases.ordering.place_checkout import Placed
from app.user.schemas import PlacedOut
from app.web.appointments import ChargeStandsOut, VisitStandsOut
from app.web.door import Door
from app.web.fields import Body, Choice, Day, Fen, Id, Instant, Int, Many, Query, Text
from app.web.policy import Relation, policy
from app.web.views import COUNT_MAX, LIST_MAX

_SERVICE = text(
    """
    SELECT k.sku_id, k.offer_id, f.kind, k.shop_id, k.price_fen, a.community_id, t.duration_minutes, t.buffer_minutes,
        t.lead_minutes, business_now() AS now
    FROM (SELECT 1) AS one
    LEFT JOIN (skus AS k JOIN offers AS f ON f.offer_id = k.offer_id AND f.state = 'on_sale') ON k.sku_id = :sku_id
    LEFT JOIN addresses AS a ON a.address_id = :address_id AND a.account_id = :account_id AND a.removed_at IS NULL
    LEFT JOIN service_terms AS t ON t.sku_id = k.sku_id
    """
)
_ONE = text(
    """
    SELECT o.order_id, o.left_fen, p.state, p.starts_at, p.ends_at, p.done_percent, p.checked_in_at, p.finished_at,
        v.name AS provider_name, business_now() AS now,
        (SELECT json_agg(json_build_object('charge_id', x.charge_id, 'amount_fen', x.amount_fen, 'reason', x.reason,
            'state', x.state) ORDER BY x.charge_id) FROM extra_charges AS x WHERE x.order_id = o.order_id) AS charges
    FROM orders AS o LEFT JOIN appointments AS p ON p.order_id = o.order_id
    LEFT JOIN service_providers AS v ON v.provider_id = p.provider_id
    WHERE o.order_id = :order_id AND o.account_id = :account_id
    """
)


class SlotsQuery(Query):
    """Times on a day of Shanghai, at one's address."""

    address_id = Id(required=True)
    day = Day(required=True)


class SlotOut(Body):
    """A time at which so many could come."""

    starts_at = Instant(required=True)
    providers = Int(low=1, high=COUNT_MAX, required=True)


class StepOut(Body):
    """Up to ``hours_before`` the start, canceling costs ``fee_bp`` of what was paid, in hundredths of a percent."""

    hours_before = Int(low=0, high=COUNT_MAX, required=True)
    fee_bp = Int(low=0, high=10_000, required=True)


class SlotsOut(Body):
    """What is free, what it costs, and what canceling would cost: ``en_route_bp`` once the provider is on the way."""

    price_fen = Fen(required=True)
    duration_minutes = Int(low=1, high=COUNT_MAX, required=True)
    items = Many(fields.Nested(SlotOut), high=LIST_MAX, required=True)
    cancel_ladder = Many(fields.Nested(StepOut), high=10, required=True)
    en_route_bp = Int(low=0, high=10_000, required=True)


class AppointmentIn(Body):
    """What, where, when, and the price that was seen."""

    sku_id = Id(required=True)
    address_id = Id(required=True)
    starts_at = Instant(required=True)
    unit_price_fen = Fen(low=1, required=True)
    note = Text(high=200, low=0, load_default="")


class RescheduleIn(Body):
    """Another time."""

    starts_at = Instant(required=True)


class AppointmentCancelIn(Body):
    """What one agrees to pay for it: what was shown."""

    fee_fen = Fen(required=True)


class ChargeOut(Body):
    """An extra charge."""

    charge_id = Id(required=True)
    amount_fen = Fen(high=COUNT_MAX, required=True)
    reason = Text(high=200, required=True)
    state = Choice(ChargeState, required=True)


class AppointmentOut(Body):
    """One's appointment. ``check_in_code`` is told to who comes; ``cancel_fee_fen`` is what canceling costs now."""

    order_id = Id(required=True)
    state = Choice(AppointmentState, required=True)
    provider_name = Text(high=50, required=True)
    starts_at = Instant(required=True)
    ends_at = Instant(required=True)
    checked_in_at = Instant(required=True, allow_none=True)
    finished_at = Instant(required=True, allow_none=True)
    done_percent = Int(low=1, high=100, required=True, allow_none=True)
    check_in_code = Text(high=10, required=True, allow_none=True)
    cancel_fee_fen = Fen(high=COUNT_MAX, required=True, allow_none=True)
    charges = Many(fields.Nested(ChargeOut), high=LIST_MAX, required=True)


_CANCELABLE = frozenset({AppointmentState.CONFIRMED, AppointmentState.EN_ROUTE})


def _slots(actor: Actor, sku_id: UUID, address_id: UUID, day: date) -> dict[str, Any]:
    with transaction() as tx:
        asked = {"sku_id": sku_id, "address_id": address_id, "account_id": actor.account_id}
        row = tx.execute(_SERVICE, asked).one()
        if row.community_id is None:
            raise AddressNotFound(pointer="/address_id")
        if row.sku_id is None:
            raise SkuNotFound
        if row.kind != OfferKind.SERVICE:
            raise VoucherSold
        found = calendars(tx, shop_id=row.shop_id, offer_id=row.offer_id, community_id=row.community_id, day=day)
    terms = terms_of(row)
    free = offered(dict(enumerate(found.values())), day, terms, now=row.now)
    ladder = [{"hours_before": before // timedelta(hours=1), "fee_bp": bp} for before, bp in LADDER]
    return {
        "price_fen": row.price_fen,
        "duration_minutes": terms.duration_minutes,
        "items": [{"starts_at": instant_of(start), "providers": count} for start, count in free.items()],
        "cancel_ladder": [*ladder, {"hours_before": 0, "fee_bp": LAST_BP}],
        "en_route_bp": EN_ROUTE_BP,
    }


def add_appointments(door: Door) -> None:
    """Add the routes to ``door``."""

    @door.get("/services/<uuid:sku_id>/slots", query=SlotsQuery, answer=SlotsOut)
    @policy("appointment.read", Relation.OWN)
    def list_slots(actor: Actor, *, sku_id: UUID, query: dict[str, Any]) -> dict[str, Any]:
        """List at which times of a day somebody could come for a service."""
        return _slots(actor, sku_id, **query)

    @door.post("/appointment-checkouts", body=AppointmentIn, answer=PlacedOut, status=201, once=True)
    @policy("appointment.book", Relation.OWN)
    def book_appointment(actor: Actor, *, claim: Claim, body: dict[str, Any]) -> Placed:
        """Hold a time for fifteen minutes, in which it is to be paid."""
        return book_service(actor, claim, **body)

    @door.get("/orders/<uuid:order_id>/appointment", answer=AppointmentOut)
    @policy("appointment.read", Relation.OWN)
    def read_appointment(actor: Actor, *, order_id: UUID) -> dict[str, Any]:
        """Read one's appointment, with the code for who comes and what canceling costs now."""
        row = read(_ONE, {"order_id": order_id, "account_id": actor.account_id}).one_or_none()
        if row is None:
            raise AppointmentNotFound
        if row.state is None:
            raise NotAnAppointment
        state = AppointmentState(row.state)
        is_on = state in _CANCELABLE
        fee = cancel_fee_fen(
            row.left_fen, starts_at=row.starts_at, is_en_route=state is AppointmentState.EN_ROUTE, now=row.now
        )
        shown = {name: value for name, value in row._mapping.items() if name not in {"left_fen", "now"}}
        return {
            **shown,
            "charges": row.charges or [],
            "check_in_code": check_in_code(order_id) if is_on else None,
            "cancel_fee_fen": fee if is_on else None,
        }

    @door.post("/orders/<uuid:order_id>/appointment/time", body=RescheduleIn, answer=VisitStandsOut, once=True)
    @policy("appointment.book", Relation.OWN)
    def move_appointment(actor: Actor, *, claim: Claim, order_id: UUID, body: dict[str, datetime]) -> VisitStands:
        """Move an appointment to another time that is free."""
        return reschedule(actor, claim, order_id=order_id, **body)

    @door.post(
        "/orders/<uuid:order_id>/appointment/cancellation", body=AppointmentCancelIn, answer=VisitStandsOut, once=True
    )
    @policy("order.cancel", Relation.OWN)
    def cancel_visit(actor: Actor, *, claim: Claim, order_id: UUID, body: dict[str, int]) -> VisitStands:
        """Cancel an appointment for at most the fee that was shown."""
        return cancel_appointment(actor, claim, order_id=order_id, **body)

    @door.post("/extra-charges/<uuid:charge_id>/approval", answer=PlacedOut, status=201, once=True)
    @policy("appointment.book", Relation.OWN)
    def approve_extra(actor: Actor, *, claim: Claim, charge_id: UUID) -> Placed:
        """Agree to an extra charge; it is a checkout to be paid."""
        return approve_charge(actor, claim, charge_id=charge_id)

    @door.post("/extra-charges/<uuid:charge_id>/refusal", answer=ChargeStandsOut, once=True)
    @policy("appointment.book", Relation.OWN)
    def decline_extra(actor: Actor, *, claim: Claim, charge_id: UUID) -> ChargeStands:
        """Do not agree to an extra charge."""
        return decline_charge(actor, claim, charge_id=charge_id)
