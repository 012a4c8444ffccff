"""What goes over the wire of a ``text/event-stream``."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

import orjson

RETRY_MS = 2_000
"""How long a browser waits before it opens a broken stream again."""

HELLO = b"retry: %d\n\n" % RETRY_MS
KEEP_ALIVE = b":\n\n"


class ResyncReason(StrEnum):
    """Why a listener has to read its state anew."""

    GONE = "gone"
    """What it missed is no longer kept, or is too much to repeat."""

    SLOW = "slow"
    """It took events more slowly than they came; the stream ends after this."""

    RESET = "reset"
    """The numbering went back: the database is another one than before."""


@dataclass(frozen=True, slots=True)
class LiveEvent:
    """A row of ``live_events``."""

    position: int
    event_id: UUID
    kind: str
    topics: list[str]
    body: dict[str, Any]
    recorded_at: datetime

    def as_frame(self) -> bytes:
        """Return the event as listeners get it."""
        told = {"event_id": self.event_id, "kind": self.kind, "recorded_at": self.recorded_at, **self.body}
        data = orjson.dumps(told, option=orjson.OPT_UTC_Z)
        return b"id: %d\nevent: %b\ndata: %b\n\n" % (self.position, self.kind.encode(), data)


def resync_frame(position: int, reason: ResyncReason) -> bytes:
    """Return the order to read everything anew; what comes after it is newer than ``position``."""
    return b'id: %d\nevent: resync\ndata: {"reason":"%b"}\n\n' % (position, reason.encode())
