"""What goes in and out of the routes of life bills."""

from marshmallow import fields

from app.core.bills.records import BillNoticeKind
from app.core.bills.states import BillKind, BillPaymentState, BillSource
from app.user.step_up import GrantedOut
from app.web.bills import NUMBER_HIGH, BillQuoteOut
from app.web.fields import Body, Choice, Day, Fen, Flag, Id, Instant, Many, Text
from app.web.paging import LIMIT_MAX, PageQuery


class BindIn(Body):
    """Whose account: the biller, the number as it stands on the bill, and what one calls it."""

    biller_id = Id(required=True)
    number = Text(high=NUMBER_HIGH, required=True)
    nickname = Text(high=20, required=True)


class BindingMadeOut(Body):
    """A bound account."""

    binding_id = Id(required=True)
    biller_id = Id(required=True)


class BindingIn(Body):
    """What one calls it, and whether one is reminded."""

    nickname = Text(high=20, required=True)
    is_reminded = Flag(required=True)


class BindingOut(Body):
    """A bound account as one sees it; of its number, the last digits."""

    binding_id = Id(required=True)
    nickname = Text(high=20, required=True)
    tail = Text(high=4, required=True)
    is_reminded = Flag(required=True)
    bound_at = Instant(required=True)
    autopay_cap_fen = Fen(required=True, allow_none=True)
    biller_id = Id(required=True)
    kind = Choice(BillKind, required=True)
    name_zh = Text(high=100, required=True)
    name_en = Text(high=100, required=True)
    region_code = Text(high=6, required=True)
    balance_fen = Fen(required=True, allow_none=True)
    left_fen = Fen(required=True)
    asked_at = Instant(required=True, allow_none=True)


class BindingsOut(Body):
    """A page of bound accounts, newest first."""

    items = Many(fields.Nested(BindingOut), high=LIMIT_MAX, required=True)
    next_cursor = Text(high=64, required=True, allow_none=True)


class AskedOut(Body):
    """What the biller says."""

    binding_id = Id(required=True)
    balance_fen = Fen(required=True, allow_none=True)
    quotes = Many(fields.Nested(BillQuoteOut), high=LIMIT_MAX, required=True)


class BillPayIn(Body):
    """How much of the quote is paid."""

    amount_fen = Fen(low=1, required=True)
    step_up_grant = Id(load_default=None, allow_none=True)


class BillPaymentOut(Body):
    """A payment as one sees it."""

    bill_payment_id = Id(required=True)
    amount_fen = Fen(low=1, required=True)
    state = Choice(BillPaymentState, required=True)
    source = Choice(BillSource, required=True)
    requested_at = Instant(required=True)
    ended_at = Instant(required=True, allow_none=True)
    refusal = Text(high=40, required=True, allow_none=True)
    biller_reference = Text(high=64, required=True, allow_none=True)
    booked_on = Day(required=True, allow_none=True)
    bill_id = Id(required=True, allow_none=True)
    month = Day(required=True, allow_none=True)
    due_on = Day(required=True, allow_none=True)
    tail = Text(high=4, required=True)
    biller_id = Id(required=True)
    kind = Choice(BillKind, required=True)
    name_zh = Text(high=100, required=True)
    name_en = Text(high=100, required=True)


class BillPaymentsQuery(PageQuery):
    """Which payments."""

    state = Choice(BillPaymentState, load_default=None)


class BillPaymentsOut(Body):
    """A page of payments, newest first."""

    items = Many(fields.Nested(BillPaymentOut), high=LIMIT_MAX, required=True)
    next_cursor = Text(high=64, required=True, allow_none=True)


class AutopayIn(Body):
    """Up to how much a bill pays itself."""

    cap_fen = Fen(low=1, required=True)
    step_up_grant = Id(load_default=None, allow_none=True)


class AutopayOut(Body):
    """How the bills of an account pay themselves."""

    binding_id = Id(required=True)
    cap_fen = Fen(low=1, required=True)


class BillNoticeOut(Body):
    """Something one was told of a bill."""

    notice_id = Id(required=True)
    binding_id = Id(required=True)
    bill_id = Id(required=True)
    kind = Choice(BillNoticeKind, required=True)
    amount_fen = Fen(required=True)
    due_on = Day(required=True)
    noticed_at = Instant(required=True)


class BillNoticesOut(Body):
    """A page of notices, newest first."""

    items = Many(fields.Nested(BillNoticeOut), high=LIMIT_MAX, required=True)
    next_cursor = Text(high=64, required=True, allow_none=True)


class QuoteGrantOut(GrantedOut):
    """A grant, to be named as ``step_up_grant`` when paying the quote: by this session, once."""

    quote_id = Id(required=True)


class AutopayGrantOut(GrantedOut):
    """A grant, to be named as ``step_up_grant`` when setting the automatic payment up: by this session, once."""

    binding_id = Id(required=True)
