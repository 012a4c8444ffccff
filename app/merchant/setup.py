"""Routes of a shop's setting up: its terms, and handing it in."""

from typing import Any
from uuid import UUID

from marshmallow import fields

from app.core.catalog.areas import REACH_M_MAX
from app.core.catalog.errors import HoursInvalid
from app.core.catalog.models import ShopState
from app.core.catalog.rules import are_hours_sound
from app.kernel.actor import Actor
from app.kernel.polygons import POINTS_MAX, POINTS_MIN
from app.kernel.transaction import Claim
from app.usecases.shopkeeping.setting_up import set_terms, submit_shop
from app.usecases.shopkeeping.shelf import ShopChanged
from app.web.door import Door
from app.web.fields import Body, Choice, Degrees, Fen, Flag, Id, Int, Many
from app.web.hours import Hours
from app.web.policy import Relation, policy

TIERS_MAX = 10
FEE_FEN_MAX = 10_000
AMOUNT_FEN_MAX = 1_000_000
PREPARATION_MINUTES_MAX = 24 * 60


class PointIn(Body):
    """A corner, WGS-84 degrees."""

    lat = Degrees(bound=90, required=True)
    lng = Degrees(bound=180, required=True)


class FeeTierIn(Body):
    """Up to so far it costs so much."""

    up_to_m = Int(low=1, high=REACH_M_MAX, required=True)
    fee_fen = Fen(high=FEE_FEN_MAX, required=True)


class DiscountTierIn(Body):
    """From so much on so much is taken off, borne by the shop (满减)."""

    from_fen = Fen(low=1, high=AMOUNT_FEN_MAX, required=True)
    off_fen = Fen(low=1, high=AMOUNT_FEN_MAX, required=True)


class TermsIn(Body):
    """How far a shop delivers, a radius or a polygon, and for how much; what is not named stays. Tiers rise."""

    radius_m = Int(low=1, high=REACH_M_MAX, load_default=None, allow_none=True)
    area = Many(fields.Nested(PointIn), low=POINTS_MIN, high=POINTS_MAX + 1, load_default=None, allow_none=True)
    fee_tiers = Many(fields.Nested(FeeTierIn), low=1, high=TIERS_MAX, load_default=None, allow_none=True)
    discount_tiers = Many(fields.Nested(DiscountTierIn), high=TIERS_MAX, load_default=None, allow_none=True)
    minimum_fen = Fen(high=AMOUNT_FEN_MAX, load_default=None, allow_none=True)
    packing_fen = Fen(high=FEE_FEN_MAX, load_default=None, allow_none=True)
    preparation_minutes = Int(low=0, high=PREPARATION_MINUTES_MAX, load_default=None, allow_none=True)
    is_auto_accept = Flag(load_default=None, allow_none=True)
    hours = Hours(load_default=None, allow_none=True)


class ShopChangedOut(Body):
    """Where the shop stands."""

    shop_id = Id(required=True)
    state = Choice(ShopState, required=True)


def add_setup(door: Door) -> None:
    """Add the routes to ``door``."""

    @door.put("/shops/<uuid:shop_id>/terms", body=TermsIn, answer=ShopChangedOut, once=True)
    @policy("shop.write", Relation.OWN_SHOP)
    def change_terms(actor: Actor, *, claim: Claim, shop_id: UUID, body: dict[str, Any]) -> ShopChanged:
        """Set how far a shop delivers, from what amount on, for what fee, and when it is open."""
        if body["hours"] is not None and not are_hours_sound(body["hours"]):
            raise HoursInvalid(pointer="/hours")
        area = None if body["area"] is None else [(point["lat"], point["lng"]) for point in body["area"]]
        return set_terms(actor, claim, shop_id=shop_id, **{**body, "area": area})

    @door.post("/shops/<uuid:shop_id>/submission", answer=ShopChangedOut, once=True)
    @policy("shop.submit", Relation.OWN_SHOP)
    def submit(actor: Actor, *, claim: Claim, shop_id: UUID) -> ShopChanged:
        """Hand a draft in, with its papers, to be looked at."""
        return submit_shop(actor, claim, shop_id=shop_id)
