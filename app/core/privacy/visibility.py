"""Who sees what of a resident, and when: field by state by role. ``docs/privacy.md`` is written from this table.

A phase is told by the order and its delivery; the courier is the one who has the trip, from the claim on. Who is not in
the table sees nothing. The doors' queries ask :func:`shown` before they open a sealed field.
"""

from datetime import datetime, timedelta
from enum import StrEnum

AFTER_DELIVERY = timedelta(minutes=30)
"""How long the door is shown to the courier, and the thread stays open, once the order is handed over or over."""


class Field(StrEnum):
    """What there is to see."""

    CONTACT_NAME = "contact_name"
    CONTACT_PHONE = "contact_phone"
    DOOR = "door"
    PLACE = "place"
    """Coordinates of the drop."""


class Viewer(StrEnum):
    """In what part one looks."""

    RESIDENT = "resident"
    COURIER = "courier"
    """Who has the trip."""
    HALL = "hall"
    """Couriers who look for trips."""
    MERCHANT = "merchant"
    STORE = "store"
    PLATFORM = "platform"


class Phase(StrEnum):
    """Where an order stands, as far as personal data goes."""

    UNPAID = "unpaid"
    UNDER_WAY = "under_way"
    """Paid, and not handed over."""
    JUST_OVER = "just_over"
    """Handed over or ended, up to half an hour ago."""
    OVER = "over"


class Shown(StrEnum):
    """How much of a field."""

    FULL = "full"
    MASKED = "masked"
    COARSE = "coarse"
    NOTHING = "nothing"


_ALWAYS = dict.fromkeys(Phase, Shown.FULL)
_WHILE_NEEDED = {Phase.UNDER_WAY: Shown.FULL, Phase.JUST_OVER: Shown.FULL}
_MASKED = {Phase.UNDER_WAY: Shown.MASKED, Phase.JUST_OVER: Shown.MASKED}

TABLE = {
    **{(field, Viewer.RESIDENT): _ALWAYS for field in Field},
    **{(field, Viewer.COURIER): _WHILE_NEEDED for field in Field},
    (Field.PLACE, Viewer.COURIER): {**_WHILE_NEEDED, Phase.OVER: Shown.COARSE},
    (Field.PLACE, Viewer.HALL): {Phase.UNDER_WAY: Shown.COARSE},
    (Field.CONTACT_NAME, Viewer.MERCHANT): _MASKED,
    (Field.CONTACT_PHONE, Viewer.MERCHANT): _MASKED,
}
"""(field, viewer) → phase → how much; what is not named is not shown."""


def shown(field: Field, viewer: Viewer, phase: Phase) -> Shown:
    """Return how much of ``field`` is shown to ``viewer`` in ``phase``."""
    return TABLE.get((field, viewer), {}).get(phase, Shown.NOTHING)


def phase_of(*, is_paid: bool, over_at: datetime | None, now: datetime) -> Phase:
    """Return the phase of an order that was handed over, or ended, at ``over_at``."""
    if over_at is not None:
        return Phase.JUST_OVER if now < over_at + AFTER_DELIVERY else Phase.OVER
    return Phase.UNDER_WAY if is_paid else Phase.UNPAID


def mask_phone(phone: str) -> str:
    """Return a mainland number (E.164) as ``138****1234``."""
    national = phone.removeprefix("+86")
    return f"{national[:3]}****{national[-4:]}"


def mask_name(name: str) -> str:
    """Return the first character of a name and a star: ``王*``."""
    return f"{name[:1]}*"
