"""Photos of an order: drawn anew, encrypted, kept outside first, then named by a row; shown to its parties alone.

The name of the file is written down before it is kept: what dies in between, or was refused, is removed a day later.

Whoever uploads a photo sees it. Others see it once it was handed in: the resident all of the order, the shop what a
case shows and what was taken from its counter, the platform all.
"""

import contextlib
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import text

from app.core.catalog.pictures import draw
from app.core.catalog.ports import PictureStore, PicturesUnreachable
from app.core.delivery.errors import DeliveryNotFound
from app.core.orders.errors import OrderNotFound
from app.core.proof.errors import PhotoNotFound, PhotoUnknown, TooManyPhotos
from app.core.proof.rules import UNUSED_MAX, PhotoUse
from app.kernel.actor import Actor
from app.kernel.errors import LinliError, NotFound
from app.kernel.ids import new_id
from app.kernel.sealing import open_file, seal_file
from app.kernel.transaction import (
    Claim,
    Opening,
    Replayed,
    Transaction,
    closing,
    opening,
    read,
    transaction,
    write_alone,
)
from app.kernel.wire import Row

KEY_CONTEXT = "proof_photos.key"

_ORDER = "SELECT o.order_id FROM orders AS o WHERE o.order_id = :order_id AND o.account_id = :account_id"
_DELIVERY = """
    SELECT o.order_id FROM deliveries AS d JOIN trips AS t ON t.trip_id = d.trip_id
    JOIN orders AS o ON o.order_id = d.order_id
    WHERE d.delivery_id = :delivery_id AND t.courier_id = :account_id
"""
_READ_ORDER, _LOCK_ORDER = text(_ORDER), opening(f"{_ORDER} FOR UPDATE OF o")
_READ_DELIVERY, _LOCK_DELIVERY = text(_DELIVERY), opening(f"{_DELIVERY} FOR UPDATE OF o")
_SEND = text("INSERT INTO photo_files (file, sent_at) VALUES (:file, clock_timestamp())")
_UNNAMED = text(
    """
    SELECT file FROM photo_files WHERE sent_at < clock_timestamp() - interval '1 day' ORDER BY sent_at LIMIT :limit
    """
)
_REMOVED = text("DELETE FROM photo_files WHERE file = ANY (CAST(:files AS text[]))")
_KEEP = closing(
    """
    added AS (
        INSERT INTO proof_photos (photo_id, order_id, account_id, digest, file, key_sealed, taken_at)
        SELECT :photo_id, :order_id, :account_id, :digest, :file, :key_sealed, business_now() FROM proof_photos
        WHERE order_id = :order_id AND account_id = :account_id AND use IS NULL HAVING count(*) < :unused_max
        ON CONFLICT (order_id, account_id, digest) WHERE key_sealed IS NOT NULL DO NOTHING RETURNING photo_id
    ),
    named AS (DELETE FROM photo_files WHERE file = :file AND EXISTS (SELECT 1 FROM added))""",
    answer="SELECT photo_id FROM added",
)
_SAME = text(
    """
    SELECT photo_id FROM proof_photos WHERE order_id = :order_id AND account_id = :account_id AND digest = :digest
      AND key_sealed IS NOT NULL
    """
)
_HAND_IN = text(
    """
    UPDATE proof_photos SET use = :use
    WHERE photo_id = ANY (CAST(:photo_ids AS uuid[])) AND order_id = :order_id AND account_id = :account_id
      AND use IS NULL AND key_sealed IS NOT NULL
    RETURNING photo_id
    """
)
_SEEN = "SELECT f.file, f.key_sealed, o.account_id FROM proof_photos AS f JOIN orders AS o ON o.order_id = f.order_id"
_THIS = "f.photo_id = :photo_id AND f.key_sealed IS NOT NULL"
_BY_RESIDENT = text(
    f"{_SEEN} WHERE {_THIS} AND o.account_id = :account_id AND (f.account_id = o.account_id OR f.use IS NOT NULL)"
)
_BY_SHOP = text(
    f"""
    {_SEEN} JOIN memberships AS m ON m.organization_id = o.merchant_id AND m.organization_kind = 'merchant'
        AND m.account_id = :account_id AND m.role = ANY (CAST(:roles AS text[]))
    WHERE {_THIS} AND f.use IN ('case', 'pick_up')
    """
)
_BY_COURIER = text(f"{_SEEN} WHERE {_THIS} AND f.account_id = :account_id AND o.account_id <> f.account_id")
BY_PLATFORM = text(f"{_SEEN} WHERE {_THIS} AND f.use IS NOT NULL")
_ERASED = text("SELECT photo_id, file FROM proof_photos WHERE key_sealed IS NULL ORDER BY photo_id LIMIT :limit")
_GONE = text("DELETE FROM proof_photos WHERE photo_id = ANY (CAST(:photo_ids AS uuid[])) AND key_sealed IS NULL")


@dataclass(frozen=True, slots=True, kw_only=True)
class PhotoKept:
    """A photo by its id."""

    photo_id: UUID
    order_id: UUID


def add_order_photo(
    actor: Actor, claim: Claim, store: PictureStore, *, order_id: UUID, file: bytes, media: str
) -> PhotoKept:
    """Upload a photo of one's order, to be named by a case; the same one twice is there once.

    :raises OrderNotFound: there is none of the actor's.
    :raises app.core.catalog.errors.PictureInvalid: the file is no picture.
    :raises TooManyPhotos: :data:`UNUSED_MAX` wait already. :raises PicturesUnreachable: it cannot be kept.
    """
    asked: dict[str, object] = {"order_id": order_id, "account_id": actor.account_id}
    if read(_READ_ORDER, asked).first() is None:
        raise OrderNotFound
    return _add(actor, claim, store, (_LOCK_ORDER, asked, OrderNotFound), file, media)


def add_delivery_photo(
    actor: Actor, claim: Claim, store: PictureStore, *, delivery_id: UUID, file: bytes, media: str
) -> PhotoKept:
    """Upload a photo of a delivery of one's trip, to be named at the counter or at the door.

    :raises DeliveryNotFound: there is none of the actor's. The rest is as with :func:`add_order_photo`.
    """
    asked: dict[str, object] = {"delivery_id": delivery_id, "account_id": actor.account_id}
    if read(_READ_DELIVERY, asked).first() is None:
        raise DeliveryNotFound
    return _add(actor, claim, store, (_LOCK_DELIVERY, asked, DeliveryNotFound), file, media)


def _add(  # noqa: PLR0917 - called twice, above
    actor: Actor,
    claim: Claim,
    store: PictureStore,
    locked: tuple[Opening, dict[str, object], type[NotFound]],
    file: bytes,
    media: str,
) -> PhotoKept:
    drawn = draw(file, media)
    name = secrets.token_hex(16)
    key_sealed, content = seal_file(drawn.picture, context=KEY_CONTEXT)
    write_alone(_SEND, {"file": name})
    store.put(name, content)
    try:
        kept, is_named = _name(actor, claim, locked, name=name, digest=drawn.digest, key_sealed=key_sealed)
    except (LinliError, Replayed):
        _remove(store, name)
        raise
    if not is_named:
        _remove(store, name)
    return kept


def _remove(store: PictureStore, name: str) -> None:
    """Remove a file that no photo names; what is interrupted is done by :func:`remove_unnamed`."""
    with contextlib.suppress(PicturesUnreachable):
        store.remove(name)
        write_alone(_REMOVED, {"files": [name]})


def _name(
    actor: Actor,
    claim: Claim,
    locked: tuple[Opening, dict[str, object], type[NotFound]],
    *,
    name: str,
    digest: str,
    key_sealed: str,
) -> tuple[PhotoKept, bool]:
    """Write the row that names a file; return the photo, and whether it is a new one."""
    statement, asked, absent = locked
    with transaction(claim) as tx:
        row = tx.open_one(statement, asked)
        if row is None:
            raise absent
        same = {"order_id": row.order_id, "account_id": actor.account_id, "digest": digest}
        before = tx.execute(_SAME, same).one_or_none()
        kept = PhotoKept(photo_id=new_id() if before is None else before.photo_id, order_id=row.order_id)
        tx.keep(kept)
        params = {**same, "photo_id": kept.photo_id, "file": name, "key_sealed": key_sealed, "unused_max": UNUSED_MAX}
        if tx.close(_KEEP, params).first() is None and before is None:
            raise TooManyPhotos(photos_max=UNUSED_MAX)
    return kept, before is None


def hand_in(
    tx: Transaction,
    actor: Actor,
    *,
    order_id: UUID,
    photo_ids: Sequence[UUID],
    use: PhotoUse,
    pointer: str,
) -> None:
    """Let photos that the actor uploaded for a locked order serve, once; nothing is asked where there are none.

    :param pointer: where they are named.
    :raises PhotoUnknown: one of them is another's, of another order, has served, was erased, or is named twice.
    """
    if not photo_ids:
        return
    served = tx.execute(
        _HAND_IN,
        {
            "photo_ids": list(photo_ids),
            "order_id": order_id,
            "account_id": actor.account_id,
            "use": use.value,
        },
    ).fetchall()
    if len(served) != len(photo_ids):
        raise PhotoUnknown(pointer=pointer)


def show_to_resident(actor: Actor, store: PictureStore, *, photo_id: UUID) -> bytes:
    """Return a photo of an order of one's own, JPEG. :raises PhotoNotFound: there is none to see."""
    row = read(_BY_RESIDENT, {"photo_id": photo_id, "account_id": actor.account_id}).one_or_none()
    return opened(store, row)


def show_to_shop(actor: Actor, store: PictureStore, *, photo_id: UUID) -> bytes:
    """Return a photo of a case of one's shop, or of what left its counter. :raises PhotoNotFound: none to see."""
    return opened(store, read(_BY_SHOP, {"photo_id": photo_id, **actor.as_member}).one_or_none())


def show_to_courier(actor: Actor, store: PictureStore, *, photo_id: UUID) -> bytes:
    """Return a photo that one took as a courier. :raises PhotoNotFound: there is none."""
    row = read(_BY_COURIER, {"photo_id": photo_id, "account_id": actor.account_id}).one_or_none()
    return opened(store, row)


def opened(store: PictureStore, row: Row | None) -> bytes:
    """Return the photo of a row with ``file`` and ``key_sealed``.

    :raises PhotoNotFound: there is no row, or its file is gone. :raises PicturesUnreachable: nobody knows.
    """
    content = None if row is None else store.get(row.file)
    if row is None or content is None:
        raise PhotoNotFound
    return open_file(row.key_sealed, content, context=KEY_CONTEXT)


def remove_erased(store: PictureStore, *, limit: int = 100) -> int:
    """Remove the files of erased photos, then their rows; return how many. What is interrupted is done again."""
    rows = read(_ERASED, {"limit": limit}).fetchall()
    for row in rows:
        store.remove(row.file)
    if rows:
        with transaction() as tx:
            tx.execute(_GONE, {"photo_ids": [row.photo_id for row in rows]})
    return len(rows)


def remove_unnamed(store: PictureStore, *, limit: int = 100) -> int:
    """Remove files that no photo came to name within a day; return how many. What is interrupted is done again."""
    files = [row.file for row in read(_UNNAMED, {"limit": limit})]
    for file in files:
        store.remove(file)
    if files:
        write_alone(_REMOVED, {"files": files})
    return len(files)
