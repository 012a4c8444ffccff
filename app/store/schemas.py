"""What store staff send and see."""

from marshmallow import fields

from app.core.delivery.models import CourierState, Vehicle
from app.core.delivery.slots import PLACES_MAX
from app.core.delivery.states import ApplicationState
from app.core.orders.states import OrderState
from app.core.verification.models import FaceState
from app.web.fields import Body, Choice, Flag, Id, Instant, Int, Many, Pattern, Text
from app.web.paging import PageQuery
from app.web.views import LIST_MAX, OrderCore


class ShelfOrdersQuery(PageQuery):
    """Orders to be collected at one's stores, newest first."""

    state = Choice(OrderState, load_default=None)


class ShelfOrderOut(OrderCore):
    """An order that is collected at the counter; who collects is known by the code alone."""

    store_id = Id(required=True)


class ShelfOrdersOut(Body):
    """A page of orders."""

    items = Many(fields.Nested(ShelfOrderOut), high=LIST_MAX, required=True)
    next_cursor = Text(high=64, required=True, allow_none=True)


class CollectIn(Body):
    """The code that the resident shows."""

    code = Pattern(r"[0-9]{6}", high=6, required=True)


class FaceCodeIn(Body):
    """The code that a resident shows."""

    code = Pattern(r"[A-Za-z0-9_-]{16,64}", high=64, required=True)


class FaceCheckOut(Body):
    """Whose ID card it should be; name and number are there for a quarter of an hour, for the clerk who scanned."""

    verification_id = Id(required=True)
    state = Choice(FaceState, required=True)
    name = Text(high=50, required=True, allow_none=True)
    id_number = Text(high=18, required=True, allow_none=True)


class FaceCheckIn(Body):
    """Whether it is, with a JPEG or PNG photo of the card in base64, at most 180 KiB before encoding."""

    is_match = Flag(required=True)
    photo = Text(high=250_000, load_default=None, allow_none=True)


class FaceCheckMovedOut(Body):
    """How it ended."""

    verification_id = Id(required=True)
    state = Choice(FaceState, required=True)


class ApplicationsQuery(PageQuery):
    """Applications to one's store, newest first."""

    state = Choice(ApplicationState, load_default=None)


class StoreApplicationOut(Body):
    """Who applies, how far they are verified, and how the quiz went; name and card are seen face to face."""

    application_id = Id(required=True)
    account_id = Id(required=True)
    community_id = Id(required=True)
    vehicle = Choice(Vehicle, required=True)
    state = Choice(ApplicationState, required=True)
    verification_level = Int(low=0, high=3, required=True)
    training_percent = Int(low=0, high=100, required=True)
    submitted_at = Instant(required=True)
    decided_at = Instant(required=True, allow_none=True)


class StoreApplicationsOut(Body):
    """A page of applications."""

    items = Many(fields.Nested(StoreApplicationOut), high=LIST_MAX, required=True)
    next_cursor = Text(high=64, required=True, allow_none=True)


class CourierStateIn(Body):
    """Whether the courier may work."""

    state = Choice(CourierState, required=True)


class CourierOut(CourierStateIn):
    """Whether the courier may work now."""

    courier_id = Id(required=True)


class SlotsIn(Body):
    """A planned shift."""

    community_id = Id(required=True)
    starts_at = Instant(required=True)
    ends_at = Instant(required=True)
    places = Int(low=1, high=PLACES_MAX, load_default=1)


class SlotsPublishedOut(Body):
    """One id for each place."""

    community_id = Id(required=True)
    slot_ids = Many(Id(), high=PLACES_MAX, required=True)


class EquipmentIn(Body):
    """What a courier goes by."""

    vehicle = Choice(Vehicle, required=True)
    has_cold_box = Flag(required=True)


class EquipmentOut(EquipmentIn):
    """What the courier goes by now."""

    courier_id = Id(required=True)
