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


def is_known(tx: Transaction, *, phone_index: bytes, device: str, token: str | None) -> bool:
    """Say whether ``token`` proves a device that the phone has signed in from in the last 180 days."""
    has_signed_in = bool(tx.execute(_HAS_SIGNED_IN, {"phone_index": phone_index, "device": device}).scalar_one())
    is_proven = hmac.compare_digest(device_token(phone_index, device).encode(), (token or "").encode())
    return is_proven and has_signed_in
