"""Pictures for a review: drawn anew, kept outside first, then named by a row of the order."""

from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import text

from app.core.catalog.pictures import draw
from app.core.catalog.ports import PictureStore
from app.core.orders.errors import OrderNotFound
from app.core.orders.states import OrderState
from app.core.reviews.errors import NotReviewable, TooManyReviewPictures
from app.core.reviews.rules import UPLOADS_MAX
from app.kernel.actor import Actor
from app.kernel.transaction import Claim, closing, opening, read, transaction
from app.kernel.wire import Row

_OWN = "SELECT o.order_id, o.state FROM orders AS o WHERE o.order_id = :order_id AND o.account_id = :account_id"
_READ, _LOCK = text(_OWN), opening(f"{_OWN} FOR UPDATE OF o")
_KEEP = closing(
    """
    added AS (
        INSERT INTO review_pictures (order_id, digest, uploaded_at)
        SELECT :order_id, :digest, business_now() FROM review_pictures
        WHERE order_id = :order_id AND digest <> :digest HAVING count(*) < :uploads_max
        ON CONFLICT (order_id, digest) DO UPDATE SET digest = excluded.digest RETURNING digest
    )""",
    answer="SELECT digest FROM added",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ReviewPictureKept:
    """A picture by its name."""

    order_id: UUID
    picture: str


def add_review_picture(
    actor: Actor, claim: Claim, store: PictureStore, *, order_id: UUID, file: bytes, media: str
) -> ReviewPictureKept:
    """Upload a picture that a review of this order may name; the same one twice is there once.

    :raises OrderNotFound: there is none of the actor's. :raises NotReviewable: it is not completed.
    :raises app.core.catalog.errors.PictureInvalid: the file is no picture.
    :raises TooManyReviewPictures: :data:`UPLOADS_MAX` are kept. :raises PicturesUnreachable: it cannot be kept.
    """
    asked: dict[str, object] = {"order_id": order_id, "account_id": actor.account_id}
    _refuse(read(_READ, asked).one_or_none())
    drawn = draw(file, media)
    store.put(f"{drawn.digest}.jpg", drawn.picture)
    store.put(f"{drawn.digest}-thumbnail.jpg", drawn.thumbnail)
    with transaction(claim) as tx:
        _refuse(tx.open_one(_LOCK, asked))
        kept = ReviewPictureKept(order_id=order_id, picture=drawn.digest)
        tx.keep(kept)
        named = {"order_id": order_id, "digest": drawn.digest, "uploads_max": UPLOADS_MAX}
        if tx.close(_KEEP, named).first() is None:
            raise TooManyReviewPictures(pictures_max=UPLOADS_MAX)
    return kept


def _refuse(row: Row | None) -> None:
    if row is None:
        raise OrderNotFound
    if row.state != OrderState.COMPLETED:
        raise NotReviewable(state=row.state)
