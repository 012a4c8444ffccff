"""Pictures of an offer: drawn anew, kept outside first, then named by a row."""

from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import text

from app.core.catalog.errors import OfferNotFound, PictureNotFound, TooManyPictures
from app.core.catalog.pictures import PICTURES_MAX, draw
from app.core.catalog.ports import PictureStore
from app.kernel.actor import Actor
from app.kernel.transaction import Claim, closing, read, transaction
from app.usecases.shopkeeping.shelf import MEMBER, lock
from app.usecases.shopkeeping.skus import LOCK_OFFER

_IS_OWN = text(
    f"""
    SELECT 1 FROM offers AS f JOIN shops AS s ON s.shop_id = f.shop_id
    {MEMBER} AND f.offer_id = :offer_id AND f.shop_id = :shop_id AND f.state <> 'removed'
    """
)
_ADD = closing(
    """
    added AS (
        INSERT INTO offer_pictures (offer_id, digest, position, width, height, uploaded_at)
        SELECT :offer_id, :digest, coalesce(max(position), 0) + 1, :width, :height, business_now()
        FROM offer_pictures WHERE offer_id = :offer_id HAVING count(*) < :pictures_max
        ON CONFLICT (offer_id, digest) DO UPDATE SET digest = excluded.digest RETURNING digest
    )""",
    answer="SELECT digest FROM added",
)
_REMOVE = closing(
    "removed AS (DELETE FROM offer_pictures WHERE offer_id = :offer_id AND digest = :digest RETURNING digest)",
    answer="SELECT digest FROM removed",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class PictureKept:
    """A picture by its name."""

    offer_id: UUID
    picture: str


def add_picture(
    actor: Actor, claim: Claim, store: PictureStore, *, shop_id: UUID, offer_id: UUID, file: bytes, media: str
) -> PictureKept:
    """Add a picture to an offer; the same one twice is there once.

    It is kept before the row names it: a row never names what is not there. What was kept in vain is harmless.

    :raises OfferNotFound: there is none of the actor's. :raises PictureInvalid: the file is no picture.
    :raises TooManyPictures: the offer has :data:`PICTURES_MAX`. :raises PicturesUnreachable: it cannot be kept.
    """
    params: dict[str, object] = {"shop_id": shop_id, "offer_id": offer_id, **actor.as_member}
    if read(_IS_OWN, params).first() is None:
        raise OfferNotFound
    drawn = draw(file, media)
    store.put(f"{drawn.digest}.jpg", drawn.picture)
    store.put(f"{drawn.digest}-thumbnail.jpg", drawn.thumbnail)
    with transaction(claim) as tx:
        lock(tx, LOCK_OFFER, params, OfferNotFound)
        kept = PictureKept(offer_id=offer_id, picture=drawn.digest)
        tx.keep(kept)
        size = {"width": drawn.width, "height": drawn.height, "pictures_max": PICTURES_MAX}
        if tx.close(_ADD, {"offer_id": offer_id, "digest": drawn.digest, **size}).first() is None:
            raise TooManyPictures(pictures_max=PICTURES_MAX)
    return kept


def remove_picture(actor: Actor, claim: Claim, *, shop_id: UUID, offer_id: UUID, picture: str) -> PictureKept:
    """Take a picture off an offer; the file stays, since others may show the same.

    :raises OfferNotFound, PictureNotFound: there is none of the actor's.
    """
    with transaction(claim) as tx:
        params: dict[str, object] = {"shop_id": shop_id, "offer_id": offer_id, **actor.as_member}
        lock(tx, LOCK_OFFER, params, OfferNotFound)
        kept = PictureKept(offer_id=offer_id, picture=picture)
        tx.keep(kept)
        if tx.close(_REMOVE, {"offer_id": offer_id, "digest": picture}).first() is None:
            raise PictureNotFound
    return kept
