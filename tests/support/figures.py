"""Figures made anew in tests."""

from app.usecases.attributing.refresh import DAYS_MAX, refresh_figures


def refresh() -> None:
    """Make the figures of all days anew on which something happened, whatever earlier tests left to do."""
    while refresh_figures() >= DAYS_MAX:
        pass
