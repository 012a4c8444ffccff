"""Figures made anew in tests."""

from app.usecases.attributing.refresh import DAYS_MAX, refresh_figures
from tests.factories.rows import change


def refresh() -> None:
    """Make figures anew of days on which something happened, not of the years that other tests' clocks jumped over."""
    change("UPDATE figure_marks SET day = CAST(business_now() AT TIME ZONE 'Asia/Shanghai' AS date)")
    change("DELETE FROM figure_dirt")
    while refresh_figures() >= DAYS_MAX:
        pass
