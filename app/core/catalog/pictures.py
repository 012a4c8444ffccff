"""Pictures of offers: the bytes decide what they are, and none of the sender's bytes is kept. Pure."""

import hashlib
import io
from dataclasses import dataclass
from typing import Any

from app.core.catalog.errors import PictureInvalid

PICTURE_BYTES_MAX = 10 * 1024 * 1024
PIXELS_MAX = 20_000_000
SIDE_PX_MIN = 64
EDGE_PX_MAX = 1_600
THUMBNAIL_PX = 320
PICTURES_MAX = 9
"""Pictures of one offer."""
_MEDIA = {"image/jpeg": "JPEG", "image/png": "PNG", "image/webp": "WEBP"}
_UNNAMED = frozenset({"", "application/octet-stream"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Drawn:
    """A picture drawn anew as JPEG, at most :data:`EDGE_PX_MAX` long, and its thumbnail.

    :param digest: SHA-256 of the picture, hexadecimal: its name.
    """

    digest: str
    picture: bytes
    thumbnail: bytes
    width: int
    height: int


def draw(raw: bytes, media: str) -> Drawn:
    """Draw an uploaded picture anew: turned as its camera says, without metadata or a second format inside.

    :param media: what the sender says that it is; a type that the bytes do not have is refused.
    :raises PictureInvalid: ``reason``: ``type`` (neither JPEG, PNG nor WebP, or not what was said), ``size`` (over 20
        megapixels or under 64 pixels), ``broken``.
    """
    from PIL import Image, ImageOps, UnidentifiedImageError  # noqa: PLC0415 - costs 30 ms

    if media not in _MEDIA and media not in _UNNAMED:
        raise PictureInvalid(reason="type")
    Image.MAX_IMAGE_PIXELS = None  # the size is judged here, before a pixel is unpacked
    try:
        image = Image.open(io.BytesIO(raw), formats=list(_MEDIA.values()))
        kind, size = image.format, image.size
        is_sized = size[0] * size[1] <= PIXELS_MAX and min(size) >= SIDE_PX_MIN
        is_true = media in _UNNAMED or _MEDIA[media] == kind
        drawn = _flat(ImageOps.exif_transpose(image)) if is_sized and is_true else None
    except UnidentifiedImageError:
        raise PictureInvalid(reason="type") from None
    except Exception:  # noqa: BLE001 - whatever a decoder raises about bytes from outside is the bytes' fault
        raise PictureInvalid(reason="broken") from None
    if drawn is None:
        raise PictureInvalid(reason="size" if is_true else "type")
    drawn.thumbnail((EDGE_PX_MAX, EDGE_PX_MAX))
    picture, (width, height) = _as_jpeg(drawn), drawn.size
    drawn.thumbnail((THUMBNAIL_PX, THUMBNAIL_PX))
    digest = hashlib.sha256(picture).hexdigest()
    return Drawn(digest=digest, picture=picture, thumbnail=_as_jpeg(drawn), width=width, height=height)


def _flat(image: Any) -> Any:
    """Return an image without transparency, on white."""
    from PIL import Image  # noqa: PLC0415 - as above

    if image.mode in {"RGBA", "LA", "PA"} or "transparency" in image.info:
        seen = image.convert("RGBA")
        paper = Image.new("RGB", seen.size, "white")
        paper.paste(seen, mask=seen.getchannel("A"))
        return paper
    return image.convert("RGB")


def _as_jpeg(image: Any) -> bytes:
    out = io.BytesIO()
    image.save(out, "JPEG", quality=85)
    return out.getvalue()
