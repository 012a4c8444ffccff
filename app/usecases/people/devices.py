"""Devices (设备): which ones a phone has signed in from. Such a device has a lane of its own past every limit.

A device's name is what its app says, and can be guessed. So a sign-in gives a device token, which proves it: a keyed
digest of phone and name. It opens nothing; it only says that whoever shows it is not one of the many who guess.
"""

import base64
import hmac

from sqlalchemy import text

from app.kernel.sealing import keyed_digest
from app.kernel.transaction import Transaction

_HAS_SIGNED_IN = text(
    """
    SELECT EXISTS (
        SELECT 1 FROM sessions AS s JOIN accounts AS a ON a.account_id = s.account_id
        WHERE a.phone_index = :phone_index AND s.device = :device
          AND s.created_at > clock_timestamp() - interval '180 days')
    """
)
"""Erasure forgets devices."""


def device_token(phone_index: bytes, device: str) -> str:
    """Return what proves that ``device`` has signed in by the phone."""
    digest = keyed_digest(f"{phone_index.hex()}:{device}", context="device_token")
    return base64.urlsafe_b64encode(digest).decode().rstrip("=")


COOLING_HOURS = 24
"""How long a device is new to an account."""

COOLING_UNTIL = f"""
    SELECT CASE
        WHEN NOT EXISTS (SELECT 1 FROM sessions WHERE account_id = :account_id) THEN NULL
        WHEN CAST(:is_proven AS boolean) AND count(*) > 0 THEN max(cooling_until)
        ELSE clock_timestamp() + interval '{COOLING_HOURS} hours' END
    FROM sessions
    WHERE account_id = :account_id AND device = :device AND created_at > clock_timestamp() - interval '180 days'
"""
"""When ``:device`` stops being new to ``:account_id``; null for the account's first device: there is nobody before to
protect. One that proves itself goes on where the last sign-in by its name stood, so that a thief who takes a known name
has the whole time before him, however often he signs in."""


def is_proven(phone_index: bytes, device: str, token: str | None) -> bool:
    """Say whether ``token`` is the one that a sign-in by the phone from ``device`` gave."""
    return hmac.compare_digest(device_token(phone_index, device).encode(), (token or "").encode())


def is_known(tx: Transaction, *, phone_index: bytes, device: str, token: str | None) -> bool:
    """Say whether ``token`` proves a device that the phone has signed in from in the last 180 days."""
    has_signed_in = bool(tx.execute(_HAS_SIGNED_IN, {"phone_index": phone_index, "device": device}).scalar_one())
    return is_proven(phone_index, device, token) and has_signed_in
