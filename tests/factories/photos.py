"""Photos that somebody uploaded for an order."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

from flask import current_app
from PIL import Image

from app.kernel.ids import new_id
from app.kernel.sealing import seal_file
from app.usecases.proving.photos import KEY_CONTEXT
from tests.factories.rows import change

if TYPE_CHECKING:
    from uuid import UUID

    from app.core.proof.rules import PhotoUse
    from tests.factories.people import Person


def a_photo(by: Person, order_id: UUID, *, use: PhotoUse | None = None, is_kept: bool = False) -> UUID:
    """Return a photo of ``order_id`` that waits to be handed in, or has served. Without ``is_kept`` it has no file."""
    photo_id = new_id()
    key_sealed, content = seal_file(b"photo", context=KEY_CONTEXT)
    if is_kept:
        current_app.extensions["linli_pictures"].put(photo_id.hex, content)
    change(
        """
        INSERT INTO proof_photos (photo_id, order_id, account_id, digest, file, key_sealed, use, taken_at)
        VALUES (:photo_id, :order_id, :account_id, :file, :file, :key_sealed, CAST(:use AS text),
            business_now())
        """,
        photo_id=photo_id,
        order_id=order_id,
        account_id=by.account_id,
        file=photo_id.hex,
        key_sealed=key_sealed,
        use=use,
    )
    return photo_id


def a_picture(color: str = "red", *, size: tuple[int, int] = (96, 96)) -> bytes:
    """Return a file of one color, with a camera and a place written into it."""
    exif = Image.Exif()
    exif[0x010F] = "SECRET-CAMERA"
    exif[0x8825] = {1: "N", 2: (39.0, 54.0, 0.0)}
    out = io.BytesIO()
    Image.new("RGB", size, color).save(out, "JPEG", exif=exif)
    return out.getvalue()
