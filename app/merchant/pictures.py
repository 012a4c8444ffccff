"""Routes of pictures of offers."""

from typing import Any
from uuid import UUID

from flask import current_app, request

from app.core.catalog.pictures import PICTURE_BYTES_MAX
from app.kernel.actor import Actor
from app.kernel.transaction import Claim
from app.usecases.shopkeeping.pictures import PictureKept, add_picture, remove_picture
from app.web.door import Door
from app.web.fields import Body, Id, Pattern
from app.web.policy import Relation, policy

DIGEST = r"[0-9a-f]{64}"


class PictureIn(Body):
    """Which picture."""

    picture = Pattern(DIGEST, high=64, required=True)


class PictureKeptOut(Body):
    """A picture; it is shown at ``/pictures/{picture}.jpg``, small at ``/pictures/{picture}-thumbnail.jpg``."""

    offer_id = Id(required=True)
    picture = Pattern(DIGEST, high=64, required=True)


def add_pictures(door: Door) -> None:
    """Add the routes to ``door``."""

    @door.post(
        "/shops/<uuid:shop_id>/offers/<uuid:offer_id>/pictures",
        answer=PictureKeptOut,
        status=201,
        once=True,
        upload=PICTURE_BYTES_MAX,
    )
    @policy("offer.write", Relation.OWN_SHOP)
    def upload_picture(actor: Actor, *, claim: Claim, shop_id: UUID, offer_id: UUID, file: bytes) -> PictureKept:
        """Add a picture (JPEG, PNG or WebP) to an offer; it is drawn anew, without what its camera wrote into it."""
        store, media = current_app.extensions["linli_pictures"], request.mimetype
        return add_picture(actor, claim, store, shop_id=shop_id, offer_id=offer_id, file=file, media=media)

    @door.post(
        "/shops/<uuid:shop_id>/offers/<uuid:offer_id>/picture-removal", body=PictureIn, answer=PictureKeptOut, once=True
    )
    @policy("offer.write", Relation.OWN_SHOP)
    def take_picture_off(
        actor: Actor, *, claim: Claim, shop_id: UUID, offer_id: UUID, body: dict[str, Any]
    ) -> PictureKept:
        """Take a picture off an offer."""
        return remove_picture(actor, claim, shop_id=shop_id, offer_id=offer_id, picture=body["picture"])
