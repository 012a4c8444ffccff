"""Incidents and calls for help of couriers (安全上报、SOS): a case that the platform sees at once."""

from enum import StrEnum

INCIDENTS_A_DAY_MAX = 20
"""Ordinary reports of one courier in 24 hours; a call for help is never refused."""


class IncidentKind(StrEnum):
    """What happened."""

    ACCIDENT = "accident"
    THREAT = "threat"
    ILLNESS = "illness"
    VEHICLE = "vehicle"
    GOODS = "goods"
    OTHER = "other"
