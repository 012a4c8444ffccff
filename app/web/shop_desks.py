"""Shops as desks, the same at the merchant's and the platform's door."""

from marshmallow import fields

from app.core.tills.states import ShopDeskState
from app.web.fields import Body, Choice, Fen, Id, Instant, Many, Text
from app.web.paging import LIMIT_MAX

COLUMNS = """k.desk_id, k.shop_id, s.name AS shop_name, k.merchant_id, k.store_id, k.deposit_fen, k.covered_fen,
        k.state, k.appointed_at, k.began_at, k.ended_at"""


class ShopDeskOut(Body):
    """A shop that is a desk; ``covered_fen`` of its deposit paid cash that was missing."""

    desk_id = Id(required=True)
    shop_id = Id(required=True)
    shop_name = Text(high=100, required=True)
    merchant_id = Id(required=True)
    store_id = Id(required=True, allow_none=True)
    deposit_fen = Fen(required=True)
    covered_fen = Fen(required=True)
    state = Choice(ShopDeskState, required=True)
    appointed_at = Instant(required=True)
    began_at = Instant(required=True, allow_none=True)
    ended_at = Instant(required=True, allow_none=True)


class ShopDesksOut(Body):
    """A page of them."""

    items = Many(fields.Nested(ShopDeskOut), high=LIMIT_MAX, required=True)
    next_cursor = Text(high=64, required=True, allow_none=True)
