"""To insist: what a person does whose request was not answered."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import requests
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from app.kernel.transaction import Replayed

if TYPE_CHECKING:
    from collections.abc import Callable

PATIENCE_S = 60.0
AGAIN_S = 0.1
PASSING = (DBAPIError, OperationalError, InterfaceError, PoolTimeout)
"""What the database says while it is away."""


def insist(act: Callable[[], Any]) -> Any:
    """Do ``act``, again and again while the database is away; what was done before is answered as then."""
    ends = time.monotonic() + PATIENCE_S
    while True:
        try:
            return act()
        except Replayed as replayed:
            return dict(replayed.result)
        except PASSING:
            if time.monotonic() > ends:
                raise
            time.sleep(AGAIN_S)


def press(url: str) -> requests.Response | None:
    """Press a button of the gateway's pages until it says something; None when it never does."""
    ends = time.monotonic() + PATIENCE_S / 2
    while time.monotonic() < ends:
        try:
            answer = requests.post(url, timeout=10)
        except requests.RequestException:
            time.sleep(AGAIN_S * 3)
            continue
        if answer.status_code < 500:
            return answer
    return None


def id_in(answer: Any, name: str) -> Any:
    """Return the id ``name`` of an answer, or of the one that was kept for a repeat, as text."""
    return str(answer[name] if isinstance(answer, dict) else getattr(answer, name))
