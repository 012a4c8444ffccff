"""Linli (邻里): an open community O2O platform. ``create_app`` joins extensions, doors and problems; nothing else."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from flask import Flask

    from app.settings import Settings

__version__ = "0.1.0"


def create_app(settings: "Settings | None" = None) -> "Flask":
    """Return the web application. Imports lazily, so that importing ``app`` costs and needs nothing.

    :param settings: read from the environment when not given.
    :raises app.settings.SettingsError: the environment is wrong.
    """
    from app.settings import read_settings  # noqa: PLC0415
    from app.wiring import assemble  # noqa: PLC0415

    return assemble(settings if settings is not None else read_settings())
