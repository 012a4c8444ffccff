"""Feature switches (功能开关): the newest row of a name counts; without one it is on."""

from enum import StrEnum


class Feature(StrEnum):
    """What can be switched off, everywhere at once."""

    DESK_CASH_IN = "desk_cash_in"
    DESK_CASH_OUT = "desk_cash_out"
    DESK_BILLS = "desk_bills"
    DESK_TRANSFERS = "desk_transfers"
    HELP_CODES = "help_codes"


def is_on(feature: Feature) -> str:
    """Return the SQL that says whether ``feature`` is on, for a use case's opening."""
    return (
        f"coalesce((SELECT w.is_on FROM feature_changes AS w WHERE w.feature = '{feature.value}'"
        " ORDER BY w.change_id DESC LIMIT 1), true)"
    )
