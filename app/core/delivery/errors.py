"""What can be wrong with shifts, trips and deliveries."""

from app.kernel.errors import Conflict, Forbidden, NotFound


class TripNotFound(NotFound):
    """No such trip, or not one that you may see."""

    code = "trip_not_found"
    title = "Trip not found"


class DeliveryNotFound(NotFound):
    """No such delivery, or not one of yours."""

    code = "delivery_not_found"
    title = "Delivery not found"


class StopNotFound(NotFound):
    """No such stop on a trip of yours."""

    code = "stop_not_found"
    title = "Stop not found"


class TripTaken(Conflict):
    """Another courier was faster, or the trip was called off."""

    code = "trip_taken"
    title = "The trip is taken"


class OwnOrder(Conflict):
    """Nobody is paid for carrying what they ordered themselves."""

    code = "own_order"
    title = "This is your own order"


class NotOnShift(Conflict):
    """Work is given to couriers on shift."""

    code = "not_on_shift"
    title = "You are not on shift"


class TooManyTrips(Conflict):
    """A courier carries a few trips at a time; parameter ``trips_max``."""

    code = "too_many_trips"
    title = "You carry enough trips already"


class ShiftBusy(Conflict):
    """A shift ends when its trips are done; parameter ``active_trips``."""

    code = "shift_busy"
    title = "Finish your trips first"


class CourierSuspended(Forbidden):
    """The courier may not work at present."""

    code = "courier_suspended"
    title = "You may not deliver at present"


class NotReady(Conflict):
    """The shop has not said that the order is ready."""

    code = "not_ready"
    title = "The order is not ready yet"


class ReattemptsUsed(Conflict):
    """A delivery is tried again at most twice; parameter ``reattempts_max``."""

    code = "reattempts_used"
    title = "It was tried often enough"


class CannotReturn(Conflict):
    """Food is not carried back to the shop; it is disposed of."""

    code = "cannot_return"
    title = "Perishable goods are not returned"


class CannotDispose(Conflict):
    """Goods that keep are carried back to the shop."""

    code = "cannot_dispose"
    title = "These goods go back to the shop"
