"""Capacity (限流): how much of the machine one address may have, and which pages of other hosts may ask at all.

This protects the machine and nothing else. What protects people, money and codes is counted in rows of the database,
for every process alike (:mod:`app.usecases.people.breaker`). Counters here are those of one process, or of one Redis
for all of them; where Redis does not answer, nobody is refused for it.
"""

from flask import Flask
from flask_cors import CORS
from flask_limiter import Limiter
from flask_limiter.util import get_remote_address

from app.settings import Settings

IN_PROCESS = "memory://"
PREFLIGHT_S = 600
_ASKED = ("Authorization", "Content-Type", "Idempotency-Key", "Accept-Language")
_SHOWN = ("Retry-After", "WWW-Authenticate", "Content-Language")


def limit_requests(app: Flask, settings: Settings) -> None:
    """Refuse an address that sends more than so many requests a minute; 0 refuses nobody."""
    if not settings.requests_per_minute:
        return
    limiter = Limiter(
        get_remote_address,
        app=app,
        default_limits=[f"{settings.requests_per_minute} per minute"],
        application_limits_per_method=False,
        storage_uri=settings.limiter_url or IN_PROCESS,
        strategy="fixed-window",
        swallow_errors=True,
    )
    limiter.exempt(app.view_functions["pages.health"])


def allow_origins(app: Flask, settings: Settings) -> None:
    """Let pages of the origins named in the settings ask; without any, browsers let no other host's page."""
    if not settings.cors_origins:
        return
    CORS(
        app,
        origins=list(settings.cors_origins),
        allow_headers=list(_ASKED),
        expose_headers=list(_SHOWN),
        max_age=PREFLIGHT_S,
        supports_credentials=False,
        send_wildcard=False,
    )
