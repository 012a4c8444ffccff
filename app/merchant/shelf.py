"""Routes of the merchant's shelf: offers and their SKUs."""

from enum import StrEnum
from typing import Any
from uuid import UUID

from flask import Response
from marshmallow import ValidationError, fields, validates_schema

from app.core.catalog.content import AMOUNT_MAX, COUNT_MAX, Content, ContentUnit
from app.core.catalog.models import OfferKind, OfferState, OptionKind
from app.kernel.actor import Actor
from app.kernel.transaction import Claim
from app.usecases.shopkeeping.offers import add_offer, change_offer
from app.usecases.shopkeeping.skus import OfferChanged, add_sku, change_sku, remove_sku
from app.web.door import Door
from app.web.fields import Body, Choice, Fen, Flag, Id, Int, Many, Pattern, Quantity, Text
from app.web.hours import Hours
from app.web.policy import Relation, policy
from app.web.shelf import FOR_MEMBER, ShelfQuery, shelf_page
from app.web.views import OffersOut

PRICE_FEN_MAX = 10_000_000
ON_HAND_MAX = 1_000_000
WEIGHT_G_MAX = 1_000_000
OPTIONS_MAX = 5
PREPARATION_MINUTES_MAX = 24 * 60


class ShelfState(StrEnum):
    """Where a merchant can put an offer."""

    ON_SALE = "on_sale"
    PAUSED = "paused"
    REMOVED = "removed"


class OptionIn(Body):
    """One thing that is chosen: a spec, a flavor, a portion."""

    kind = Choice(OptionKind, required=True)
    value = Text(high=30, required=True)


class ContentIn(Body):
    """How much is in it: 500 g is ``{"amount": 500, "unit": "g"}``, 6 × 330 ml has a ``count`` of 6."""

    amount = Int(low=1, high=AMOUNT_MAX, required=True)
    unit = Choice(ContentUnit, required=True)
    count = Int(low=1, high=COUNT_MAX, load_default=1)


class SkuIn(Body):
    """One buyable form of an offer; ``on_hand`` null means unlimited. ``options``, when given, name it."""

    option = Text(high=50, low=0, load_default="")
    options = Many(fields.Nested(OptionIn), high=OPTIONS_MAX, load_default=list)
    price_fen = Fen(low=1, high=PRICE_FEN_MAX, required=True)
    packing_fen = Fen(high=10_000, load_default=0)
    barcode = Pattern(r"[0-9]{8}([0-9]{5})?", high=13, load_default=None, allow_none=True)
    content = fields.Nested(ContentIn, load_default=None, allow_none=True)
    on_hand = Int(low=0, high=ON_HAND_MAX, load_default=None, allow_none=True)
    quantity_max = Quantity(load_default=99)
    per_person_max = Quantity(load_default=None, allow_none=True)
    per_person_days = Int(low=1, high=366, load_default=30)
    weight_g = Int(low=0, high=WEIGHT_G_MAX, load_default=0)
    is_cold = Flag(load_default=False)


class OfferIn(SkuIn):
    """An offer with its first SKU. ``category`` titles its group on the shelf; the platform's is ``category_code``."""

    kind = Choice(OfferKind, required=True)
    name = Text(high=100, required=True)
    category = Text(high=50, required=True)
    category_code = Text(high=100, load_default=None, allow_none=True)
    brand = Text(high=50, low=0, load_default="")
    description = Text(high=500, low=0, load_default="")
    attributes = fields.Dict(keys=fields.String(), load_default=None, allow_none=True)
    sale_hours = Hours(load_default=None, allow_none=True)
    preparation_minutes = Int(low=0, high=PREPARATION_MINUTES_MAX, load_default=0)
    is_age_restricted = Flag(load_default=False)
    is_return_excluded = Flag(load_default=False)


class OfferChangeIn(Body):
    """What changes of an offer; what is not named stays. Empty ``sale_hours``: as long as the shop is open."""

    state = Choice(ShelfState, load_default=None, allow_none=True)
    name = Text(high=100, load_default=None, allow_none=True)
    category = Text(high=50, load_default=None, allow_none=True)
    category_code = Text(high=100, load_default=None, allow_none=True)
    brand = Text(high=50, low=0, load_default=None, allow_none=True)
    description = Text(high=500, low=0, load_default=None, allow_none=True)
    attributes = fields.Dict(keys=fields.String(), load_default=None, allow_none=True)
    sale_hours = Hours(load_default=None, allow_none=True)
    preparation_minutes = Int(low=0, high=PREPARATION_MINUTES_MAX, load_default=None, allow_none=True)
    is_age_restricted = Flag(load_default=None, allow_none=True)
    is_return_excluded = Flag(load_default=None, allow_none=True)


class SkuChangeIn(Body):
    """What changes of a SKU; what is not named stays. ``per_person_max`` 0 takes the cap away."""

    option = Text(high=50, low=0, load_default=None, allow_none=True)
    options = Many(fields.Nested(OptionIn), high=OPTIONS_MAX, load_default=None, allow_none=True)
    price_fen = Fen(low=1, high=PRICE_FEN_MAX, load_default=None, allow_none=True)
    packing_fen = Fen(high=10_000, load_default=None, allow_none=True)
    barcode = Pattern(r"[0-9]{8}([0-9]{5})?", high=13, load_default=None, allow_none=True)
    content = fields.Nested(ContentIn, load_default=None, allow_none=True)
    on_hand = Int(low=0, high=ON_HAND_MAX, load_default=None, allow_none=True)
    is_unlimited = Flag(load_default=False)
    quantity_max = Quantity(load_default=None, allow_none=True)
    per_person_max = Int(low=0, high=999, load_default=None, allow_none=True)
    per_person_days = Int(low=1, high=366, load_default=None, allow_none=True)
    weight_g = Int(low=0, high=WEIGHT_G_MAX, load_default=None, allow_none=True)
    is_cold = Flag(load_default=None, allow_none=True)

    @validates_schema(skip_on_field_errors=True)
    def counts_or_not(self, data: dict[str, Any], **_kwargs: object) -> None:
        """Refuse a count of what is not counted any more."""
        if data["is_unlimited"] and data["on_hand"] is not None:
            message = "field_not_beside|other=is_unlimited"
            raise ValidationError(message, "on_hand")


class OfferChangedOut(Body):
    """What was changed; ``state`` is the offer's where it may have changed."""

    offer_id = Id(required=True)
    sku_id = Id(required=True, allow_none=True)
    state = Choice(OfferState, required=True, allow_none=True)


def _with_content(body: dict[str, Any]) -> dict[str, Any]:
    given = body["content"]
    content = None if given is None else Content(given["amount"], ContentUnit(given["unit"]), given["count"])
    return {**body, "content": content}


def add_shelf(door: Door) -> None:
    """Add the routes to ``door``."""

    @door.get("/shops/<uuid:shop_id>/offers", query=ShelfQuery, answer=OffersOut)
    @policy("offer.read", Relation.OWN_SHOP)
    def list_offers(actor: Actor, *, shop_id: UUID, query: dict[str, Any]) -> Response:
        """List one's shop's offers, paused ones too."""
        return shelf_page(FOR_MEMBER, shop_id, account_id=actor.account_id, roles=list(actor.roles), **query)

    @door.post("/shops/<uuid:shop_id>/offers", body=OfferIn, answer=OfferChangedOut, status=201, once=True)
    @policy("offer.write", Relation.OWN_SHOP)
    def create_offer(actor: Actor, *, claim: Claim, shop_id: UUID, body: dict[str, Any]) -> OfferChanged:
        """Put a new offer on the shelf."""
        return add_offer(actor, claim, shop_id=shop_id, **{**_with_content(body), "kind": OfferKind(body["kind"])})

    @door.put("/shops/<uuid:shop_id>/offers/<uuid:offer_id>", body=OfferChangeIn, answer=OfferChangedOut, once=True)
    @policy("offer.write", Relation.OWN_SHOP)
    def update_offer(
        actor: Actor, *, claim: Claim, shop_id: UUID, offer_id: UUID, body: dict[str, Any]
    ) -> OfferChanged:
        """Change what an offer says, pause it, put it back, or remove it."""
        state = None if body["state"] is None else OfferState(body["state"])
        return change_offer(actor, claim, shop_id=shop_id, offer_id=offer_id, **{**body, "state": state})

    @door.post(
        "/shops/<uuid:shop_id>/offers/<uuid:offer_id>/skus", body=SkuIn, answer=OfferChangedOut, status=201, once=True
    )
    @policy("offer.write", Relation.OWN_SHOP)
    def create_sku(actor: Actor, *, claim: Claim, shop_id: UUID, offer_id: UUID, body: dict[str, Any]) -> OfferChanged:
        """Add another size, flavor or portion to an offer."""
        return add_sku(actor, claim, shop_id=shop_id, offer_id=offer_id, **_with_content(body))

    @door.put("/shops/<uuid:shop_id>/skus/<uuid:sku_id>", body=SkuChangeIn, answer=OfferChangedOut, once=True)
    @policy("offer.write", Relation.OWN_SHOP)
    def update_sku(actor: Actor, *, claim: Claim, shop_id: UUID, sku_id: UUID, body: dict[str, Any]) -> OfferChanged:
        """Change a SKU: its price, the pieces counted on the shelf, what it holds, how many one person may buy."""
        return change_sku(actor, claim, shop_id=shop_id, sku_id=sku_id, **_with_content(body))

    @door.delete("/shops/<uuid:shop_id>/offers/<uuid:offer_id>/skus/<uuid:sku_id>", answer=OfferChangedOut, once=True)
    @policy("offer.write", Relation.OWN_SHOP)
    def delete_sku(actor: Actor, *, claim: Claim, shop_id: UUID, offer_id: UUID, sku_id: UUID) -> OfferChanged:
        """Take a SKU off an offer that has others."""
        return remove_sku(actor, claim, shop_id=shop_id, offer_id=offer_id, sku_id=sku_id)
