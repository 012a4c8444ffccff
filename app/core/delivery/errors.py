"""What can be wrong with shifts, trips and deliveries."""

from app.kernel.errors import Conflict, Forbidden, Invalid, NotFound, Throttled


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


class TripOutOfReach(Conflict):
    """The hall gives a trip to who is near the shop, and to more with each minute.

    Parameters ``distance_m`` and ``distance_m_max``, how far one may be now.
    """

    code = "trip_out_of_reach"
    title = "The trip is out of your reach"


class TripElsewhere(Conflict):
    """The hall gives a trip to couriers of its community, after parameter ``minutes`` to all of the zone."""

    code = "trip_elsewhere"
    title = "The trip is for couriers of its community"


class TripGivenUp(Conflict):
    """Whoever gave a trip back, or lost it, leaves it to others for some minutes; parameter ``minutes``."""

    code = "trip_given_up"
    title = "You have just given this trip up"


class TooManyGrabs(Conflict):
    """Out of the hall one has few trips in hand at a time; parameter ``grabs_max``."""

    code = "too_many_grabs"
    title = "You have enough trips out of the hall"


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


class TooManyOrders(Conflict):
    """A courier carries a few orders at a time, in however many trips; parameter ``orders_max``."""

    code = "too_many_orders"
    title = "You carry enough orders already"


class HelpCalled(Conflict):
    """Who has called for help gets no more work until the call is closed."""

    code = "help_called"
    title = "You have called for help"


class ShiftBusy(Conflict):
    """A shift ends when its trips are done; parameter ``active_trips``."""

    code = "shift_busy"
    title = "Finish your trips first"


class CourierSuspended(Forbidden):
    """The courier may not work at present."""

    code = "courier_suspended"
    title = "You may not deliver at present"


class NotNear(Conflict):
    """Without a code one hands over where one stands; parameters ``distance_m``, ``distance_m_max``."""

    code = "not_near"
    title = "You are too far from there"


class ItemsDiffer(Conflict):
    """The shop checks before anything leaves the counter; parameters ``item_count``, ``counted``."""

    code = "items_differ"
    title = "The number of pieces is not the order's"


class TooHeavy(Conflict):
    """The vehicle does not carry more; parameters ``weight_g``, ``weight_g_max``."""

    code = "too_heavy"
    title = "It is too heavy with what you carry"


class ColdBoxNeeded(Conflict):
    """What has to stay cold travels in a cold box (冷链)."""

    code = "cold_box_needed"
    title = "This trip needs a cold box"


class NotReady(Conflict):
    """The shop has not said that the order is ready."""

    code = "not_ready"
    title = "The order is not ready yet"


class ReattemptsUsed(Conflict):
    """A delivery is tried again at most twice; parameter ``reattempts_max``."""

    code = "reattempts_used"
    title = "It was tried often enough"


class CodeNeeded(Invalid):
    """A new piece is given for the old one into the resident's hands: their code says so."""

    code = "code_needed"
    title = "The resident's code is needed"


class CannotReturn(Conflict):
    """Food is not carried back to the shop; it is disposed of."""

    code = "cannot_return"
    title = "Perishable goods are not returned"


class CannotDispose(Conflict):
    """Goods that keep are carried back to the shop."""

    code = "cannot_dispose"
    title = "These goods go back to the shop"


class PositionInFuture(Conflict):
    """A place is where one was, not where one will be; parameter ``ahead_s_max``."""

    code = "position_in_future"
    title = "The position lies in the future"


class PositionTooOld(Conflict):
    """The position is older than what is known, or than ``age_s_max`` seconds."""

    code = "position_too_old"
    title = "The position is too old"


class PositionTooFar(Conflict):
    """Nobody moves ``distance_m`` meters in ``elapsed_s`` seconds."""

    code = "position_too_far"
    title = "The position is too far from the last one"


class TooFarFromHome(Conflict):
    """A shift begins near one's community; parameters ``distance_m``, ``distance_m_max``."""

    code = "too_far_from_home"
    title = "Too far from your community"


class PositionTooOften(Throttled):
    """One position a second is enough; parameter ``retry_after_s``."""

    code = "position_too_often"
    title = "Positions come too often"


class OtherPhone(Conflict):
    """The shift belongs to the phone that went on shift last."""

    code = "other_phone"
    title = "You are on shift with another phone"


class TripOfferNotFound(NotFound):
    """No such offer of a trip, or not one to you."""

    code = "trip_offer_not_found"
    title = "Offer not found"


class TripOfferOver(Conflict):
    """The offer was answered, ran out, or its trip was called off; parameter ``state``."""

    code = "trip_offer_over"
    title = "The offer is over"


class NotInLocker(Conflict):
    """The order does not lie in the store's locker."""

    code = "not_in_locker"
    title = "The order is not in the locker"


class CannotSplit(Conflict):
    """What is to be taken out is not all of the trip's own, or would leave nothing."""

    code = "cannot_split"
    title = "The trip cannot be split so"


class HallClosed(Conflict):
    """In this community trips are offered one by one (派单); there is no hall."""

    code = "hall_closed"
    title = "Trips are not claimed from the hall here"


class WeatherTooLong(Conflict):
    """The weather switch is set for a day at most; parameter ``hours_max``."""

    code = "weather_too_long"
    title = "The weather is not known that far ahead"


class OnBreak(Conflict):
    """Who rests gets no new trip."""

    code = "on_break"
    title = "You are on a break"


class ShiftOver(Conflict):
    """The shift takes no new trip any more: its time has come."""

    code = "shift_over"
    title = "Your shift is over"


class TooTired(Conflict):
    """The hours of work are used up; parameters ``hours_in_a_row_max``, ``hours_a_day_max``."""

    code = "too_tired"
    title = "You have worked long enough"


class SlotNotFound(NotFound):
    """No such planned shift, or not one of your community, or not yours."""

    code = "slot_not_found"
    title = "Planned shift not found"


class SlotTaken(Conflict):
    """The planned shift is another's, or past; parameter ``state``."""

    code = "slot_taken"
    title = "The planned shift is taken"


class SlotOverlaps(Conflict):
    """Nobody works twice at a time."""

    code = "slot_overlaps"
    title = "You have another planned shift then"


class SlotTooLate(Conflict):
    """It begins soon; parameter ``hours``."""

    code = "slot_too_late"
    title = "It is too late to drop the planned shift"


class SlotWrong(Conflict):
    """Parameters ``minutes_min``, ``minutes_max``, ``days_max``."""

    code = "slot_wrong"
    title = "Nobody could plan with this shift"


class NotDelivered(Conflict):
    """No courier has brought the order."""

    code = "not_delivered"
    title = "No courier has brought it yet"


class TipTooLate(Conflict):
    """It was brought long ago; parameter ``days``."""

    code = "tip_too_late"
    title = "The order was brought too long ago"


class TipGiven(Conflict):
    """One order, one tip."""

    code = "tip_given"
    title = "You gave a tip for this order"


class RatingGiven(Conflict):
    """One order, one rating."""

    code = "rating_given"
    title = "You rated this order"


class RatingNotFound(NotFound):
    """No such rating, or not one of you."""

    code = "rating_not_found"
    title = "Rating not found"


class IncidentNotFound(NotFound):
    """No such case."""

    code = "incident_not_found"
    title = "Case not found"


class TooManyIncidents(Throttled):
    """Ordinary reports of a day are used up; parameter ``incidents_max``. A call for help is never refused."""

    code = "too_many_incidents"
    title = "Too many reports today"


class QuizVersionOld(Conflict):
    """The questions have changed; parameter ``version``."""

    code = "quiz_version_old"
    title = "The questions have changed"


class QuizAnswersWrong(Invalid):
    """One answer for each question; parameter ``questions``."""

    code = "quiz_answers_wrong"
    title = "One answer for each question"


class QuizTriesUsed(Conflict):
    """The quiz was tried often enough for 24 hours; parameter ``tries_max``."""

    code = "quiz_tries_used"
    title = "Try again tomorrow"


class TrainingNeeded(Conflict):
    """The quiz of today was not passed; parameter ``pass_percent``."""

    code = "training_needed"
    title = "Take the training first"


class AlreadyCourier(Conflict):
    """Who applies is a courier."""

    code = "already_courier"
    title = "You are a courier already"


class ApplicationWaits(Conflict):
    """One application waits for its store."""

    code = "application_waits"
    title = "Your application waits already"


class ApplicationNotFound(NotFound):
    """No such application, or not one to your store."""

    code = "application_not_found"
    title = "Application not found"


class OwnApplication(Conflict):
    """Nobody vets themselves."""

    code = "own_application"
    title = "This is your own application"


class CourierNotFound(NotFound):
    """No such courier, or not one of your store."""

    code = "courier_not_found"
    title = "Courier not found"
