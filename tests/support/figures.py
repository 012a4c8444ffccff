"""Figures made anew in tests."""

from __future__ import annotations

from typing import TYPE_CHECKING

from app.usecases.attributing.refresh import DAYS_MAX, refresh_figures
from tests.factories.rows import change, look_one

if TYPE_CHECKING:
    from datetime import date


def refresh(since: date | None = None) -> None:
    """Make figures anew of days on which something happened, not of the years that other tests' clocks jumped over.

    :param since: of every day from this one on, too.
    """
    if not look_one("SELECT count(*) FROM figure_marks"):
        refresh_figures()  # the first round ever begins with today
    today = "CAST(business_now() AT TIME ZONE 'Asia/Shanghai' AS date)"
    change(f"UPDATE figure_marks SET day = coalesce(CAST(:since AS date), {today})", since=since)
    change("DELETE FROM figure_dirt")
    while refresh_figures() >= DAYS_MAX:
        pass
