"""Community events as doors show them."""

from marshmallow import fields

from app.core.activities.rules import CAPACITY_MAX, PLACE_MAX, TITLE_MAX, WAITING_MAX, WORDS_MAX
from app.core.activities.states import ActivityState, SignupState
from app.web.fields import Body, Choice, Id, Instant, Int, Many, Text
from app.web.paging import LIMIT_MAX

COLUMNS = """a.activity_id, a.store_id, a.community_id, a.title, a.words, a.place, a.from_at, a.until_at, a.capacity,
        a.confirmed_count, a.waiting_count, a.state"""


class ActivityAbout(Body):
    """What an event is: for a community of the store's catchment, or for all of it (null)."""

    store_id = Id(required=True)
    community_id = Id(load_default=None, allow_none=True)
    title = Text(high=TITLE_MAX, required=True)
    words = Text(high=WORDS_MAX, required=True)
    place = Text(high=PLACE_MAX, required=True)
    from_at = Instant(required=True)
    until_at = Instant(required=True)
    capacity = Int(low=1, high=CAPACITY_MAX, required=True)


class ActivityOut(ActivityAbout):
    """An event, how many have a place, and how many wait for one."""

    activity_id = Id(required=True)
    confirmed_count = Int(low=0, high=CAPACITY_MAX, required=True)
    waiting_count = Int(low=0, high=WAITING_MAX, required=True)
    state = Choice(ActivityState, required=True)


class ActivitiesOut(Body):
    """A page of events."""

    items = Many(fields.Nested(ActivityOut), high=LIMIT_MAX, required=True)
    next_cursor = Text(high=64, required=True, allow_none=True)


class SignupStandsOut(Body):
    """Where a sign-up stands."""

    signup_id = Id(required=True)
    activity_id = Id(required=True)
    state = Choice(SignupState, required=True)
