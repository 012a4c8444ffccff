"""What the catalog wants from outside: a place where pictures are kept."""

from typing import Protocol

from app.kernel.errors import Unavailable


class PicturesUnreachable(Unavailable):
    """The place where pictures are kept does not answer; ask again later."""

    code = "pictures_unreachable"
    title = "Pictures cannot be kept now"


class PictureStore(Protocol):
    """Keeps files under names of letters, digits, hyphen and dot. One name has one content, ever."""

    def put(self, name: str, content: bytes) -> None:
        """Keep a file. :raises PicturesUnreachable: it may not have been kept."""

    def get(self, name: str) -> bytes | None:
        """Return a file, or None when there is none. :raises PicturesUnreachable: nobody knows."""

    def remove(self, name: str) -> None:
        """Remove a file; one that is not there is removed. :raises PicturesUnreachable: it may still be there."""
