"""Shapes of cash on its way, the same at the store's and the platform's door."""

from marshmallow import fields

from app.core.tills.states import TransferState
from app.web.fields import Body, Choice, Fen, Id, Instant, Many, Text
from app.web.paging import LIMIT_MAX, PageQuery


class CountIn(Body):
    """What was counted, fen."""

    counted_fen = Fen(required=True)


class CashTransfersQuery(PageQuery):
    """Cash on its way, newest first."""

    state = Choice(TransferState, load_default=None)


class CashTransferMovedOut(Body):
    """Where cash on its way is; ``amount_fen`` is what was sent, and when it arrived what was counted."""

    transfer_id = Id(required=True)
    state = Choice(TransferState, required=True)
    amount_fen = Fen(required=True)


class CashTransferOut(Body):
    """Cash on its way; a till that is null is the bank. Who sent it does not receive it."""

    transfer_id = Id(required=True)
    from_till_id = Id(required=True, allow_none=True)
    to_till_id = Id(required=True, allow_none=True)
    amount_fen = Fen(required=True)
    state = Choice(TransferState, required=True)
    sent_by_id = Id(required=True)
    sent_at = Instant(required=True)
    received_by_id = Id(required=True, allow_none=True)
    received_fen = Fen(required=True, allow_none=True)
    ended_at = Instant(required=True, allow_none=True)


class CashTransfersOut(Body):
    """A page of cash on its way."""

    items = Many(fields.Nested(CashTransferOut), high=LIMIT_MAX, required=True)
    next_cursor = Text(high=64, required=True, allow_none=True)
