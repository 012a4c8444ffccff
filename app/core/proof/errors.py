"""What can be wrong with a photo."""

from app.kernel.errors import Conflict, Invalid, NotFound


class PhotoNotFound(NotFound):
    """No such photo, none that you may see, or one that was erased."""

    code = "photo_not_found"
    title = "Photo not found"


class PhotoUnknown(Invalid):
    """Not a photo that you uploaded for this order, or it has served already."""

    code = "photo_unknown"
    title = "No such photo"


class TooManyPhotos(Conflict):
    """As many photos of the order wait to be handed in as may; parameter ``photos_max``."""

    code = "too_many_photos"
    title = "Too many photos"
