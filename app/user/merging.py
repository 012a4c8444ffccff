"""Routes by which lines come into the cart from elsewhere."""

from typing import Any
from uuid import UUID

from marshmallow import fields

from app.core.orders.quote import LINES_MAX
from app.kernel.actor import Actor
from app.usecases.shopping.merging import Merged, merge_cart, reorder
from app.web.door import Door
from app.web.fields import Body, Fen, Id, Many, Quantity, Text
from app.web.policy import Relation, policy
from app.web.views import LIST_MAX


class MergedLineIn(Body):
    """What a device held of one SKU."""

    sku_id = Id(required=True)
    quantity = Quantity(required=True)


class MergeIn(Body):
    """What a device held before its sign-in; of a SKU that is named twice, the larger number counts."""

    lines = Many(fields.Nested(MergedLineIn), low=1, high=LINES_MAX, required=True)


class ReorderIn(Body):
    """Which order is to come into the cart again."""

    order_id = Id(required=True)


class CameInOut(Body):
    """A line that came in: how many were wanted, how many the cart now holds, what a piece cost and costs."""

    sku_id = Id(required=True)
    name = Text(high=200, required=True)
    option = Text(high=200, low=0, required=True)
    wanted = Quantity(required=True)
    quantity = Quantity(required=True)
    price_fen = Fen(required=True)
    was_price_fen = Fen(required=True, allow_none=True)


class LeftOutOut(Body):
    """A line that did not come in, and the code of the reason."""

    sku_id = Id(required=True)
    name = Text(high=200, low=0, required=True)
    option = Text(high=200, low=0, required=True)
    code = Text(high=50, required=True)


class MergedOut(Body):
    """What came into the cart and what did not."""

    items = Many(fields.Nested(CameInOut), high=LIST_MAX, required=True)
    left_out = Many(fields.Nested(LeftOutOut), high=LIST_MAX, required=True)


def add_merging(door: Door) -> None:
    """Add the routes to ``door``."""

    @door.post("/cart/merges", body=MergeIn, answer=MergedOut)
    @policy("cart.write", Relation.OWN)
    def merge(actor: Actor, *, body: dict[str, Any]) -> Merged:
        """Take in what a device held before its sign-in; the cart holds no less of anything, and twice is once."""
        lines: dict[UUID, int] = {}
        for one in body["lines"]:
            lines[one["sku_id"]] = max(lines.get(one["sku_id"], 0), one["quantity"])
        return merge_cart(actor, lines=lines)

    @door.post("/cart/reorders", body=ReorderIn, answer=MergedOut)
    @policy("cart.reorder", Relation.OWN)
    def order_again(actor: Actor, *, body: dict[str, Any]) -> Merged:
        """Put what an order held into the cart again, as far as it is still sold; says what is not, and why."""
        return reorder(actor, order_id=body["order_id"])
