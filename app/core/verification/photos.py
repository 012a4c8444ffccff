"""Photos of ID cards: the bytes decide what they are, and none of the sender's bytes is kept."""

import base64
import binascii
import io

from app.core.verification.errors import PhotoInvalid

PHOTO_BYTES_MAX = 180 * 1024
PIXELS_MAX = 12_000_000
SIDE_PX_MIN = 64
_EDGE_PX_MAX = 1600


def clean_photo(encoded: str) -> bytes:
    """Decode a base64 photo and draw it anew as JPEG: no metadata, no second format inside.

    :raises PhotoInvalid: not base64, over 180 KiB, over 12 megapixels, neither JPEG nor PNG, or broken.
    """
    from PIL import Image  # noqa: PLC0415 - costs 30 ms and is needed at one counter

    try:
        raw = base64.b64decode(encoded, validate=True)
    except (binascii.Error, ValueError):
        raise PhotoInvalid(pointer="/photo") from None
    if len(raw) > PHOTO_BYTES_MAX:
        raise PhotoInvalid(pointer="/photo")
    Image.MAX_IMAGE_PIXELS = None  # the size is judged here, before a pixel is unpacked
    try:
        image = Image.open(io.BytesIO(raw), formats=["JPEG", "PNG"])
        is_usable = image.width * image.height <= PIXELS_MAX and min(image.size) >= SIDE_PX_MIN
        drawn = image.convert("RGB") if is_usable else None
    except Exception:  # noqa: BLE001 - whatever a decoder raises about bytes from outside is the bytes' fault
        raise PhotoInvalid(pointer="/photo") from None
    if drawn is None:
        raise PhotoInvalid(pointer="/photo")
    drawn.thumbnail((_EDGE_PX_MAX, _EDGE_PX_MAX))
    out = io.BytesIO()
    drawn.save(out, "JPEG", quality=85)
    return out.getvalue()
