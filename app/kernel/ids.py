"""Identifiers: UUIDv7 made by the application (RFC 9562 §5.7), so that rows sort by birth and no counter is shared."""

import os
import threading
import time
from datetime import UTC, datetime
from uuid import UUID

_RANDOM_BITS = 62
_SEQUENCE_BITS = 12
_lock = threading.Lock()
_last_ms = 0
_sequence = 0


def born_at(identifier: UUID) -> datetime:
    """Return the wall time at which :func:`new_id` made ``identifier``, to the millisecond, UTC."""
    return datetime.fromtimestamp((identifier.int >> 80) / 1_000, tz=UTC)


def new_id() -> UUID:
    """Return a fresh UUIDv7; within one process later ids sort after earlier ones."""
    global _last_ms, _sequence  # noqa: PLW0603 - the monotone counter of RFC 9562 §6.2 is process state
    random = int.from_bytes(os.urandom(8)) >> (64 - _RANDOM_BITS)
    with _lock:
        now_ms = time.time_ns() // 1_000_000
        if now_ms > _last_ms:
            _last_ms, _sequence = now_ms, 0
        else:
            _sequence += 1
            if _sequence >> _SEQUENCE_BITS:
                _last_ms, _sequence = _last_ms + 1, 0
        stamp, sequence = _last_ms, _sequence
    return UUID(int=stamp << 80 | 0x7 << 76 | sequence << 64 | 0b10 << 62 | random)
