"""What both doors answer about payments at a counter."""

from app.core.counter.models import CounterWay
from app.web.fields import Body, Choice, Fen, Id, Instant


class CounterMovedOut(Body):
    """A payment at a counter; it is made."""

    counter_payment_id = Id(required=True)
    shop_id = Id(required=True)
    amount_fen = Fen(low=1, required=True)
    way = Choice(CounterWay, required=True)


class CounterRefundsOut(Body):
    """A refund of a payment at a counter."""

    counter_refund_id = Id(required=True)
    amount_fen = Fen(low=1, required=True)
    made_at = Instant(required=True)
