"""What can be wrong with a store's shelf."""

from app.kernel.errors import Conflict, Invalid, NotFound


class ParcelNotFound(NotFound):
    """No such parcel at a store of the asker's."""

    code = "parcel_not_found"
    title = "Parcel not found"


class ParcelShelved(Conflict):
    """The order or case has a parcel on a shelf already."""

    code = "parcel_shelved"
    title = "It stands on the shelf already"


class SlotTaken(Conflict):
    """Another parcel stands in this slot."""

    code = "shelf_slot_taken"
    title = "The slot is taken"


class NotForShelf(Conflict):
    """The order is not ready to be collected at the store, or the case is none whose goods come back."""

    code = "not_for_shelf"
    title = "It does not belong on the shelf"


class ReturnNotFound(NotFound):
    """No such after-sale case of an order of the store's catchment."""

    code = "return_not_found"
    title = "Return not found"


class ClosureInvalid(Invalid):
    """A closure ends after it begins, began at most a day ago, is not past, and lasts at most ``days_max`` days."""

    code = "closure_invalid"
    title = "The closure is not possible"
