"""What residents and shops are both told of appointments."""

from app.core.appointments.models import ChargeState
from app.core.appointments.states import AppointmentState
from app.core.orders.states import OrderState
from app.web.fields import Body, Choice, Fen, Id, Instant
from app.web.views import COUNT_MAX


class VisitStandsOut(Body):
    """Where an appointment stands after an act on it; ``fee_fen`` was kept, ``refund_fen`` went back."""

    order_id = Id(required=True)
    state = Choice(AppointmentState, required=True)
    order_state = Choice(OrderState, required=True)
    provider_id = Id(required=True)
    starts_at = Instant(required=True)
    refund_fen = Fen(high=COUNT_MAX, required=True)
    fee_fen = Fen(high=COUNT_MAX, required=True)


class ChargeStandsOut(Body):
    """Where an extra charge stands."""

    charge_id = Id(required=True)
    order_id = Id(required=True)
    state = Choice(ChargeState, required=True)
    amount_fen = Fen(high=COUNT_MAX, required=True)
