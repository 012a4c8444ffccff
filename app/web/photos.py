"""Photos that prove something, as four doors take and show them."""

from flask import Response

from app.web.fields import Body, Id


class PhotoKeptOut(Body):
    """A photo by its id; ``GET /photos/{photo_id}`` of the same door shows it to whom it concerns."""

    photo_id = Id(required=True)
    order_id = Id(required=True)


def shown_photo(content: bytes) -> Response:
    """Return a photo as an answer that no cache keeps."""
    return Response(content, mimetype="image/jpeg", headers={"Cache-Control": "private, no-store"})
