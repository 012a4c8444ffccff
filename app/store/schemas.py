"""What store staff send and see."""

from marshmallow import fields

from app.core.orders.states import OrderState
from app.web.fields import Body, Choice, Id, Many, Pattern, Text
from app.web.paging import PageQuery
from app.web.views import LIST_MAX, OrderCore


class ShelfOrdersQuery(PageQuery):
    """Orders to be collected at one's stores, newest first."""

    state = Choice(OrderState, load_default=None)


class ShelfOrderOut(OrderCore):
    """An order that is collected at the counter; who collects is known by the code alone."""

    store_id = Id(required=True)


class ShelfOrdersOut(Body):
    """A page of orders."""

    items = Many(fields.Nested(ShelfOrderOut), high=LIST_MAX, required=True)
    next_cursor = Text(high=64, required=True, allow_none=True)


class CollectIn(Body):
    """The code that the resident shows."""

    code = Pattern(r"[0-9]{6}", high=6, required=True)
