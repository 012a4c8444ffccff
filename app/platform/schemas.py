"""What operators send and see."""

from enum import StrEnum

from marshmallow import fields

from app.core.orders.states import OrderState
from app.web.fields import Body, Choice, Flag, Id, Instant, Int, Many, Text
from app.web.paging import PageQuery
from app.web.views import COUNT_MAX, LIST_MAX, OrderCore


class OrdersQuery(PageQuery):
    """All orders, newest first."""

    state = Choice(OrderState, load_default=None)
    shop_id = Id(load_default=None)


class OrderOut(OrderCore):
    """An order with the ids of its parties."""

    account_id = Id(required=True)
    merchant_id = Id(required=True)
    community_id = Id(required=True)
    store_id = Id(required=True)


class OrdersOut(Body):
    """A page of orders."""

    items = Many(fields.Nested(OrderOut), high=LIST_MAX, required=True)
    next_cursor = Text(high=64, required=True, allow_none=True)


class PartyKind(StrEnum):
    """Whom to list."""

    MERCHANT = "merchant"
    COURIER = "courier"
    STORE = "store"


class PartiesQuery(PageQuery):
    """Parties of one kind, newest first."""

    kind = Choice(PartyKind, required=True)


class PartyOut(Body):
    """A merchant, courier or store; people are shown by id."""

    party_id = Id(required=True)
    name = Text(high=100, low=0, required=True)
    state = Text(high=20, required=True)
    order_count = Int(low=0, high=COUNT_MAX, required=True)


class PartiesOut(Body):
    """A page of parties."""

    items = Many(fields.Nested(PartyOut), high=LIST_MAX, required=True)
    next_cursor = Text(high=64, required=True, allow_none=True)


class TrialLineOut(Body):
    """The sum of all accounts of one kind; positive is what we owe."""

    kind = Text(high=50, required=True)
    accounts = Int(low=0, high=COUNT_MAX, required=True)
    balance_fen = Int(low=-COUNT_MAX, high=COUNT_MAX, required=True)
    held_fen = Int(low=-COUNT_MAX, high=COUNT_MAX, required=True)


class BooksOut(Body):
    """The trial balance; ``balance_fen`` of all lines add up to zero."""

    items = Many(fields.Nested(TrialLineOut), high=LIST_MAX, required=True)
    total_fen = Int(low=-COUNT_MAX, high=COUNT_MAX, required=True)


class FindingOut(Body):
    """Something that is wrong with the books."""

    check = Text(high=100, required=True)
    count = Int(low=-COUNT_MAX, high=COUNT_MAX, required=True)


class ProofOut(Body):
    """The books, proven now: sums, balances, holds, keys and every hash chain."""

    is_sound = Flag(required=True)
    findings = Many(fields.Nested(FindingOut), high=LIST_MAX, required=True)
    proven_at = Instant(required=True)
