"""Alarms that are posted to an address, as JSON; never to anything but what the settings name."""

from collections.abc import Callable
from typing import Any

import requests
import structlog

TIMEOUT_S = (3, 5)

log = structlog.get_logger()


def webhook(url: str | None) -> Callable[[dict[str, Any]], bool] | None:
    """Return what posts an alarm to ``url`` and says whether it arrived; None without an address."""
    if url is None:
        return None

    def tell(alarm: dict[str, Any]) -> bool:
        try:
            answer = requests.post(url, json=alarm, timeout=TIMEOUT_S, allow_redirects=False)
        except requests.RequestException as error:
            log.warning("an alarm could not be told", error=type(error).__name__)
            return False
        return answer.ok

    return tell
