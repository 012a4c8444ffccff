"""What can be wrong with a shared cart."""

from app.kernel.errors import Conflict, NotFound


class SharedCartNotFound(NotFound):
    """No such shared cart, one that is not yours, or a link that does not open it; all look the same."""

    code = "shared_cart_not_found"
    title = "Shared cart not found"


class SharedCartOpen(Conflict):
    """One resident has one shared cart at a time; parameter ``shared_cart_id`` is the one that lives."""

    code = "shared_cart_open"
    title = "A shared cart is open"


class SharedCartLocked(Conflict):
    """Its owner locked it, or it is over; parameter ``state``."""

    code = "shared_cart_locked"
    title = "The shared cart takes nothing now"


class SharedCartFull(Conflict):
    """It has as many members or lines as it may have; parameters ``members_max``, ``lines_max``."""

    code = "shared_cart_full"
    title = "The shared cart is full"


class OwnSharedCart(Conflict):
    """Who opened a shared cart does not leave it, but closes it."""

    code = "own_shared_cart"
    title = "One does not leave one's own shared cart"
